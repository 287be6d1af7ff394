/** Forged, stale and borrowed approvals: given a gateway's authority and history, when a document is presented, then. */
import { describe, expect, test } from 'vitest';
import type { EpochRecord } from './admin-api.ts';
import { parseAllowedSigners } from './allowed-signers.ts';
import { type ApprovalQuestion, type Authority, judgeApproval } from './approval.ts';
import { linkEpoch } from './epoch-history.ts';
import { isSamePerson } from './person.ts';
import type { Phase } from './platform.ts';
import { NO_REVOKED_KEYS, readRevokedKeys } from './ssh/revoked-keys.ts';
import { ecdsaSecurityKey, ed25519Key, securityKey, type TestKey } from './ssh/test-keys.ts';

const NOW = Date.parse('2026-03-01T23:00:00Z');
const keys = { ann: ed25519Key(), bob: ed25519Key(), carl: ed25519Key(), eve: ed25519Key(), dora: securityKey() };
const SIGNERS = `
# engineering
ann@lab namespaces="cutover-approval,cutover-signoff" ${keys.ann.line} ann role=engineering
bob@lab ${keys.bob.line} role=lab-operations
carl@lab valid-before="20260301Z" ${keys.carl.line} role=lab-operations
dora@lab namespaces="cutover-approval" ${keys.dora.line} role=engineering,lab-operations
`;

const document = {
  attempts: 2,
  connections: [{ fromEpoch: 2, name: 'a' }],
  deployment: 'lab-1',
  evidence: `sha256:${'e'.repeat(64)}`,
  maxWeight: 30,
  notAfter: '2026-03-02T04:00:00Z',
  notBefore: '2026-03-01T22:00:00Z',
  target: 'switched',
};

type Step = {
  readonly verb: string;
  readonly phase: Phase;
  readonly newWeight?: number;
  readonly approval?: string | null;
};

function history(...steps: Step[]): EpochRecord[] {
  const records: EpochRecord[] = [];
  for (const { verb, phase, newWeight = 0, approval = null } of [
    { verb: 'init', phase: 'legacy' as const },
    ...steps,
  ]) {
    records.push(
      linkEpoch(records.at(-1) ?? null, {
        connection: 'a',
        epoch: records.length + 1,
        phase,
        newWeight,
        verb,
        by: 'ops',
        origin: 'verb',
        requestId: `r-${records.length}`,
        reason: null,
        changeId: null,
        approval,
        forced: false,
        at: '2026-03-01T20:00:00.000Z',
      }),
    );
  }
  return records;
}

const PARALLEL: Step = { verb: 'parallel', phase: 'parallel' };

function authority(over: Partial<Authority> = {}, text = SIGNERS): Authority {
  const parsed = parseAllowedSigners(text);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return { deployment: 'lab-1', signers: parsed.value, revoked: NO_REVOKED_KEYS, ...over };
}

function signed(
  over: object = {},
  by: readonly TestKey[] = [keys.ann, keys.bob],
  namespace = 'cutover-approval',
): { document: string; signatures: string[] } {
  const text = sorted({ ...document, ...over });
  return { document: text, signatures: by.map((key) => key.sign(text, namespace)) };
}

function sorted(value: object): string {
  return JSON.stringify(Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))));
}

function ask(over: Partial<ApprovalQuestion> = {}): ApprovalQuestion {
  const records = over.history ?? history(PARALLEL);
  const newest = records.at(-1);
  if (newest === undefined) throw new Error('a history has a beginning');
  const { phase, newWeight, epoch } = newest;
  return {
    connection: 'a',
    kind: 'approval',
    verb: 'switch',
    from: { phase, newWeight, epoch },
    to: { phase: 'switched', newWeight: 0 },
    operator: 'ops',
    nowMs: NOW,
    history: records,
    presented: signed(),
    ...over,
  };
}

function reasonOf(question: ApprovalQuestion, given = authority()): string {
  const verdict = judgeApproval(question, given);
  return verdict.ok ? 'accepted' : verdict.reason;
}

test('two people of the two roles, in time, for this epoch: accepted, and it says who', () => {
  const verdict = judgeApproval(ask(), authority());
  expect(verdict).toMatchObject({ ok: true, notAfterMs: Date.parse(document.notAfter) });
  if (!verdict.ok) throw new Error(verdict.message);
  expect(verdict.signedBy.map(({ person, role }) => [person, role])).toEqual([
    ['ann@lab', 'engineering'],
    ['bob@lab', 'lab-operations'],
  ]);
});

describe('refused', () => {
  test('nothing was presented', () => {
    expect(judgeApproval(ask({ presented: null }), authority())).toMatchObject({ code: 'approval-missing' });
  });

  test('another deployment, another connection, another target, a higher weight', () => {
    const weight = (newWeight: number) => ({ verb: 'weight' as const, to: { phase: 'parallel' as const, newWeight } });
    expect(reasonOf(ask({ presented: signed({ deployment: 'staging-1' }) }))).toBe('wrong-deployment');
    expect(reasonOf(ask({ connection: 'b' }))).toBe('connection-not-named');
    expect(reasonOf(ask({ presented: signed({ target: 'parallel' }) }))).toBe('wrong-target');
    expect(reasonOf(ask({ presented: signed({ target: 'decommissioned' }) }))).toBe('wrong-target');
    expect(reasonOf(ask(weight(31)))).toBe('weight-above-maximum');
    expect(reasonOf(ask({ ...weight(1), presented: signed({ maxWeight: 0 }) }))).toBe('weight-above-maximum');
    expect(reasonOf(ask(weight(30)))).toBe('accepted');
    expect(reasonOf(ask({ ...weight(30), presented: signed({ target: 'parallel' }) }))).toBe('accepted');
  });

  test('before and after its window, also where the clock was set back behind the newest epoch', () => {
    expect(reasonOf(ask({ nowMs: Date.parse(document.notBefore) - 1 }))).toBe('not-yet-valid');
    expect(reasonOf(ask({ nowMs: Date.parse(document.notBefore) }))).toBe('accepted');
    expect(reasonOf(ask({ nowMs: Date.parse(document.notAfter) }))).toBe('expired');
    const late = history(PARALLEL).map((record) => ({ ...record, at: '2026-03-02T05:00:00.000Z' }));
    expect(reasonOf(ask({ history: late }))).toBe('expired');
  });

  test('the connection has moved since, or has not come that far', () => {
    const moved = history(PARALLEL, { verb: 'cancel', phase: 'legacy' }, PARALLEL);
    expect(reasonOf(ask({ history: moved }))).toBe('epoch-moved');
    const other = history(PARALLEL, { verb: 'weight', phase: 'parallel', newWeight: 5, approval: 'sha256:other' });
    expect(reasonOf(ask({ history: other }))).toBe('epoch-moved');
    expect(reasonOf(ask({ presented: signed({ connections: [{ fromEpoch: 3, name: 'a' }] }) }))).toBe('epoch-moved');
  });

  test('a copy after its attempts are used; a rollback in between does not void it', () => {
    const verdict = judgeApproval(ask(), authority());
    const digest = verdict.ok ? verdict.digest : '';
    const SWITCH: Step = { verb: 'switch', phase: 'switched', approval: digest };
    const BACK: Step = { verb: 'rollback', phase: 'parallel' };
    expect(reasonOf(ask({ history: history(PARALLEL, SWITCH, BACK) }))).toBe('accepted');
    expect(reasonOf(ask({ history: history(PARALLEL, SWITCH, BACK, SWITCH, BACK) }))).toBe('attempts-used');
  });

  test('a document that can be read in more than one way, or not at all', () => {
    const text = signed().document;
    const both = (changed: string) => ({
      document: changed,
      signatures: [keys.ann, keys.bob].map((key) => key.sign(changed, 'cutover-approval')),
    });
    const spelt = {
      'document-not-canonical': [
        ` ${text}`,
        `${text}\n`,
        text.replace('{', '{"attempts":99,'),
        text.replace('"a"', '"\\u0061"'),
        JSON.stringify(document, null, 2),
        text.replace('"attempts":2', '"attempts":2.0'),
      ],
      'document-malformed': [
        '',
        'null',
        '[]',
        '['.repeat(100_000),
        text.replace('{', '{"__proto__":{"attempts":99},'),
        text.replace('{', '{"allow":"everything",'),
        sorted({ ...document, notAfter: 'tomorrow' }),
        sorted({ ...document, notAfter: '2026-03-02T04:00:00+02:00' }),
        sorted({ ...document, notAfter: document.notBefore }),
        sorted({ ...document, attempts: 0 }),
        sorted({ ...document, attempts: -1 }),
        sorted({ ...document, maxWeight: 1e9 }),
        sorted({ ...document, connections: [] }),
        sorted({ ...document, connections: [1, 2].map((fromEpoch) => ({ fromEpoch, name: 'a' })) }),
        sorted({ ...document, evidence: 'sha256:e' }),
      ],
      'document-too-large': [sorted({ ...document, deployment: 'x'.repeat(2_000_000) })],
    };
    for (const [reason, texts] of Object.entries(spelt)) {
      for (const one of texts)
        expect([one.slice(0, 60), reasonOf(ask({ presented: both(one) }))]).toEqual([one.slice(0, 60), reason]);
    }
  });

  test('edited after it was signed', () => {
    const { signatures } = signed();
    for (const over of [{ attempts: 9 }, { maxWeight: 99 }, { notAfter: '2027-01-01T00:00:00Z' }]) {
      expect(reasonOf(ask({ presented: { document: sorted({ ...document, ...over }), signatures } }))).toBe(
        'signatures-missing',
      );
    }
  });

  test('one person, one role, a stranger, nobody, or far too many signatures', () => {
    const by = (...people: TestKey[]) => reasonOf(ask({ presented: signed({}, people) }));
    expect(by()).toBe('signatures-missing');
    expect(by(keys.ann)).toBe('signatures-missing');
    expect(by(keys.ann, keys.ann)).toBe('signatures-missing');
    expect(by(keys.ann, keys.eve)).toBe('signatures-missing');
    expect(by(keys.dora)).toBe('signatures-missing');
    expect(by(keys.dora, keys.dora)).toBe('signatures-missing');
    expect(by(keys.dora, keys.bob)).toBe('accepted');
    expect(by(keys.dora, keys.ann)).toBe('accepted');
    expect(by(...Array.from({ length: 17 }, () => keys.ann))).toBe('signatures-missing');
  });

  test('a key whose time is over, a wrong namespace, a revoked key, a signature of something else', () => {
    expect(reasonOf(ask({ presented: signed({}, [keys.ann, keys.carl]) }))).toBe('signatures-missing');
    expect(reasonOf(ask({ presented: signed({}, [keys.ann, keys.bob], 'cutover-signoff') }))).toBe(
      'signatures-missing',
    );
    expect(reasonOf(ask({ presented: signed({}, [keys.ann, keys.bob], 'file') }))).toBe('signatures-missing');
    const revoked = readRevokedKeys(Buffer.from(`${keys.bob.line} bob@lab\n`));
    if (!revoked.ok) throw new Error(revoked.message);
    const verdict = judgeApproval(ask(), authority({ revoked: revoked.value }));
    expect(verdict).toMatchObject({ ok: false, message: expect.stringContaining('is revoked') });
    const other = signed({ attempts: 3 });
    expect(reasonOf(ask({ presented: { ...signed(), signatures: other.signatures } }))).toBe('signatures-missing');
  });

  test('one’s own approval, under whichever of the names', () => {
    for (const operator of ['ann@lab', 'ANN@LAB', 'ann', ' bob ']) {
      expect(reasonOf(ask({ operator }))).toBe('own-approval');
    }
    const extra = signed({}, [keys.ann, keys.bob, keys.dora]);
    expect(reasonOf(ask({ operator: 'dora', presented: extra }))).toBe('own-approval');
  });

  test('one’s own approval, under a name that another line gives the person, or one that looks like theirs', () => {
    const second = ed25519Key();
    const given = authority({}, `${SIGNERS}\nann@lab,asmith ${second.line} role=engineering\n`);
    for (const operator of ['asmith', 'ASmith@lab', '\u0430nn', '\u0410nn@lab', 'a\u00adnn']) {
      expect([operator, reasonOf(ask({ operator }), given)]).toEqual([operator, 'own-approval']);
    }
    expect(reasonOf(ask({ operator: 'asmith', presented: signed({}, [second, keys.bob]) }), given)).toBe(
      'own-approval',
    );
    expect(reasonOf(ask({ operator: 'ann@clinic' }), given)).toBe('accepted');
  });

  test('a key whose time was over at the newest epoch, where the clock was set back behind it', () => {
    const given = authority({}, SIGNERS.replace('bob@lab ', 'bob@lab valid-before="202603012200Z" '));
    const nowMs = Date.parse('2026-03-01T21:30:00Z');
    const early = signed({ notBefore: '2026-03-01T21:00:00Z' });
    expect(reasonOf(ask({ nowMs, presented: early }), given)).toBe('accepted');
    const late = history(PARALLEL).map((record) => ({ ...record, at: '2026-03-01T22:30:00.000Z' }));
    expect(reasonOf(ask({ nowMs, presented: early, history: late }), given)).toBe('signatures-missing');
  });

  test('times that are none, or that another clock reads otherwise', () => {
    const tried = [
      ...['2026-03-02T23:59:60Z', '2026-03-02T24:00:00Z', '2026-02-29T00:00:00Z', '2026-03-02T04:00Z'],
      ...['+012026-03-02T04:00:00Z', '2026-03-02t04:00:00z', '2026-03-02 04:00:00Z', '2026-03-02T04:00:00,5Z'],
      ...['2026-W10-1T04:00:00Z', '\u0662\u0660\u0662\u0666-03-02T04:00:00Z', '2026-03-02T04:00:00', '1772424000000'],
      ...[
        '2026-03-02T04:00:00.Z',
        '2026-03-29T02:30:00[Europe/Berlin]',
        '2026-03-02T04:00:00Z\n',
        ' 2026-03-02T04:00:00Z',
      ],
      // V8 reads this one as .999.
      ...['2026-03-02T04:00:00.0999999999Z', `2026-03-02T04:00:00.${'1'.repeat(5000)}Z`],
    ];
    for (const notAfter of tried)
      expect([notAfter, reasonOf(ask({ presented: signed({ notAfter }) }))]).toEqual([notAfter, 'document-malformed']);
  });

  test('the hour that a zone has twice: a window in UTC has it once', () => {
    // Chicago leaves daylight saving on 1 November 2026, at 07:00 UTC.
    const night = signed({ notBefore: '2026-11-01T06:00:00Z', notAfter: '2026-11-01T07:30:00Z' });
    for (const [at, reason] of [
      ['2026-11-01T06:29:00Z', 'accepted'],
      ['2026-11-01T07:29:00Z', 'accepted'],
      ['2026-11-01T07:31:00Z', 'expired'],
    ] as const)
      expect(reasonOf(ask({ nowMs: Date.parse(at), presented: night }))).toBe(reason);
  });
});

test('a sign-off is Lab Operations’ alone, in its own namespace, for decommission only', () => {
  const signoff = (by: readonly TestKey[], namespace = 'cutover-signoff', over: object = {}) =>
    reasonOf(
      ask({
        kind: 'signoff',
        verb: 'decommission',
        to: { phase: 'decommissioned', newWeight: 0 },
        presented: signed(
          { target: 'decommissioned', evidenceGrade: 'A', accepted: [{ class: 'ORR', count: 0 }], ...over },
          by,
          namespace,
        ),
      }),
    );
  expect(signoff([keys.bob])).toBe('accepted');
  expect(signoff([keys.ann])).toBe('signatures-missing');
  expect(signoff([keys.bob], 'cutover-approval')).toBe('signatures-missing');
  expect(signoff([keys.dora])).toBe('signatures-missing');
  expect(signoff([keys.bob], 'cutover-signoff', { target: 'switched' })).toBe('wrong-target');
});

test('a security key counts when it was touched', () => {
  const text = signed().document;
  for (const make of [securityKey, ecdsaSecurityKey]) {
    const key = make();
    const given = authority({}, `${SIGNERS}\nfay@lab ${key.line} role=engineering\n`);
    const by = (flags: number) => ({
      document: text,
      signatures: [keys.bob.sign(text, 'cutover-approval'), key.sign(text, 'cutover-approval', { flags })],
    });
    expect(reasonOf(ask({ presented: by(1) }), given)).toBe('accepted');
    expect(reasonOf(ask({ presented: by(0) }), given)).toBe('signatures-missing');
  }
});

test('one person with two keys has the roles of both, in whichever order they sign, and is still one', () => {
  const [first, second] = [ed25519Key(), ed25519Key()];
  const lines = `${SIGNERS}\nzoe@lab ${first.line} role=engineering\nzoe@lab ${second.line} role=lab-operations\n`;
  const by = (...people: TestKey[]) => reasonOf(ask({ presented: signed({}, people) }), authority({}, lines));
  expect(by(first, second)).toBe('signatures-missing');
  expect(by(first, second, keys.bob)).toBe('accepted');
  expect(by(second, first, keys.bob)).toBe('accepted');
});

test('a document for more connections than one allows each of them once, and no other', () => {
  const both = signed({ attempts: 1, connections: ['a', 'b'].map((name) => ({ fromEpoch: 2, name })) });
  expect(reasonOf(ask({ presented: both }))).toBe('accepted');
  expect(reasonOf(ask({ presented: both, connection: 'b' }))).toBe('accepted');
  for (const connection of ['', 'A', 'ab', 'a ', '\u0430', 'a\u0000', '__proto__', 'constructor'])
    expect(reasonOf(ask({ presented: both, connection }))).toBe('connection-not-named');
});

test('a refusal says what is missing and whom the gateway does not know', () => {
  const verdict = judgeApproval(ask(), authority({}, `bob@lab ${keys.bob.line} role=lab-operations\n`));
  expect(verdict).toMatchObject({
    ok: false,
    code: 'approval-invalid',
    message: expect.stringMatching(
      /needs valid signatures of engineering and lab-operations.*bob@lab \(lab-operations\).*signature 1: its key SHA256:\S+ is not among the gateway's signers.*name nobody for engineering/,
    ),
  });
});

test('who is the same person', () => {
  expect(isSamePerson('ann', 'ann@lab')).toBe(true);
  expect(isSamePerson('ann@lab', 'ann@clinic')).toBe(false);
  expect(isSamePerson('ann', 'anna')).toBe(false);
  expect(isSamePerson('\uff41\uff4e\uff4e', 'ann@lab')).toBe(true);
  expect(isSamePerson('a\u200bnn@lab', 'ann')).toBe(true);
  expect(isSamePerson('\u0430nn@lab', 'ANN')).toBe(true);
  expect(isSamePerson('\u0412\u039fb', 'bob@lab')).toBe(true);
  expect(isSamePerson('\u0397\u03a1\u0391', '\u03b7\u03c1\u03b1')).toBe(true);
  expect(isSamePerson('анна', 'анна@lab')).toBe(true);
  expect(isSamePerson('анна', 'ann')).toBe(false);
});
