/** The pack as one HTML file that opens offline and prints. No script, no picture, nothing from a network. */

import { counted } from '../../core/count-words.ts';
import { escaped } from '../../core/markup.ts';
import type { ReportConnection, ReportDocument } from '../../core/report-document.ts';
import { list, section, table } from './markup.ts';

type Pack = Omit<ReportDocument, 'html' | 'csv' | 'exitCode'>;

const STYLE = `:root{color-scheme:light}body{font:14px/1.45 system-ui,"DejaVu Sans",sans-serif;color:#17202c;margin:32px;background:#fff;max-width:1500px}
h1{font-size:24px;margin:0}h2{font-size:17px;margin:28px 0 6px;break-after:avoid}p,ul{margin:6px 0}.wide{overflow-x:auto}
table{border-collapse:collapse;width:100%;font-size:12px}th,td{border-bottom:1px solid #d9dee6;padding:3px 8px 3px 0;text-align:left;vertical-align:top;overflow-wrap:break-word}
th{color:#4c596b}th.n{text-align:right}thead{display:table-header-group}td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}th.n,td.n{padding-right:20px}td.k{white-space:nowrap}tr{break-inside:avoid}
.verdict{font-size:18px;font-weight:650;padding:8px 12px;border-left:6px solid}.ok{border-color:#00578a;background:#e3f0f8}.red{border-color:#a3330c;background:#fde7dd}
code{overflow-wrap:anywhere}code,pre{font:12px ui-monospace,"DejaVu Sans Mono",monospace}pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f5f6f8;padding:8px 12px}small{color:#4c596b}
@page{size:A4 landscape;margin:12mm}@media print{body{margin:0;print-color-adjust:exact;-webkit-print-color-adjust:exact;max-width:none;font-size:10pt}table{font-size:7.5pt}th,td{padding:2px 5px 2px 0}.wide{overflow:visible}.sign{break-inside:avoid}}`;

const ANSWERS = {
  met: '✓\u00a0met',
  'not-met': '✖\u00a0not\u00a0met',
  'not-known': '?\u00a0not\u00a0known',
  'by-a-person': '– for a person to say',
} as const;

export function toHtml(pack: Pack): string {
  const { deployment, stack, selection, madeAt, madeBy, connections, notKnown, ok } = pack;
  const open = connections.filter(({ openPoints }) => openPoints.length > 0).length;
  const unmet = pack.success.filter(({ verdict }) => verdict !== 'met' && verdict !== 'by-a-person').length;
  const verdict =
    open > 0
      ? `${open} of ${counted(connections.length, 'connection')} ${open === 1 ? 'has' : 'have'} open points`
      : unmet > 0
        ? `${unmet} of ${counted(pack.success.length, 'success criterion', 'success criteria')} ${unmet === 1 ? 'is' : 'are'} not met or not known`
        : notKnown.length > 0
          ? 'Nothing is open, but not everything is known'
          : `Nothing is open: ${counted(connections.length, 'connection')}`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>Sign-off pack: ${escaped(deployment)}</title><style>${STYLE}</style></head><body>
<h1>Sign-off pack</h1>
<p>${escaped(deployment)}, stack ${escaped(stack)}, ${escaped(selection)}. Made ${escaped(moment(madeAt))} UTC by ${escaped(madeBy)}. It holds no message content.</p>
<p class="verdict ${ok ? 'ok' : 'red'}">${ok ? '✓' : '✖'} ${escaped(verdict)}</p>
${[
  notKnown.length === 0 ? '' : section('Not known', list(notKnown)),
  charterOf(pack),
  successOf(pack),
  section('In all', totalsOf(connections)),
  section('Every connection', routesTable(connections)),
  section('What was counted', countsTable(connections)),
  section('What was compared', comparedTable(pack)),
  section('Gate', gateOf(pack)),
  section('Approvals and sign-offs', signedOf(pack)),
  section('The night, as the ledger has it', nightOf(pack)),
  section('What moved when', movesOf(pack)),
  section('RAID log', raidOf(pack)),
  section('How to check this', verifyOf(pack)),
].join('\n')}
<div class="sign"><h2>Signed</h2><p>Engineering: ______________________ &nbsp; Lab Operations: ______________________ &nbsp; Date: ____________</p></div>
</body></html>
`;
}

/** Where there is nothing to be known, rather than nothing known. */
const NO_FEED = '– (no feed)';

function charterOf({ charter }: Pack): string {
  if (charter === null) return '';
  const { purpose, scope, sponsor } = charter;
  const more = [scope === null ? '' : `Scope: ${scope}`, sponsor === null ? '' : `Sponsor: ${sponsor}`];
  return section(
    'Charter',
    [purpose, ...more].flatMap((text) => (text === '' ? [] : [`<p>${escaped(text)}</p>`])).join(''),
  );
}

function successOf({ success }: Pack): string {
  return section(
    'Success criteria',
    table(
      ['criterion', 'answer', 'measured'],
      success.map(({ text, verdict, measured }) => [text, ANSWERS[verdict], measured]),
    ),
  );
}

function totalsOf(connections: readonly ReportConnection[]): string {
  const fed = connections.filter(({ origin }) => origin === 'feed');
  const total = (read: (line: ReportConnection) => number | null, of = connections): string => {
    const known = of.map(read);
    return known.includes(null)
      ? 'not known'
      : known.reduce<number>((sum, figure) => sum + (figure ?? 0), 0).toLocaleString('en-US');
  };
  return table(
    ['', ''],
    [
      ['delivered to destinations', total((line) => line.delivered)],
      [
        'of them from legacy, before (as far as the proof store still has them)',
        total((line) => line.deliveredByLegacy),
      ],
      ['of them from new, after', total((line) => line.deliveredByNew)],
      ['rejected by destinations', total((line) => line.destinationRejected)],
      ['maybe sent (listed by id at the gateways)', total((line) => line.maybeSent)],
      ['pairs compared', total((line) => line.pairs, fed)],
      ['of them with differences that no rule accepts', total((line) => line.open, fed)],
    ],
  );
}

function routesTable(connections: readonly ReportConnection[]): string {
  return table(
    [
      'connection',
      'practice',
      'wave',
      'is',
      'epoch',
      'moved (UTC)',
      'by',
      'longest pause',
      'approval',
      'signed off',
      'open points',
    ],
    connections.map((line) => [
      line.name,
      `${line.practice}, ${line.direction}`,
      line.wave,
      line.phase,
      line.epoch,
      line.movedAt === null ? 'never' : moment(line.movedAt),
      line.movedBy ?? '',
      pauseOf(line),
      line.approval === null ? 'none' : shortDigest(line.approval),
      line.signoff === null ? 'no' : `${line.signedOffBy.join(', ') || 'nobody validly'}, ${shortDigest(line.signoff)}`,
      line.openPoints.join('; '),
    ]),
  );
}

function pauseOf({ origin, longestPauseMs }: ReportConnection): string {
  if (origin === 'platform') return NO_FEED;
  return longestPauseMs === null ? 'not known' : `${Math.round(longestPauseMs).toLocaleString('en-US')} ms`;
}

function countsTable(connections: readonly ReportConnection[]): string {
  return table(
    [
      'connection',
      'received',
      'accepted',
      'delivered',
      'from legacy',
      'from new',
      'rejected by destination',
      'maybe sent',
      'decisions open',
    ],
    connections.map((line) => [
      line.name,
      line.origin === 'platform' ? NO_FEED : line.received,
      line.origin === 'platform' ? NO_FEED : line.accepted,
      line.delivered,
      line.deliveredByLegacy,
      line.deliveredByNew,
      line.destinationRejected,
      line.maybeSent,
      line.decisions,
    ]),
  );
}

function comparedTable({ connections, rules }: Pack): string {
  const known = connections.filter(({ pairs }) => pairs !== null);
  if (known.length === 0) return '<p>Nothing was compared.</p>';
  const compared = table(
    ['connection', 'pairs', 'the same', 'by a rule', 'open', 'rules'],
    known.map(({ name, pairs, matched, byRule, open, rules: used }) => [
      name,
      pairs,
      matched,
      byRule,
      open,
      used.join(', '),
    ]),
  );
  if (rules.length === 0) return compared;
  const accepted = table(
    ['rule', 'path', 'kind', 'why it does no harm', 'owner', 'approved by', 'until', 'differences', 'connections'],
    rules.map((rule) => [
      rule.name,
      rule.path,
      rule.kind,
      rule.reason,
      rule.owner,
      rule.approver ?? '',
      rule.expires,
      rule.differences,
      rule.connections,
    ]),
  );
  return `${compared}<h2>Differences that were accepted, by which rule and whom</h2>${accepted}`;
}

function gateOf({ gate }: Pack): string {
  if (gate === null) return '<p>No verdict of the gate is on file, so it is not green.</p>';
  const sign = { green: '✓', red: '✖', waived: '≈' } as const;
  const rows = gate.criteria.map(({ verdict, title, reason, waivers, evidence }) => [
    `${sign[verdict]}\u00a0${verdict}`,
    title,
    [
      reason,
      ...waivers.map(({ by, reason: why, notAfter }) => `waived by ${by} until ${moment(notAfter)} UTC: ${why}`),
    ].join('; '),
    evidence.map(shortDigest).join(', '),
  ]);
  return `<p><b>${gate.verdict === 'green' ? '✓' : '✖'} ${escaped(gate.verdict)}</b> at ${escaped(moment(gate.at))} UTC, good until ${escaped(moment(gate.expiresAt))} UTC, <code>${escaped(gate.digest)}</code></p>${table(['verdict', 'criterion', 'why', 'evidence'], rows)}`;
}

function signedOf({ signed }: Pack): string {
  if (signed.length === 0) return '<p>None on file.</p>';
  return table(
    [
      'document',
      'kind',
      'allows',
      'connections',
      'from (UTC)',
      'until (UTC)',
      'signed by',
      'still missing',
      'rests on',
    ],
    signed.map((one) => [
      shortDigest(one.digest),
      one.kind,
      one.target,
      one.connections,
      moment(one.notBefore),
      moment(one.notAfter),
      one.signedBy.join(', '),
      one.missing.join(', '),
      shortDigest(one.evidence),
    ]),
  );
}

function nightOf({ night }: Pack): string {
  if (night === null) return '<p>No ledger was read.</p>';
  if (night.length === 0) return '<p>The ledger has no run.</p>';
  return table(
    ['entry', 'when (UTC)', 'what', 'by', 'outcome', 'why', 'change', 'digest'],
    night.map(({ entry, at, kind, verb, by, host, outcome, reason, changeId, digest }) => [
      entry,
      moment(at),
      `${verb} (${kind})`,
      `${by} on ${host}`,
      outcome,
      reason ?? '',
      changeId ?? '',
      shortDigest(digest),
    ]),
  );
}

function movesOf({ timeline }: Pack): string {
  if (timeline.length === 0) return '<p>Nothing has moved.</p>';
  return table(
    ['when (UTC)', 'connection', 'epoch', 'became', 'by', 'why', 'approval', 'record'],
    timeline.map(({ at, connection, epoch, became, by, reason, approval, digest }) => [
      moment(at),
      connection,
      epoch,
      became,
      by,
      reason ?? '',
      approval === null ? '' : shortDigest(approval),
      shortDigest(digest),
    ]),
  );
}

function raidOf({ raid }: Pack): string {
  if (raid === null) return '<p>There is no RAID log on file.</p>';
  if (raid.length === 0) return '<p>It is empty.</p>';
  return table(
    ['id', 'what', 'severity', 'owner', 'opened', 'review by', 'is', 'mitigation'],
    raid.map((item) => [
      item.id,
      `${item.kind}: ${item.title}`,
      item.severity,
      item.owner,
      item.opened,
      item.review,
      item.closed === undefined
        ? 'open'
        : `closed ${item.closed}${item.reason === undefined ? '' : `: ${item.reason}`}`,
      item.mitigation ?? '',
    ]),
  );
}

function verifyOf({ checkpoint, verify }: Pack): string {
  const attested =
    checkpoint === null
      ? '<p>No checkpoint of the ledger is on file: nothing shows that its end was not cut.</p>'
      : `<p>Newest checkpoint: <code>${escaped(checkpoint.file)}</code> of ${escaped(moment(checkpoint.at))} UTC, ${checkpoint.length.toLocaleString('en-US')} ${checkpoint.length === 1 ? 'entry' : 'entries'}, head <code>${escaped(checkpoint.head)}</code>, ${checkpoint.isSigned ? 'with a signature beside it' : '<b>without a signature</b>'}.</p>`;
  return `${attested}<pre>${escaped(verify.join('\n'))}</pre>`;
}

function moment(iso: string): string {
  return iso.replace('T', ' ').replace(/\.\d+Z$|Z$/, '');
}

function shortDigest(digest: string): string {
  return digest.replace('sha256:', '').slice(0, 12);
}
