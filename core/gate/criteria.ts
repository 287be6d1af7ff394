/**
 * The criteria of go or no-go (DESIGN, "Gate"), each a pure function from observations to green or red with its reason and
 * evidence. Unknown is red; a source that is not there is red as `not configured`.
 */

import { counted } from '../count-words.ts';
import { SAY_EFFECTS } from '../effects-words.ts';
import { isSamePerson } from '../person.ts';
import { judgeQuiet } from '../planning/quiet.ts';
import { fitInto, nameOf, windowAt, windowsIn } from '../planning/windows.ts';
import { lastingReasons } from '../rollback-readiness.ts';
import { handoverAsOf, hasCome, openAccess } from './handover.ts';
import type { Earlier, GateConnection, Observations, Observed } from './observations.ts';

export type Red = { readonly name: string | null; readonly reason: string };
export type Judgement = {
  readonly green: string;
  readonly reds: readonly Red[];
  readonly evidence: readonly string[];
};
export type Criterion = {
  readonly id: string;
  readonly title: string;
  /** What to do where it is red. */
  readonly remedy: string;
  readonly judge: (observations: Observations) => Judgement;
};

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;
/** How old what was measured may be. */
export const FRESH_MS = {
  drain: 7 * DAY_MS,
  rollbackDrill: 30 * DAY_MS,
  reconciliation: DAY_MS,
  connectivity: DAY_MS,
  connectivityAttested: 30 * DAY_MS,
  withoutFeedAttested: 30 * DAY_MS,
  alertReceipt: 7 * DAY_MS,
} as const;
/** The next window opens within this time, or the gate is too early. */
const WINDOW_AHEAD_MS = DAY_MS;
const ROLLBACK_LIMIT_MS = MINUTE_MS;
const LAG_LIMIT = 1000;

export const CRITERIA: readonly Criterion[] = [
  {
    id: 'outputs-match',
    title: "both platforms' outputs match, with coverage",
    remedy: 'cutover compare (says which differ); let the parallel run go on until it has seen enough',
    judge: (observations) =>
      orAttested(observations, 'outputs', 'nothing is compared', (connections) =>
        fromSource(
          observations.comparison,
          connections,
          (verdicts, { name }) => {
            const found = verdicts.get(name);
            if (found === undefined) return 'the comparison says nothing of it';
            return found.verdict === 'green' ? null : found.reasons.join('; ') || 'its comparison is red';
          },
          'every connection is compared, covered and green',
        ),
      ),
  },
  {
    id: 'drain-rehearsed',
    title: 'the drain was rehearsed under traffic, its pause inside the sender’s patience',
    remedy: 'cutover drill (the same selection) while messages flow',
    judge: (observations) =>
      orAttested(observations, 'stop-and-start', 'nothing is drained', (connections) =>
        fromSource(
          observations.drills,
          connections,
          (all, { name, status }) => {
            const { nowMs } = observations;
            const found = all.flatMap(({ atMs, value }) => {
              const one = value.kind === 'drain' ? value.connections.find((item) => item.name === name) : undefined;
              return one === undefined ? [] : [{ atMs, one }];
            })[0];
            if (found === undefined) return 'its drain was never rehearsed';
            const { one, atMs } = found;
            if (one.verdict !== 'passed')
              return `its last drain ${one.verdict === 'idle' ? 'saw no traffic' : 'failed'}: ${one.reason ?? ''}`;
            if (nowMs - atMs > FRESH_MS.drain) return `its drain was rehearsed ${ageOf(nowMs - atMs)} ago`;
            if (status.kind === 'observed' && one.epoch !== status.value.epoch)
              return `it was rehearsed at epoch ${one.epoch}, and is at ${status.value.epoch}`;
            return one.drainMs !== null && one.drainMs <= one.boundMs
              ? null
              : `its drain took ${one.drainMs} ms of ${one.boundMs} ms`;
          },
          'every drain was rehearsed under traffic, within half of the sender’s patience',
        ),
      ),
  },
  {
    id: 'connectivity',
    title: 'the destination answers what the gateway sends',
    remedy: 'wait for a real message, or: cutover attest --what connectivity --by NAME --connection …',
    judge: ({ connections, connectivity, nowMs }) =>
      perConnection(
        connections,
        ({ name, status }) => {
          const attested = connectivity.find(
            ({ atMs, value }) => value.connections.includes(name) && nowMs - atMs <= FRESH_MS.connectivityAttested,
          );
          if (attested !== undefined) return null;
          if (status.kind !== 'observed') return `unknown: ${status.message}`;
          const { observed } = status.value;
          if (observed === null)
            return 'no message of this epoch was answered by its destination, and nobody attested it';
          const ageMs = nowMs - Date.parse(observed.at);
          return ageMs <= FRESH_MS.connectivity ? null : `its destination answered last ${ageOf(ageMs)} ago`;
        },
        'every destination answered within a day, or was attested',
        connectivity.map(({ digest }) => digest),
      ),
  },
  {
    id: 'rollback-drilled',
    title: 'the way back was drilled, and how long it takes is known',
    remedy: 'cutover drill --connection TEST --really --yes',
    judge: ({ drills, nowMs }) =>
      whole(
        drills,
        (all) => {
          const found = all.find(({ value }) => value.kind === 'cycle');
          const back = found?.value.cycle.find(({ verb }) => verb === 'rollback');
          if (found === undefined || back === undefined) return 'no rollback was ever drilled';
          if (back.exitCode !== 0) return `the last drilled rollback ended with ${back.exitCode}`;
          if (nowMs - found.atMs > FRESH_MS.rollbackDrill)
            return `a rollback was drilled ${ageOf(nowMs - found.atMs)} ago`;
          return back.movedMs <= ROLLBACK_LIMIT_MS ? null : `the drilled rollback took ${back.movedMs} ms`;
        },
        (all) =>
          `a rollback moved every route in ${all.find(({ value }) => value.kind === 'cycle')?.value.cycle.find(({ verb }) => verb === 'rollback')?.movedMs} ms`,
      ),
  },
  {
    id: 'rollback-ready',
    title: 'nothing stands in the way of a rollback now',
    remedy: 'cutover status; runbooks/shadow-lag.md; cutover resolve',
    judge: ({ connections }) =>
      perConnection(
        connections,
        ({ status }) => {
          if (status.kind !== 'observed') return `unknown: ${status.message}`;
          const { state, shadowLag, decisions, phase, rollbackReady, readiness } = status.value;
          if (state !== 'steady') return `its gateway says '${state}'`;
          if (shadowLag > LAG_LIMIT) return `its shadow is ${counted(shadowLag, 'message')} behind`;
          if (decisions > 0) return `${decisions} of its messages wait for a decision`;
          if (phase === 'switched' && !rollbackReady.ready) return rollbackReady.reasons.join('; ');
          const lasting = lastingReasons(readiness ?? { certificateDays: null, diskFreeBytes: null });
          return lasting.length > 0 ? lasting.join('; ') : null;
        },
        'every gateway answers, is steady, and its shadow keeps up',
      ),
  },
  {
    id: 'on-call',
    title: 'monitoring and on-call are live: the new owner has acknowledged a synthetic alert',
    remedy: 'send a test alert; one of `onCall` in handover.yaml: cutover attest --what alert-receipt --by NAME …',
    judge: ({ connections, alertReceipts, handover, nowMs }) => {
      if (alertReceipts.kind !== 'observed') return missing(alertReceipts);
      if (handover.kind !== 'observed') return missing(handover);
      return perConnection(
        connections,
        ({ name, owner }) => {
          if (owner === null) return 'not configured: the inventory names no team under `owners.new`';
          const people = handover.value.onCall.filter(({ team }) => team === owner).flatMap((team) => team.people);
          if (people.length === 0) return `not configured: handover.yaml has nobody under \`onCall\` of ${owner}`;
          const about = alertReceipts.value.filter(({ value }) => value.connections.includes(name));
          const own = about.find(({ value }) => people.some((one) => isSamePerson(one.name, value.by)));
          const [other] = about;
          if (own === undefined && other !== undefined)
            return `its last alert was acknowledged by ${other.value.by}, who is not on call of ${owner}`;
          if (own === undefined) return 'no alert of it was ever acknowledged';
          const ageMs = nowMs - own.atMs;
          return ageMs <= FRESH_MS.alertReceipt ? null : `its last alert was acknowledged ${ageOf(ageMs)} ago`;
        },
        'an alert of each was acknowledged by the team that has it from the switch on',
        alertReceipts.evidence,
      );
    },
  },
  {
    id: 'reconciliation-ready',
    title: 'the reconciliation of these connections works, and balances',
    remedy: 'cutover reconcile (the same selection)',
    judge: ({ connections, reconciliations, nowMs }) =>
      fromSource(
        reconciliations,
        connections,
        (all, { name }) => {
          const found = all.find(({ value }) => value.has(name));
          const own = found?.value.get(name);
          if (found === undefined || own === undefined) return 'it was never reconciled';
          if (nowMs - found.atMs > FRESH_MS.reconciliation) return `it was reconciled ${ageOf(nowMs - found.atMs)} ago`;
          return own.verdict === 'green' ? null : own.reasons.join('; ') || 'its reconciliation is red';
        },
        'every connection was reconciled within a day, and balances',
      ),
  },
  {
    id: 'window',
    title: 'a window is open or opens within a day, low in traffic, with time for the way back',
    remedy: 'cutover plan --windows',
    judge: judgeWindow,
  },
  {
    id: 'side-effects',
    title: "side effects and state of the platforms' channels are classified",
    remedy: SAY_EFFECTS,
    judge: ({ connections }) =>
      perConnection(
        connections,
        ({ unclassifiedEffects: open, effectsAreKnown }) => {
          if (!effectsAreKnown) return 'not configured: nobody has said what else its channels do (`effects`)';
          return open.length === 0 ? null : `not classified: ${open.join(', ')}`;
        },
        'every side effect is classified',
      ),
  },
  {
    id: 'raid',
    title: 'no open high risk, issue, dependency or assumption; none overdue for review',
    remedy: 'cutover raid list; cutover raid close --id R-1 --reason …',
    judge: ({ raid, nowMs, connections }) => {
      if (raid.kind !== 'observed') return missing(raid);
      const waves = new Set(connections.map(({ wave }) => wave));
      const today = new Date(nowMs).toISOString().slice(0, 10);
      const open = raid.value.items.filter(
        (item) =>
          (item.closed === undefined || !hasCome(item.closed, nowMs)) &&
          (item.waves?.some((wave) => waves.has(wave)) ?? true),
      );
      const reds = open.flatMap(({ id, severity, title, owner, review }): Red[] => {
        if (severity === 'high') return [{ name: null, reason: `${id} is open and high: ${title} (${owner})` }];
        return review < today
          ? [{ name: null, reason: `${id} was to be reviewed by ${review}: ${title} (${owner})` }]
          : [];
      });
      return { green: `${open.length} open items, none high, none overdue`, reds, evidence: raid.evidence };
    },
  },
  {
    id: 'handover',
    title: 'the four parties have agreed, knowledge was transferred, access has changed hands',
    remedy: 'complete `handOffs`, `knowledgeTransfer` and `access` in handover.yaml: cutover handover status',
    judge: ({ handover, connections, nowMs }) => {
      if (handover.kind !== 'observed') return missing(handover);
      const today = handoverAsOf(handover.value, nowMs);
      const { handOffs, knowledgeTransfer } = today;
      const vendors = new Set(connections.flatMap(({ vendor }) => vendor ?? []));
      const parties = [
        ...(['legacy', 'new', 'lis'] as const).flatMap((party) => handOffs[party].map((one) => ({ ...one, party }))),
        ...handOffs.emr.filter(({ vendor }) => vendors.has(vendor)).map((one) => ({ ...one, party: one.vendor })),
      ];
      const unnamed = [...vendors].filter((vendor) => !handOffs.emr.some((one) => one.vendor === vendor));
      const reds = [
        ...parties
          .filter(({ agreed }) => agreed === undefined)
          .map(({ party, what }) => ({ name: null, reason: `${party} has not agreed: ${what}` })),
        ...unnamed.map((vendor) => ({ name: null, reason: `no hand-off is written down for ${vendor}` })),
        ...knowledgeTransfer
          .filter(({ done }) => done === undefined)
          .map(({ topic, to }) => ({ name: null, reason: `not transferred to ${to}: ${topic}` })),
        ...openAccess(today).map(({ what, to, owner }) => ({
          name: null,
          reason: `${to} has no access yet: ${what} (${owner})`,
        })),
      ];
      return {
        green: `${counted(parties.length, 'hand-off is', 'hand-offs are')} agreed, ${counted(knowledgeTransfer.length, 'topic')} transferred`,
        reds,
        evidence: handover.evidence,
      };
    },
  },
  {
    id: 'people',
    title: 'notices are sent, the bridge has contacts, the first morning a roster',
    remedy: 'complete `notices`, `bridge` and `roster` in handover.yaml',
    judge: ({ handover, connections, nowMs }) => {
      if (handover.kind !== 'observed') return missing(handover);
      const { notices, bridge, roster } = handoverAsOf(handover.value, nowMs);
      const reds = [...new Set(connections.map(({ wave }) => wave))].flatMap((wave): Red[] => {
        const own = notices.filter((notice) => notice.wave === wave);
        const unsent = own.filter(({ sent }) => sent === undefined);
        return [
          ...(own.length === 0 ? [{ name: null, reason: `no notice is written down for wave ${wave}` }] : []),
          ...unsent.map(({ to }) => ({ name: null, reason: `the notice of wave ${wave} to ${to} is not sent` })),
          ...(roster.some((one) => one.wave === wave)
            ? []
            : [{ name: null, reason: `the first morning of wave ${wave} has no roster` }]),
        ];
      });
      return {
        green: `notices are sent, ${counted(bridge.contacts.length, 'person is', 'people are')} on the bridge, the roster stands`,
        reds,
        evidence: handover.evidence,
      };
    },
  },
];

function judgeWindow({ connections, nowMs, night }: Observations): Judgement {
  const { programme, needs, traffic } = night;
  const reds: Red[] = [];
  const names = new Set<string>();
  for (const { name, window: rule } of connections) {
    if (rule === null) {
      reds.push({ name, reason: 'not configured: it has no change window' });
      continue;
    }
    const open = windowAt(rule, nowMs);
    const window = open ?? windowsIn(rule, { fromMs: nowMs, toMs: nowMs + WINDOW_AHEAD_MS })[0];
    if (window === undefined) {
      reds.push({ name, reason: 'its window is closed, and the next one is more than a day away' });
      continue;
    }
    const fit = fitInto(window, needs, programme, nowMs);
    if (!fit.ok) {
      reds.push({ name, reason: fit.refusal.message });
      continue;
    }
    names.add(nameOf(window));
    if (traffic.kind !== 'observed') continue;
    const quiet = judgeQuiet(traffic.value, window, programme.quiet);
    if (quiet.verdict === 'red') reds.push({ name, reason: quiet.reason });
  }
  if (traffic.kind !== 'observed') reds.push(...missing(traffic).reds);
  return { green: [...names].join('; '), reds, evidence: [] };
}

/**
 * What cannot be measured without a feed, somebody attests for each such connection by name; and a green says so. The others are
 * judged as ever.
 */
function orAttested(
  { connections, withoutFeed, nowMs }: Observations,
  what: string,
  why: string,
  judge: (fed: readonly GateConnection[]) => Judgement,
): Judgement {
  const fed = connections.filter(({ origin }) => origin === 'feed');
  const others = connections.filter(({ origin }) => origin === 'platform');
  if (others.length === 0) return judge(fed);
  const fresh = withoutFeed.filter(
    ({ atMs, value }) => value.what === what && nowMs - atMs <= FRESH_MS.withoutFeedAttested,
  );
  const reds = others.flatMap(({ name }): Red[] => {
    if (fresh.some(({ value }) => value.connections.includes(name))) return [];
    const reason = `origin: platform, so ${why}; nobody has attested it within 30 days: cutover attest --what ${what} --by NAME --reason TEXT --connection ${name}`;
    return [{ name, reason }];
  });
  const own = fed.length === 0 ? { green: '', reds: [], evidence: [] } : judge(fed);
  const attested = `not measured of ${others.map(({ name }) => name).join(', ')} (origin: platform, ${why}): attested`;
  return {
    green: own.green === '' ? attested : `${own.green}; ${attested}`,
    reds: [...own.reds, ...reds],
    evidence: [...own.evidence, ...fresh.map(({ digest }) => digest)],
  };
}

/** Every connection by one source, which may be absent as a whole. */
function fromSource<T>(
  source: Observed<T>,
  connections: readonly GateConnection[],
  reasonOf: (value: T, connection: GateConnection) => string | null,
  green: string,
): Judgement {
  if (source.kind !== 'observed') return missing(source);
  return perConnection(connections, (connection) => reasonOf(source.value, connection), green, source.evidence);
}

function perConnection(
  connections: readonly GateConnection[],
  reasonOf: (connection: GateConnection) => string | null,
  green: string,
  evidence: readonly string[] = [],
): Judgement {
  const reds = connections.flatMap((connection): Red[] => {
    const reason = reasonOf(connection);
    return reason === null ? [] : [{ name: connection.name, reason }];
  });
  return { green, reds, evidence };
}

/** One verdict for all of them. */
function whole<T>(
  source: Observed<readonly Earlier<T>[]>,
  reasonOf: (all: readonly Earlier<T>[]) => string | null,
  greenOf: (all: readonly Earlier<T>[]) => string,
): Judgement {
  if (source.kind !== 'observed') return missing(source);
  const reason = reasonOf(source.value);
  const green = reason === null ? greenOf(source.value) : '';
  return { green, reds: reason === null ? [] : [{ name: null, reason }], evidence: source.evidence };
}

function missing(source: { readonly kind: 'not-configured' | 'unknown'; readonly message: string }): Judgement {
  const reason = source.kind === 'not-configured' ? `not configured: ${source.message}` : `unknown: ${source.message}`;
  return { green: '', reds: [{ name: null, reason }], evidence: [] };
}

function ageOf(ms: number): string {
  if (ms < HOUR_MS) return `${Math.round(ms / MINUTE_MS)} min`;
  return ms < 2 * DAY_MS ? `${Math.round(ms / HOUR_MS)} h` : `${Math.round(ms / DAY_MS)} days`;
}
