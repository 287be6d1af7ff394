/**
 * An exported ledger of 1,000 entries, and what someone could do to all of it afterwards: each is named. Single bytes are in
 * `tampering.test.ts`.
 */
import { describe, expect, test } from 'vitest';
import type { EpochRecord } from '../admin-api.ts';
import { canonicalJson, type Json } from '../canonical-json.ts';
import { linkEpoch } from '../epoch-history.ts';
import type { CheckpointOnFile } from './checkpoint.ts';
import {
  approval,
  authority,
  BYTES,
  bundle,
  checkpointOf,
  checkpoints,
  EVIDENCE,
  entries,
  histories,
  keys,
  ledgerOf,
  named,
  nameOf,
  parsed,
  pulumi,
  records,
  reseal,
  textOf,
} from './test-export.ts';
import { type AuditBundle, type AuditVerdict, verifyAudit } from './verify.ts';

/** The chain and the checkpoints alone, as a tampered ledger of 1,000 entries is judged many times. */
const chainOnly = (ledger: Uint8Array, over: Partial<AuditBundle> = {}): AuditVerdict =>
  verifyAudit(bundle({ ledger, target: 'local', gateways: null, pulumi: null, ...over }));

test('as it was exported it is green, to its last entry', () => {
  const verdict = verifyAudit(bundle());
  expect(named(verdict)).toBe('green');
  expect(verdict).toMatchObject({ entries: 1000, completeUpTo: 1000 });
});

describe('tampering is named', () => {
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
    const signers = authority.signers.map((signer) =>
      signer.person === 'ops@lab' ? { ...signer, validBeforeMs: Date.parse(newest.text.slice(7, 31)) } : signer,
    );
    const over = { checkpoints: [newest], authority: { ...authority, signers } };
    expect(named(chainOnly(BYTES, over))).toMatch(/was not valid at 2026-03-01T23:00:00/);
  });
});

describe('what the chain cannot show is told by the others', () => {
  test('a production that its manifest calls local: what was signed has the last word', () => {
    const local = verifyAudit(bundle({ target: 'local' }));
    expect(named(local)).toContain('the export says that it is of target local; its signed checkpoints say production');
    const unapproved = ledgerOf(
      histories.map((history, index) => (index === 9 ? records(nameOf(9), { approval: null }) : history)),
    );
    const checkpoint = checkpointOf(unapproved, 1000);
    const both = verifyAudit(bundle({ target: 'local', ledger: textOf(unapproved), checkpoints: [checkpoint] }));
    expect(named(both)).toMatch(/practice-009: .*needs a signed approval/);
  });

  test('a witness that is missing: nothing is wrong, and it is not green', () => {
    expect(verifyAudit(bundle({ gateways: null }))).toMatchObject({ verdict: 'incomplete', lacking: ['gateways'] });
    expect(verifyAudit(bundle({ pulumi: null }))).toMatchObject({ verdict: 'incomplete', lacking: ['pulumi'] });
    const ownWord = verifyAudit(bundle({ signersFrom: 'export' }));
    expect(ownWord).toMatchObject({ verdict: 'incomplete', lacking: ['signers'] });
  });

  test('approvals whose files are gone are those that the ledger has recorded; without either the move has none', () => {
    const documents = { approvals: new Map(), evidence: new Set([EVIDENCE]) };
    expect(named(verifyAudit(bundle({ documents })))).toBe('green');
    const unrecorded = entries.filter(({ kind }) => kind !== 'decision');
    const anew = textOf(reseal(unrecorded, 0, {}));
    const without = verifyAudit(bundle({ ledger: anew, documents, checkpoints: [] }));
    expect(named(without)).toMatch(/practice-000: epoch 3 rests on sha256:\w+, which is not there/);
  });

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

  describe('a gateway whose data directory came from a backup', () => {
    const own = histories[4] ?? [];
    const [first, second] = [own[0] ?? expect.fail(), own[1] ?? expect.fail()];
    /** As `gateway init --restore` begins, on a backup that ends at epoch 2. */
    const begin = (epoch: number, phase: EpochRecord['phase']): EpochRecord => {
      const { previous: _previous, digest: _digest, ...fields } = second;
      const reason = 'restored from a backup that ends at epoch 2';
      const said = { verb: 'restore', by: 'restore', origin: 'init', reason, approval: null } as const;
      return linkEpoch(second, { ...fields, ...said, epoch, phase });
    };
    const judged = (inLedger: EpochRecord[], atGateway: readonly EpochRecord[]): AuditVerdict => {
      const ledger = ledgerOf(histories.map((history, index) => (index === 4 ? inLedger : [...history])));
      const gateways = new Map(histories.map((history) => [history[0]?.connection ?? '', history]));
      gateways.set(nameOf(4), [...atGateway]);
      return verifyAudit(
        bundle({ ledger: textOf(ledger), checkpoints: [checkpointOf(ledger, ledger.length)], gateways }),
      );
    };

    test('what it has lost is said once, with its cause and what to do, and is no fault', () => {
      const again = begin(5, 'parallel');
      const whole = judged([...own, again], [first, second, again]);
      expect(named(whole)).toBe('green');
      expect(whole.findings.filter(({ verdict }) => verdict === 'warning').map(({ message }) => message)).toEqual([
        `${nameOf(4)}: its gateway does not know epochs 3 to 4 of the ledger: its data directory was restored from a backup that ends at epoch 2 (epoch 5, ${again.at}); the ledger alone attests them; what passed until then: cutover reconcile --connection ${nameOf(4)}, runbooks/restore.md`,
      ]);
    });

    test('a restore that moves something is a fault', () => {
      const moved = begin(5, 'switched');
      expect(named(judged([...own, moved], [first, second, moved]))).toContain(
        'a restore from parallel to switched: it moves nothing',
      );
    });

    test('one that was started without the command is a fault: it knows less, and nothing says why', () => {
      expect(named(judged(own, [first, second]))).toMatch(
        /its gateway does not know epochs 3 to 4 of the ledger: its data directory is older than the ledger, or was exchanged; .*runbooks\/restore\.md/,
      );
    });

    test('one that has used epochs of the ledger again is a fault: after a restore without the ledger, or on the backup itself', () => {
      expect(named(judged(own, [first, second, begin(3, 'parallel')]))).toMatch(
        /epoch 3 is another one at its gateway \(restore at .*restored without what the ledger knows; restore it again with DATABASE_URL/,
      );
      const forked = records(nameOf(4), { by: 'someone' }).slice(0, 3);
      expect(named(judged(own, forked))).toMatch(
        /epoch 3 is another one at its gateway \(switch at .*started on a backup without `gateway init --restore`/,
      );
    });
  });

  test('a renamed connection keeps its history', () => {
    const renamed = (history: readonly EpochRecord[]): EpochRecord[] => {
      const { previous: _previous, digest: _digest, ...fields } = history[3] ?? expect.fail();
      return [...history.slice(0, 3), linkEpoch(history[2] ?? null, { ...fields, connection: 'northside' })];
    };
    const all = histories.map((history, index) => (index === 6 ? renamed(history) : history));
    const ledger = ledgerOf(all);
    const gateways = new Map(all.map((history) => [history.at(-1)?.connection ?? '', history]));
    const over = { ledger: textOf(ledger), checkpoints: [checkpointOf(ledger, 1000)], gateways };
    expect(named(verifyAudit(bundle(over)))).toBe('green');
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
