/** What a signers file may say: given a line, when the gateway reads it at its start, then it counts or the start is refused. */
import { expect, test } from 'vitest';
import { parseAllowedSigners } from './allowed-signers.ts';
import { ed25519Key, keyOfType, rsaKey } from './ssh/test-keys.ts';

const [ann, bob] = [ed25519Key(), ed25519Key()];

test('a line names a person, a role, namespaces and a time', () => {
  const line = `ann@lab,a.b@lab namespaces="cutover-approval, cutover-signoff",valid-after="20260101Z",valid-before="202612312359Z" ${ann.line} ann's key role=engineering`;
  const parsed = parseAllowedSigners(`# people\r\n\r\n${line}\r\n\tbob ${bob.line} role=lab-operations,engineering\n`);
  expect(parsed).toMatchObject({
    ok: true,
    value: [
      {
        line: 3,
        person: 'ann@lab',
        principals: ['ann@lab', 'a.b@lab'],
        roles: ['engineering'],
        namespaces: ['cutover-approval', 'cutover-signoff'],
        validAfterMs: Date.parse('2026-01-01T00:00:00Z'),
        validBeforeMs: Date.parse('2026-12-31T23:59:00Z'),
      },
      { line: 4, person: 'bob', roles: ['engineering', 'lab-operations'], namespaces: null },
    ],
  });
});

const certificate = keyOfType('ssh-ed25519-cert-v01@openssh.com', Buffer.alloc(32), Buffer.alloc(32, 7), 'more');
const dsa = keyOfType('ssh-dss', Buffer.alloc(128, 1), Buffer.alloc(20, 1), Buffer.alloc(128, 1), Buffer.alloc(128, 1));

const REFUSED: [string, string, RegExp][] = [
  ['anyone', `* ${ann.line} role=engineering`, /'\*' is no person/],
  ['anyone of a domain', `*@lab ${ann.line} role=engineering`, /is no person/],
  ['one character', `an?@lab ${ann.line}`, /is no person/],
  ['everyone but', `ann@lab,!bob@lab ${ann.line}`, /is no person/],
  ['nobody', `"" ${ann.line}`, /is no person/],
  ['an authority', `ann@lab cert-authority ${ann.line}`, /'cert-authority' is not taken/],
  [
    'an authority, after another option',
    `ann@lab namespaces="x",cert-authority ${ann.line}`,
    /'cert-authority' is not/,
  ],
  ['a certificate', `ann@lab ${certificate.line}`, /no key that can be used/],
  ['a DSA key', `ann@lab ${dsa.line}`, /no key that can be used/],
  ['a small RSA key', `ann@lab ${rsaKey(1024).line}`, /an RSA key of 1024 bits is not taken/],
  ['a key under another type', `ann@lab ssh-rsa ${ann.blob.toString('base64')}`, /is not of type ssh-rsa/],
  ['half a key', `ann@lab ssh-ed25519 ${ann.blob.subarray(0, 30).toString('base64')}`, /ends too early/],
  ['more than a key', `ann@lab ssh-ed25519 ${Buffer.concat([ann.blob, ann.blob]).toString('base64')}`, /bytes after/],
  ['a key that is no base64', `ann@lab ssh-ed25519 ${ann.blob.toString('base64')}*`, /is not base64/],
  ['no key', 'ann@lab', /no key that can be used/],
  ['any namespace of ours', `ann@lab namespaces="cutover-*" ${ann.line}`, /is no list of names/],
  ['every namespace but', `ann@lab namespaces="!file,*" ${ann.line}`, /is no list of names/],
  ['no namespace', `ann@lab namespaces="" ${ann.line}`, /is no list of names/],
  ['two lists', `ann@lab namespaces="file",namespaces="cutover-approval" ${ann.line}`, /namespaces is there twice/],
  ['two ends', `ann@lab valid-before="20200101Z",VALID-BEFORE="20990101Z" ${ann.line}`, /valid-before is there twice/],
  [
    'an end before its beginning',
    `ann@lab valid-after="20270101Z",valid-before="20260101Z" ${ann.line}`,
    /is not after/,
  ],
  ['a time without a zone', `ann@lab valid-before="20260101" ${ann.line}`, /is no time in UTC/],
  ['no day', `ann@lab valid-before="20260230Z" ${ann.line}`, /is no time in UTC/],
  ['an option without quotes', `ann@lab valid-before=20260101Z ${ann.line}`, /'valid-before' is not taken/],
  ['something after an option', `ann@lab valid-before="20260101Z"x ${ann.line}`, /is not taken/],
  ['an open quote', `ann@lab namespaces="cutover-approval ${ann.line}`, /a quote is not closed/],
  ['a role that is none', `ann@lab ${ann.line} role=owner`, /no role 'owner'/],
];

test.for(REFUSED)('refused at the start: %s', ([, line, message]) => {
  const parsed = parseAllowedSigners(`bob@lab ${bob.line} role=lab-operations\n${line}\n`);
  expect(parsed).toMatchObject({ ok: false, problems: [{ line: 2, message: expect.stringMatching(message) }] });
});

test.each([
  ['one key for two', `ann@lab ${bob.line} role=engineering`],
  ['one name for two', `ann@lab,bob@lab ${ann.line} role=engineering`],
  ['one person under a short name', `bob ${ann.line} role=engineering`],
  ['one person in other letters', `ＢＯＢ@lab ${ann.line} role=engineering`],
])('two roles in one hand are refused: %s', (_, line) => {
  const parsed = parseAllowedSigners(`bob@lab ${bob.line} role=lab-operations\n${line}\n`);
  expect(parsed).toMatchObject({
    ok: false,
    problems: [{ line: 2, message: expect.stringContaining('share a key or') }],
  });
});
