/**
 * An exported ledger of 1,000 entries, and everything that someone could do to it afterwards: each is named. Given a
 * lab whose moves were approved by two people, whose gateways and Pulumi history are there, and signed checkpoints.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { EpochRecord } from '../admin-api.ts';
import { parseAllowedSigners } from '../allowed-signers.ts';
import type { SignedDocument } from '../approval.ts';
import { canonicalJson, digestOf, type Json } from '../canonical-json.ts';
import { verbOf } from '../connection.ts';
import { linkEpoch } from '../epoch-history.ts';
import { EMPTY_CHAIN, type LedgerDraft, type LedgerEntry, sealEntry } from '../ledger-entry.ts';
import type { Phase } from '../platform.ts';
import { NO_REVOKED_KEYS } from '../ssh/revoked-keys.ts';
import { ed25519Key } from '../ssh/test-keys.ts';
import { CHECKPOINT_NAMESPACE, type Checkpoint, type CheckpointOnFile, newestEpochs } from './checkpoint.ts';
import type { PulumiHistory } from './pulumi-history.ts';
import { type AuditBundle, type AuditVerdict, verifyAudit } from './verify.ts';

const CONNECTIONS = 200;
const keys = { ann: ed25519Key(), bob: ed25519Key(), ops: ed25519Key(), eve: ed25519Key() };
const parsed = parseAllowedSigners(
  [
    `ann@lab namespaces="cutover-approval" ${keys.ann.line} role=engineering`,
    `bob@lab namespaces="cutover-approval,cutover-signoff" ${keys.bob.line} role=lab-operations`,
    `ops@lab namespaces="cutover-checkpoint" ${keys.ops.line}`,
  ].join('\n'),
);
if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
const authority = { deployment: 'lab-1', signers: parsed.value, revoked: NO_REVOKED_KEYS };
const EVIDENCE = `sha256:${'e'.repeat(64)}`;

const nameOf = (index: number): string => `practice-${String(index).padStart(3, '0')}`;
const names = Array.from({ length: CONNECTIONS }, (_, index) => nameOf(index));

const approval = signed({
  deployment: 'lab-1',
  connections: names.map((name) => ({ name, fromEpoch: 2 })),
  target: 'switched',
  evidence: EVIDENCE,
  notBefore: '2026-03-01T22:00:00Z',
  notAfter: '2026-03-02T04:00:00Z',
  attempts: 2,
});

function signed(document: Json): SignedDocument & { readonly digest: string } {
  const text = canonicalJson(document);
  const signatures = [keys.ann, keys.bob].map((key) => key.sign(text, 'cutover-approval'));
  return { document: text, signatures, digest: digestOf(document) };
}

/** Two intents and results, and four epochs of each connection: 1,000 entries with what surrounds them. */
function records(name: string, over: Partial<EpochRecord> = {}): EpochRecord[] {
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
        verb: before === null ? 'init' : (verbOf(before, { phase, newWeight: 0 }) ?? ''),
        by: 'lead',
        origin: 'verb',
        requestId: `r-${name}-${index}`,
        reason: index === 3 ? 'results late' : null,
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

function ledgerOf(histories: readonly (readonly EpochRecord[])[]): LedgerEntry[] {
  const entries: LedgerEntry[] = [];
  const add = (kind: LedgerDraft['kind'], body: Json): void => {
    entries.push(sealEntry(draft(kind, body, entries.length), entries.at(-1) ?? EMPTY_CHAIN));
  };
  for (let index = 0; index < 4; index++) {
    for (const history of histories) {
      const record = history[index];
      if (record !== undefined) add('epoch', { ...record });
    }
  }
  while (entries.length < 1000) add('intent', { moves: [{ name: nameOf(entries.length % CONNECTIONS) }] });
  return entries;
}

const histories = names.map((name) => records(name));
const entries = ledgerOf(histories);

function checkpointOf(
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
    at: '2026-03-01T23:00:00.000Z',
    length,
    head: part.at(-1)?.digest ?? '',
    epochs: Object.fromEntries(newestEpochs(part)),
    ...over,
  };
  const text = canonicalJson(checkpoint);
  return { name: `${length}.json`, text, signature: key.sign(text, CHECKPOINT_NAMESPACE) };
}

const checkpoints = [checkpointOf(entries, 600), checkpointOf(entries, 1000)];

const pulumi: PulumiHistory = [
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

const textOf = (ledger: readonly LedgerEntry[]): Buffer =>
  Buffer.from(ledger.map((entry) => `${canonicalJson(entry as Json)}\n`).join(''));
const BYTES = textOf(entries);

function bundle(over: Partial<AuditBundle> = {}): AuditBundle {
  return {
    deployment: 'lab-1',
    target: 'production',
    ledger: BYTES,
    checkpoints,
    gateways: new Map(histories.map((history) => [history[0]?.connection ?? '', history])),
    pulumi,
    documents: { approvals: new Map([[approval.digest, approval]]), evidence: new Set([EVIDENCE]) },
    authority,
    fileFindings: [],
    ...over,
  };
}

function named({ verdict, findings }: AuditVerdict): string {
  return [verdict, ...findings.filter((one) => one.verdict === 'failed').map(({ message }) => message)].join('\n');
}

/** The chain and the checkpoints alone, as a tampered ledger of 1,000 entries is judged many times. */
const chainOnly = (ledger: Uint8Array, over: Partial<AuditBundle> = {}): AuditVerdict =>
  verifyAudit(bundle({ ledger, target: 'local', gateways: null, pulumi: null, ...over }));

test('as it was exported it is green, to its last entry', () => {
  const verdict = verifyAudit(bundle());
  expect(named(verdict)).toBe('green');
  expect(verdict).toMatchObject({ entries: 1000, completeUpTo: 1000 });
});

describe('tampering is named', () => {
  test('any single byte that is changed, removed or added, anywhere', () => {
    fc.assert(
      fc.property(
        fc.nat(BYTES.length - 1),
        fc.constantFrom('change', 'remove', 'add'),
        fc.integer({ min: 1, max: 255 }),
        (at, how, by) => {
          const [before, after] = [BYTES.subarray(0, at), BYTES.subarray(at + 1)];
          const own = BYTES[at] ?? 0;
          const instead = how === 'remove' ? [] : how === 'add' ? [own, own ^ by] : [own ^ by];
          const verdict = chainOnly(Buffer.concat([before, Buffer.from(instead), after]));
          expect(verdict.verdict).toBe('red');
          expect(named(verdict)).toMatch(/line \(?\d+|entry \d+|not UTF-8/);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('every byte of one entry', () => {
    const line = `${canonicalJson(entries[0] as Json)}\n`;
    for (let at = 0; at < line.length; at++) {
      const changed = Buffer.from(line);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect([at, chainOnly(changed, { checkpoints: [] }).verdict]).toEqual([at, 'red']);
    }
  });

  test('an entry that is removed, swapped with the next, repeated, or inserted', () => {
    const lines = entries.map((entry) => canonicalJson(entry as Json));
    const write = (list: readonly string[]): Buffer => Buffer.from(list.map((line) => `${line}\n`).join(''));
    for (const at of [0, 1, 417, 998]) {
      const [own = '', next = ''] = [lines[at], lines[at + 1]];
      const without = lines.toSpliced(at, 1);
      expect(named(chainOnly(write(without)))).toContain(`entry ${at + 1} is missing`);
      expect(named(chainOnly(write(lines.toSpliced(at, 2, next, own))))).toMatch(/is missing|does not follow/);
      expect(named(chainOnly(write(lines.toSpliced(at, 0, own))))).toMatch(/is missing|does not follow/);
    }
  });

  test('an entry that is changed, and every later hash recomputed', () => {
    for (const at of [0, 300, 599, 999]) {
      const forged = reseal(entries, at, { operator: 'nobody' });
      expect(named(chainOnly(textOf(forged)))).toMatch(/written anew, or is a fork/);
    }
  });

  test('a cut tail, and an older export beside the newest checkpoint', () => {
    expect(named(chainOnly(textOf(entries.slice(0, 990))))).toContain('entries 991 to 1000 are missing');
    expect(named(chainOnly(textOf(entries.slice(0, 600))))).toContain('entries 601 to 1000 are missing');
    expect(named(chainOnly(Buffer.alloc(0)))).toContain('entries 1 to 600 are missing');
  });

  test('an older export with its own checkpoint only says how far it is complete', () => {
    const verdict = verifyAudit(bundle({ checkpoints: checkpoints.slice(0, 1) }));
    expect(verdict).toMatchObject({ verdict: 'incomplete', completeUpTo: 600, entries: 1000 });
    expect(verifyAudit(bundle({ checkpoints: [] }))).toMatchObject({ verdict: 'incomplete', completeUpTo: 0 });
  });

  test('a fork that is whole in itself, against the checkpoint of the true one, and against its own', () => {
    const fork = reseal(entries, 700, { reason: 'another story' });
    expect(named(chainOnly(textOf(fork)))).toContain('written anew, or is a fork');
    const both = [...checkpoints, checkpointOf(fork, 1000)];
    expect(named(chainOnly(textOf(fork), { checkpoints: both }))).toContain(
      'a fork: two signed checkpoints at entry 1000',
    );
  });

  test('a checkpoint that is changed, unsigned, or signed by a key that may not', () => {
    const [, newest] = checkpoints;
    if (newest === undefined) throw new Error('there is one');
    const tries: [CheckpointOnFile, RegExp][] = [
      [{ ...newest, text: newest.text.replace('"length":1000', '"length":999') }, /not one of this text/],
      [{ ...newest, signature: null }, /not signed/],
      [checkpointOf(entries, 1000, keys.eve), /may not sign checkpoints/],
      [checkpointOf(entries, 1000, keys.ann), /may not sign checkpoints/],
      [checkpointOf(entries, 1000, keys.ops, { deployment: 'lab-2' }), /of deployment lab-2/],
      [{ ...newest, signature: keys.ops.sign(newest.text, 'file') }, /another namespace/],
    ];
    for (const [file, message] of tries) expect(named(chainOnly(BYTES, { checkpoints: [file] }))).toMatch(message);
  });
});

describe('what the chain cannot show is told by the others', () => {
  const rewritten = (change: (history: readonly EpochRecord[], index: number) => EpochRecord[]): AuditVerdict => {
    const forged = ledgerOf(histories.map(change));
    return verifyAudit(bundle({ ledger: textOf(forged), checkpoints: [checkpointOf(forged, 1000)] }));
  };

  test('a move by one of those who approved it, without an approval, or outside its window', () => {
    const forge = (over: Partial<EpochRecord>) => (history: readonly EpochRecord[], index: number) =>
      index === 7 ? records(nameOf(7), over) : [...history];
    expect(named(rewritten(forge({ by: 'ann' })))).toMatch(/practice-007: .*the one who moves cannot approve/);
    expect(named(rewritten(forge({ approval: null })))).toMatch(/practice-007: .*needs a signed approval/);
    expect(named(rewritten(forge({ at: '2026-03-02T05:00:00.000Z' })))).toMatch(/practice-007: .*valid until/);
    expect(named(rewritten(forge({ approval: `sha256:${'0'.repeat(64)}` })))).toMatch(
      /practice-007: .*which is not there/,
    );
  });

  test('a gateway and Pulumi that know it otherwise', () => {
    const one = rewritten((history, index) => (index === 3 ? records(nameOf(3), { by: 'someone' }) : [...history]));
    expect(named(one)).toContain('practice-003: epoch 3 is another one at its gateway');
    const cut = rewritten((history, index) => (index === 5 ? history.slice(0, 2) : [...history]));
    expect(named(cut)).toMatch(
      /practice-005: the ledger lacks epoch 3[\s\S]*has epoch 3 of practice-005, which the ledger lacks/,
    );
    const [update] = pulumi;
    const config = { 'lab-cutover:routes': { value: JSON.stringify({ [nameOf(1)]: { phase: 'legacy', epoch: 3 } }) } };
    const edited = update === undefined ? [] : [{ ...update, config }];
    expect(named(verifyAudit(bundle({ pulumi: edited })))).toContain(
      'practice-001: epoch 3 was another route in the update',
    );
  });

  test('an illegal move, and evidence that is gone', () => {
    const jumped = rewritten((history, index) => {
      const [first] = history;
      if (index !== 2 || first === undefined) return [...history];
      const { previous: _previous, digest: _digest, ...fields } = first;
      return [first, linkEpoch(first, { ...fields, epoch: 2, phase: 'switched', verb: 'switch' })];
    });
    expect(named(jumped)).toContain('practice-002: epoch 2: legacy → switched is no legal move');
    const documents = { approvals: new Map([[approval.digest, approval]]), evidence: new Set<string>() };
    expect(named(verifyAudit(bundle({ documents })))).toContain(
      `rests on evidence ${EVIDENCE}, which is not there unchanged`,
    );
  });

  test('a key that was revoked later is said, and is no fault', () => {
    const revoked = new Set([digestOfKey(keys.bob.blob)]);
    const verdict = verifyAudit(bundle({ authority: { ...authority, revoked } }));
    expect(verdict.verdict).toBe('green');
    expect(verdict.findings.some(({ message }) => message.includes('a key that is revoked today'))).toBe(true);
  });
});

function digestOfKey(blob: Buffer): string {
  const [signer] = parsed.ok ? parsed.value.filter(({ key }) => key.blob.equals(blob)) : [];
  return Buffer.from(signer?.key.fingerprint.replace('SHA256:', '') ?? '', 'base64').toString('hex');
}

/** What someone with the database and this code can do: change one entry, and seal everything after it again. */
function reseal(ledger: readonly LedgerEntry[], from: number, over: Partial<LedgerDraft>): LedgerEntry[] {
  const forged = ledger.slice(0, from);
  for (const [index, { seq: _seq, previous: _previous, digest: _digest, ...rest }] of ledger.slice(from).entries()) {
    forged.push(sealEntry(index === 0 ? { ...rest, ...over } : rest, forged.at(-1) ?? EMPTY_CHAIN));
  }
  return forged;
}
