/**
 * For tests of the audit: a lab of 200 connections whose moves two people approved, its ledger of 1,000 entries, and all
 * that an export of it holds.
 */
import type { EpochRecord } from '../admin-api.ts';
import { parseAllowedSigners } from '../allowed-signers.ts';
import type { SignedDocument } from '../approval.ts';
import { canonicalJson, digestOf, type Json } from '../canonical-json.ts';
import { verbOf } from '../connection.ts';
import { linkEpoch } from '../epoch-history.ts';
import { type ChainHead, EMPTY_CHAIN, type LedgerDraft, type LedgerEntry, sealEntry } from '../ledger-entry.ts';
import type { Phase } from '../platform.ts';
import { NO_REVOKED_KEYS } from '../ssh/revoked-keys.ts';
import { ed25519Key } from '../ssh/test-keys.ts';
import { CHECKPOINT_NAMESPACE, type Checkpoint, type CheckpointOnFile, newestEpochs } from './checkpoint.ts';
import type { PulumiHistory } from './pulumi-history.ts';
import { readLedger } from './read-ledger.ts';
import type { AuditBundle, AuditVerdict } from './verify.ts';

const CONNECTIONS = 200;
export const keys = { ann: ed25519Key(), bob: ed25519Key(), ops: ed25519Key(), eve: ed25519Key() };
export const parsed = parseAllowedSigners(
  [
    `ann@lab namespaces="cutover-approval" ${keys.ann.line} role=engineering`,
    `bob@lab namespaces="cutover-approval,cutover-signoff" ${keys.bob.line} role=lab-operations`,
    `ops@lab namespaces="cutover-checkpoint" ${keys.ops.line}`,
  ].join('\n'),
);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
export const authority = { deployment: 'lab-1', signers: parsed.value, revoked: NO_REVOKED_KEYS };
export const EVIDENCE = `sha256:${'e'.repeat(64)}`;

export const nameOf = (index: number): string => `practice-${String(index).padStart(3, '0')}`;
const names = Array.from({ length: CONNECTIONS }, (_, index) => nameOf(index));

export const approval = signed({
  deployment: 'lab-1',
  connections: names.map((name) => ({ name, fromEpoch: 2 })),
  target: 'switched',
  evidence: EVIDENCE,
  notBefore: '2026-03-01T22:00:00Z',
  notAfter: '2026-03-02T04:00:00Z',
  attempts: 2,
});

/** As the verbs record it before the first epoch that rests on it. */
const recorded = {
  signedDocument: { digest: approval.digest, document: approval.document, signatures: approval.signatures },
};

function signed(document: Json): SignedDocument & { readonly digest: string } {
  const text = canonicalJson(document);
  const signatures = [keys.ann, keys.bob].map((key) => key.sign(text, 'cutover-approval'));
  return { document: text, signatures, digest: digestOf(document) };
}

/** Four epochs of a connection: there and back. */
export function records(name: string, over: Partial<EpochRecord> = {}): EpochRecord[] {
  const steps: [Phase, string | null][] = [
    ['legacy', null],
    ['parallel', null],
    ['switched', approval.digest],
    ['parallel', null],
  ];
  const made: EpochRecord[] = [];
  for (const [index, [phase, digest]] of steps.entries()) {
    const before = made.at(-1) ?? null;
    made.push(
      linkEpoch(before, {
        connection: name,
        epoch: index + 1,
        phase,
        newWeight: 0,
        verb: before === null ? 'init' : (verbOf(before, { phase, newWeight: 0 }, 'feed') ?? ''),
        by: 'lead',
        origin: 'verb',
        requestId: `r-${name}-${index}`,
        reason: index === 3 ? 'results late: “später”,\tno 3\u0007' : null,
        changeId: null,
        approval: digest,
        forced: false,
        at: `2026-03-01T2${index}:30:00.000Z`,
        ...(index === 2 ? over : {}),
      }),
    );
  }
  return made;
}

function draft(kind: LedgerDraft['kind'], body: Json, index: number): LedgerDraft {
  return {
    deployment: 'lab-1',
    kind,
    at: '2026-03-01T22:00:00.000Z',
    operator: 'lead',
    host: 'ops-1',
    run: `run-${index}`,
    verb: 'switch',
    stack: 'production',
    reason: null,
    changeId: 'CHG-1',
    body,
  };
}

export function ledgerOf(histories: readonly (readonly EpochRecord[])[]): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  const add = (kind: LedgerDraft['kind'], body: Json): void => {
    entries.push(sealEntry(draft(kind, body, entries.length), entries.at(-1) ?? EMPTY_CHAIN));
  };
  for (let index = 0; index < 5; index++) {
    if (index === 2) add('decision', recorded);
    for (const history of histories) {
      const record = history[index];
      if (record !== undefined) add('epoch', { ...record });
    }
  }
  while (entries.length < 1000) {
    const name = nameOf(entries.length % CONNECTIONS);
    if (entries.length % 2 === 0) add('intent', { moves: [{ name, to: { phase: 'switched', newWeight: 0 } }] });
    else add('result', { changed: [{ name, pauseMs: 12.5 }], unchanged: [], interrupted: false });
  }
  return entries;
}

export const histories = names.map((name) => records(name));
export const entries = ledgerOf(histories);

export function checkpointOf(
  ledger: readonly LedgerEntry[],
  length: number,
  key = keys.ops,
  over: Partial<Checkpoint> = {},
): CheckpointOnFile {
  const part = ledger.slice(0, length);
  const checkpoint: Checkpoint = {
    kind: 'ledger-checkpoint',
    deployment: 'lab-1',
    stack: 'production',
    target: 'production',
    at: '2026-03-01T23:00:00.000Z',
    length,
    head: part.at(-1)?.digest ?? '',
    epochs: Object.fromEntries(newestEpochs(part)),
    ...over,
  };
  const text = canonicalJson(checkpoint);
  return { name: `${length}.json`, text, signature: key.sign(text, CHECKPOINT_NAMESPACE) };
}

export const checkpoints = [checkpointOf(entries, 600), checkpointOf(entries, 1000)];

export const pulumi: PulumiHistory = [
  {
    kind: 'update',
    result: 'succeeded',
    startTime: '2026-03-01T22:30:00Z',
    message: '',
    config: {
      'lab-cutover:routes': {
        value: JSON.stringify(
          Object.fromEntries(names.map((name) => [name, { phase: 'switched', epoch: 3, approval: approval.digest }])),
        ),
      },
    },
  },
];

export const textOf = (ledger: readonly LedgerEntry[]): Buffer =>
  Buffer.from(ledger.map((entry) => `${canonicalJson(entry as Json)}\n`).join(''));
export const BYTES = textOf(entries);

export function bundle(over: Partial<AuditBundle> = {}): AuditBundle {
  return {
    deployment: 'lab-1',
    target: 'production',
    ledger: BYTES,
    checkpoints,
    gateways: new Map(histories.map((history) => [history[0]?.connection ?? '', history])),
    pulumi,
    documents: { approvals: new Map([[approval.digest, approval]]), evidence: new Set([EVIDENCE]) },
    authority,
    signersFrom: 'auditor',
    fileFindings: [],
    ...over,
  };
}

export function named({ verdict, findings }: AuditVerdict): string {
  return [verdict, ...findings.filter((one) => one.verdict === 'failed').map(({ message }) => message)].join('\n');
}

/** What someone with the database and this code can do: change one entry, and seal everything after it again. */
export function reseal(ledger: readonly LedgerEntry[], from: number, over: Partial<LedgerDraft>): LedgerEntry[] {
  const forged = ledger.slice(0, from);
  for (const [index, { seq: _seq, previous: _previous, digest: _digest, ...rest }] of ledger.slice(from).entries()) {
    forged.push(sealEntry(index === 0 ? { ...rest, ...over } : rest, forged.at(-1) ?? EMPTY_CHAIN));
  }
  return forged;
}

/** Where the entry after `seq` has to begin. */
export function afterEntry(seq: number): ChainHead {
  const entry = entries[seq - 1];
  return entry === undefined ? EMPTY_CHAIN : { seq, digest: entry.digest };
}

export type Line = { readonly seq: number; readonly line: Buffer };

/** Every entry as its line, with its line feed. */
export const LINES: readonly Line[] = entries.map((entry) => ({ seq: entry.seq, line: textOf([entry]) }));

/**
 * What is said of an entry in which these bytes stand instead of the one at `at`. It is judged after the entries before it,
 * which the change does not touch; where its line end changes, with the next one, into which it runs.
 */
export function verdictOn(seq: number, at: number, instead: readonly number[]): string {
  const { line } = LINES[seq - 1] ?? { line: Buffer.alloc(0) };
  const isEnd = at === line.length - 1 || instead.includes(0x0a);
  const next = isEnd ? (LINES[seq]?.line ?? Buffer.alloc(0)) : Buffer.alloc(0);
  const changed = Buffer.concat([line.subarray(0, at), Buffer.from(instead), line.subarray(at + 1), next]);
  const { findings } = readLedger(changed, 'lab-1', afterEntry(seq - 1));
  return findings.find(({ verdict }) => verdict === 'failed')?.message ?? 'nothing';
}

/** A finding about this entry, or about its line; behind its line feed another line begins. */
export function naming(seq: number, at = 0): RegExp {
  const isEnd = at === (LINES[seq - 1]?.line.length ?? 0) - 1;
  return new RegExp(`(line|entry) \\(?(${isEnd ? `${seq}|${seq + 1}` : seq})\\b`);
}
