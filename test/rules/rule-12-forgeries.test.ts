/**
 * Rule 12 against people who know the formats: signatures that are cut, padded, re-labelled or made with keys that look
 * right, documents that two readers would read in two ways, and good approvals used somewhere else or once too often.
 * A real gateway process; each is refused, named, recorded, and moves nothing.
 */
import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllowedSigners } from '../../core/allowed-signers.ts';
import { countSignatures } from '../../core/approval.ts';
import { NO_REVOKED_KEYS } from '../../core/ssh/revoked-keys.ts';
import { armored, ed25519Key, keyOfType, rsaKey, securityKey, type TestKey } from '../../core/ssh/test-keys.ts';
import { sshString } from '../../core/ssh/wire.ts';
import {
  DEPLOYMENT,
  documentOf as documentFor,
  inHours,
  type Presented,
  present,
  refusalsOf,
  signedBy,
  startProduction,
} from './approvals.ts';
import type { Estate, Line } from './peers.ts';

const keys = {
  ann: ed25519Key(),
  bob: ed25519Key(),
  ruth: rsaKey(2048),
  sam: securityKey(),
  past: ed25519Key(),
  future: ed25519Key(),
  signoffOnly: ed25519Key(),
  ledger: ed25519Key(),
  second: ed25519Key(),
};
/** Credentials of the one person who has signed, under names that are not the one on the key's line. */
const OWN_NAMES = { asmith: 'token-of-a-smith', '\u0430nn': 'token-of-a-look-alike' };
const sha1 = rsaKey(2048, 'ssh-rsa');
const signerLines = [
  `ann@lab namespaces="cutover-approval" ${keys.ann.line} role=engineering`,
  `ann@lab,asmith namespaces="cutover-waiver" ${keys.second.line} role=engineering`,
  `bob@lab ${keys.bob.line} role=lab-operations`,
  `ruth@lab ${keys.ruth.line} role=engineering`,
  `sha@lab ${sha1.line} role=engineering`,
  `sam@lab ${keys.sam.line} role=engineering`,
  `past@lab valid-before="20260101Z" ${keys.past.line} role=engineering`,
  `future@lab valid-after="20990101Z" ${keys.future.line} role=engineering`,
  `signoff@lab namespaces="cutover-signoff" ${keys.signoffOnly.line} role=engineering,lab-operations`,
  `ledger@lab namespaces="cutover-checkpoint" ${keys.ledger.line}`,
];

let estate: Estate;
let line: Line;
let other: Line;

beforeAll(async () => {
  const keyed = { connection: { weightKey: ['PID-3.1'] } };
  ({ estate } = await startProduction({ one: keyed, two: keyed }, signerLines, OWN_NAMES));
  line = estate.line('one');
  other = estate.line('two');
  await line.move('parallel');
  await other.move('parallel');
});
afterAll(() => estate?.close());

const documentOf = (over: object = {}): string => documentFor(line.name, over);
const engineering = (key: TestKey, namespace?: string): Presented => signedBy([key, keys.bob], documentOf(), namespace);

/** Ann's signature is replaced; Bob's is good. */
function withSignature(change: (armoredText: string, document: string) => string): Presented {
  const document = documentOf();
  const [ann = '', bob = ''] = signedBy([keys.ann, keys.bob], document).signatures;
  return { document, signatures: [change(ann, document), bob] };
}

function bytesOf(armoredText: string): Buffer {
  return Buffer.from(armoredText.replaceAll(/-----[^-]+-----|\s/g, ''), 'base64');
}

const altered = (change: (bytes: Buffer) => Buffer): Presented =>
  withSignature((text) => armored(change(bytesOf(text))));

type Blob = { magic?: string; version?: number; key?: Buffer; namespace?: string; hash?: string; signed?: Buffer };

/** Put together by hand; what is signed is right for the namespace and hash that it claims. */
function sshsig({ magic = 'SSHSIG', version = 1, key, namespace = 'cutover-approval', hash = 'sha512', signed }: Blob) {
  return withSignature((_text, document) => {
    const inner = bytesOf(keys.ann.sign(document, namespace));
    const signature = signed ?? sshString(inner.subarray(inner.length - 83));
    const fields = [key ?? keys.ann.blob, namespace, '', hash].map((field) => sshString(field));
    const number = Buffer.from([0, 0, 0, version]);
    return armored(Buffer.concat([Buffer.from(magic), number, ...fields, signature]));
  });
}

const certificate = (): Buffer => {
  const { blob } = keys.ann;
  const publicKey = blob.subarray(blob.length - 32);
  return keyOfType('ssh-ed25519-cert-v01@openssh.com', Buffer.alloc(32, 9), publicKey, Buffer.alloc(8)).blob;
};

function signatures(): [string, Presented][] {
  const good = withSignature((text) => text);
  const length = bytesOf(good.signatures[0] ?? '').length;
  const cuts = [0, 1, 6, 9, 10, 13, 60, 66, 90, 100, length - 65, length - 1];
  const flips = Array.from({ length: 40 }, (_, index) => Math.floor((index * length) / 40));
  return [
    ...cuts.map((at): [string, Presented] => [`cut after ${at} bytes`, altered((bytes) => bytes.subarray(0, at))]),
    ...flips.map((at): [string, Presented] => [
      `bit ${at % 8} of byte ${at} is flipped`,
      altered((bytes) => {
        bytes[at] = (bytes[at] ?? 0) ^ (1 << (at % 8));
        return bytes;
      }),
    ]),
    ['a byte more', altered((bytes) => Buffer.concat([bytes, Buffer.from([0])]))],
    ['a length of 4 GiB', altered((bytes) => Buffer.concat([bytes.subarray(0, 10), Buffer.alloc(4, 0xff)]))],
    ['longer than any', withSignature((text) => `${text}${'\n'.repeat(20_000)}`)],
    ['two in one armor', withSignature((text) => `${text}${text}`)],
    ['something before it', withSignature((text) => `x${text}`)],
    ['no armor', withSignature((text) => bytesOf(text).toString('base64'))],
    ['another armor', withSignature((text) => text.replaceAll('SSH SIGNATURE', 'PGP SIGNATURE'))],
    ['base64 with a stranger in it', withSignature((text) => text.replace('U1NI', 'U1N*'))],
    ['17 of them', { ...good, signatures: Array.from({ length: 17 }, () => good.signatures[0] ?? '') }],
    ['another magic', sshsig({ magic: 'SSHSIX' })],
    ['version 2', sshsig({ version: 2 })],
    ['hash sha256 over a digest of sha512', sshsig({ hash: 'sha256' })],
    ['hash sha1', sshsig({ hash: 'sha1' })],
    ['hash md5', sshsig({ hash: 'md5' })],
    ['no hash', sshsig({ hash: '' })],
    ['no namespace', sshsig({ namespace: '' })],
    ['a namespace and a zero byte', sshsig({ namespace: 'cutover-approval\0' })],
    ['a namespace in other letters', sshsig({ namespace: 'Cutover-Approval' })],
    ['a namespace that begins alike', sshsig({ namespace: 'cutover-approval-staging' })],
    ['a certificate of her key', sshsig({ key: certificate() })],
    ['a DSA key', sshsig({ key: keyOfType('ssh-dss', Buffer.alloc(20, 1)).blob })],
    ['a key type that is none', sshsig({ key: keyOfType('constructor').blob })],
    [
      'an RSA algorithm for her key',
      sshsig({ signed: sshString(Buffer.concat([sshString('rsa-sha2-512'), sshString(Buffer.alloc(64))])) }),
    ],
    ['an empty signature', sshsig({ signed: sshString(Buffer.concat([sshString('ssh-ed25519'), sshString('')])) })],
    ['RSA with SHA-1', engineering(sha1)],
    ['a small RSA key', engineering(rsaKey(1024))],
    ['a security key that nobody touched', { document: documentOf(), signatures: untouched() }],
    ['a key whose time is over', engineering(keys.past)],
    ['a key whose time has not come', engineering(keys.future)],
    ['a key for sign-offs', engineering(keys.signoffOnly)],
    ['a key for checkpoints', engineering(keys.ledger)],
    ['a checkpoint', engineering(keys.ann, 'cutover-checkpoint')],
    ['a waiver', engineering(keys.ann, 'cutover-waiver')],
    ['git', engineering(keys.ann, 'git')],
  ];
}

function untouched(): string[] {
  const document = documentOf();
  return [keys.sam.sign(document, 'cutover-approval', { flags: 0 }), keys.bob.sign(document, 'cutover-approval')];
}

test('put together by hand and nothing forged, it is a signature: so each forgery below fails by what it changes alone', () => {
  const signers = parseAllowedSigners(`${signerLines.join('\n')}\n`);
  if (!signers.ok) throw new Error(JSON.stringify(signers.problems));
  const authority = { deployment: DEPLOYMENT, signers: signers.value, revoked: NO_REVOKED_KEYS };
  for (const presented of [sshsig({}), altered((bytes) => bytes)])
    expect(countSignatures('approval', presented, authority, Date.now())).toMatchObject({ notes: [], missing: [] });
});

/** Both sign the very bytes that are presented. */
const both = (document: string): Presented => signedBy([keys.ann, keys.bob], document);

function documents(): [string, Presented, string][] {
  const good = documentOf();
  const named = (name: string): Presented => both(documentFor(name));
  return [
    ...(
      [
        ['a byte order mark', `\ufeff${good}`, 'document-malformed'],
        ['a line feed at its end', `${good}\n`, 'document-not-canonical'],
        ['a tab', good.replace(',', ',\t'), 'document-not-canonical'],
        ['a space that does not break', good.replace(',', ',\u00a0'), 'document-malformed'],
        ['a zero byte', `${good}\0`, 'document-malformed'],
        ['a second document', `${good}${good}`, 'document-malformed'],
        ['a comment', `${good}//`, 'document-malformed'],
        ['a key twice', good.replace('{', '{"attempts":99,'), 'document-not-canonical'],
        ['a key twice, once escaped', good.replace('{', '{"\\u0061ttempts":99,'), 'document-not-canonical'],
        ['an inner key twice', good.replace('"fromEpoch":2', '"fromEpoch":1,"fromEpoch":2'), 'document-not-canonical'],
        ['an escaped letter', good.replace('"switched"', '"\\u0073witched"'), 'document-not-canonical'],
        ['another order', good.replace(/^\{("attempts":2),(.*)\}$/, '{$2,$1}'), 'document-not-canonical'],
        ['a number with a point', good.replace('"attempts":2', '"attempts":2.0'), 'document-not-canonical'],
        ['a number with an exponent', good.replace('"attempts":2', '"attempts":2e0'), 'document-not-canonical'],
        ['a number as text', good.replace('"attempts":2', '"attempts":"2"'), 'document-malformed'],
        ['a number without end', good.replace('"attempts":2', '"attempts":1e999'), 'document-malformed'],
        [
          'minus zero',
          documentOf({ maxWeight: 0 }).replace('"maxWeight":0', '"maxWeight":-0'),
          'document-not-canonical',
        ],
        ['a prototype', good.replace('{', '{"__proto__":{"attempts":99},'), 'document-malformed'],
        ['half a character', documentOf({ deployment: '\ud800' }), 'document-not-canonical'],
        ['depth', '['.repeat(60_000), 'document-malformed'],
        ['a time with a zone', documentOf({ notAfter: '2099-01-01T00:00:00+00:00' }), 'document-malformed'],
        [
          'a time that two readers cut otherwise',
          documentOf({ notAfter: '2099-01-01T00:00:00.0999999999Z' }),
          'document-malformed',
        ],
        ['a time that is none', documentOf({ notAfter: '2099-02-30T00:00:00Z' }), 'document-malformed'],
        ['a time without an end', documentOf({ notAfter: 'Infinity' }), 'document-malformed'],
        ['a window that ends before it begins', documentOf({ notBefore: inHours(5) }), 'document-malformed'],
        ['every connection', good.replace(line.name, '*'), 'connection-not-named'],
        ['the deployment in other letters', documentOf({ deployment: 'LAB-RULES-1' }), 'wrong-deployment'],
      ] as const
    ).map(([what, text, reason]): [string, Presented, string] => [what, both(text), reason]),
    ['a name with a character without width', named(`${line.name}\u200b`), 'connection-not-named'],
    ['a name in full-width letters', named('\uff4f\uff4e\uff45'), 'connection-not-named'],
    ['a name with a space', named(`${line.name} `), 'connection-not-named'],
    ['the neighbour’s', named(other.name), 'connection-not-named'],
    ['another stack’s', both(documentOf({ deployment: 'lab-rules-10' })), 'wrong-deployment'],
    ['a sign-off', both(documentOf({ target: 'decommissioned', evidenceGrade: 'A' })), 'wrong-target'],
  ];
}

test('rule 12: signatures that are cut, padded, re-labelled or made with other keys are refused, each named and recorded', async () => {
  const all = signatures();
  const recorded = (await refusalsOf(estate)).total;
  for (const [what, approval] of all) {
    const { status, body } = await present(line, estate, approval);
    expect([what, status, body.code, body.reason]).toEqual([what, 403, 'approval-invalid', 'signatures-missing']);
    expect(body.message).toMatch(/signature 1: |comes with more than 16 signatures/);
  }
  expect((await refusalsOf(estate)).total - recorded).toBe(all.length);
  expect(await line.status()).toMatchObject({ epoch: 2, phase: 'parallel', newWeight: 0, control: 'legacy' });
});

test('rule 12: a document that could be read in another way, or names something else, is refused, whoever signed it', async () => {
  const all = documents();
  const recorded = (await refusalsOf(estate)).total;
  for (const [what, approval, reason] of all) {
    const { status, body } = await present(line, estate, approval);
    expect([what, status, body.reason]).toEqual([what, 403, reason]);
  }
  expect((await refusalsOf(estate)).total - recorded).toBe(all.length);
  expect(await line.status()).toMatchObject({ epoch: 2, phase: 'parallel' });
});

test('rule 12: one’s own approval is refused under every name of the person, and under one that only looks like it', async () => {
  const before = (await refusalsOf(estate)).total;
  for (const [name, token] of Object.entries(OWN_NAMES)) {
    const { status, body } = await present(line, estate, both(documentOf()), {}, token);
    expect([name, status, body.reason]).toEqual([name, 403, 'own-approval']);
  }
  const { total, entries } = await refusalsOf(estate);
  expect([total - before, entries[0]?.by]).toEqual([2, '\u0430nn']);
});

test('rule 12: what is no request is not judged, and moves nothing', async () => {
  const good = both(documentOf());
  const tries: [string, object | null, object, number, string][] = [
    ['a document as an object', { ...good, document: JSON.parse(good.document) }, {}, 400, 'invalid'],
    ['signatures as text', { ...good, signatures: good.signatures[0] }, {}, 400, 'invalid'],
    ['no signatures', { document: good.document }, {}, 400, 'invalid'],
    ['a weight of 100', good, { phase: 'parallel', newWeight: 100 }, 400, 'weight-out-of-range'],
    ['a weight below nothing', good, { phase: 'parallel', newWeight: -1 }, 400, 'weight-out-of-range'],
    ['a weight and a half', good, { phase: 'parallel', newWeight: 1.5 }, 400, 'weight-out-of-range'],
    ['by force', good, { force: true }, 400, 'invalid'],
    ['from an epoch that was', good, { expectedEpoch: 1 }, 409, 'stale-epoch'],
    ['from an epoch to come', good, { expectedEpoch: 3 }, 409, 'stale-epoch'],
  ];
  for (const [what, approval, over, status, code] of tries) {
    const reply = await present(line, estate, approval, over);
    expect([what, reply.status, reply.body.code]).toEqual([what, status, code]);
  }
  expect(await line.status()).toMatchObject({ epoch: 2, phase: 'parallel', newWeight: 0 });
});

test('rule 12: keys of every kind that is taken do count, and a used approval is used up for its own connection only', async () => {
  const connections = [line, other].map(({ name }) => ({ name, fromEpoch: 2 }));
  const approval = signedBy([keys.ruth, keys.bob], documentOf({ connections, attempts: 1 }));
  const first = await present(line, estate, approval, { requestId: 'the-switch' });
  expect(first).toMatchObject({ status: 200, body: { epoch: 3, control: 'new' } });
  expect(await line.move('parallel', { reason: 'back' })).toMatchObject({ epoch: 4, control: 'legacy' });
  // The same request again gets its old answer, and moves nothing.
  expect(await present(line, estate, approval, { requestId: 'the-switch' })).toMatchObject({ body: { epoch: 3 } });
  expect(await line.status()).toMatchObject({ epoch: 4, control: 'legacy' });
  expect(await present(line, estate, approval, { expectedEpoch: 4 })).toMatchObject({
    status: 403,
    body: { reason: 'attempts-used' },
  });
  const touched = signedBy([keys.sam, keys.bob], documentOf({ connections, attempts: 1 }));
  expect(await present(other, estate, touched)).toMatchObject({ status: 200, body: { epoch: 3 } });
});

test('rule 12: a move without a document in between voids what was signed before it', async () => {
  const before = both(documentOf({ connections: [{ name: line.name, fromEpoch: 4 }], attempts: 9 }));
  await line.move('legacy', { reason: 'start over' });
  await line.move('parallel');
  expect(await present(line, estate, before, { expectedEpoch: 6 })).toMatchObject({
    status: 403,
    body: { reason: 'epoch-moved' },
  });
});

test('rule 12: neither a crash nor files that changed meanwhile bring an approval back or a signer in', async () => {
  const eve = ed25519Key();
  const [, signers = ''] = estate.args;
  await writeFile(signers, `${signerLines.join('\n')}\neve@lab ${eve.line} role=engineering\n`);
  process.kill(estate.pid, 'SIGHUP');
  const document = documentOf({ connections: [{ name: line.name, fromEpoch: 6 }] });
  const stranger = await present(line, estate, signedBy([eve, keys.bob], document), { expectedEpoch: 6 });
  expect(stranger).toMatchObject({ status: 403, body: { reason: 'signatures-missing' } });
  await writeFile(signers, `${signerLines.join('\n')}\n`);
  await estate.crash();
  const connections = [{ name: other.name, fromEpoch: 2 }];
  await other.move('parallel', { reason: 'back' });
  const used = signedBy([keys.sam, keys.bob], documentOf({ connections, attempts: 1 }));
  expect(await present(other, estate, used, { expectedEpoch: 4 })).toMatchObject({
    status: 403,
    body: { reason: 'epoch-moved' },
  });
  const kept = await estate.call('GET', `connections/${other.name}/epochs`);
  const digests = JSON.stringify(kept.body).match(/sha256:[0-9a-f]{64}/g) ?? [];
  expect(digests).not.toContain(`sha256:${createHash('sha256').update(used.document).digest('hex')}`);
});
