/** Signatures of the real ssh-keygen are judged here, and ours are judged by it: both must always say the same. */
import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseAllowedSigners } from '../core/allowed-signers.ts';
import { isRevoked, readRevokedKeys } from '../core/ssh/revoked-keys.ts';
import { isSignatureOf, readSignature } from '../core/ssh/signature.ts';
import { armored, ecdsaSecurityKey, ed25519Key, securityKey, type TestKey } from '../core/ssh/test-keys.ts';
import { signWithSshKeygen } from './ssh-keygen.ts';

const run = promisify(execFile);
const NAMESPACE = 'cutover-approval';
const TEXT = '{"a":"ä","connections":[{"fromEpoch":2,"name":"north"}]}';
const KINDS = [
  ['ed25519', []],
  ['ecdsa', ['-b', '256']],
  ['ecdsa', ['-b', '384']],
  ['ecdsa', ['-b', '521']],
  ['rsa', ['-b', '2048']],
  ['rsa', ['-b', '3072']],
] as const;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-ssh-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function newKey(name: string, type: string, more: readonly string[] = []): Promise<string> {
  const file = join(folder, name);
  await run('ssh-keygen', ['-q', '-t', type, ...more, '-N', '', '-C', 'ann role=engineering', '-f', file]);
  return file;
}

async function sign(file: string, text = TEXT, namespace = NAMESPACE): Promise<string> {
  const signed = await signWithSshKeygen(text, { keyFile: file, namespace, env: process.env });
  if (!signed.ok) throw new Error(signed.message);
  return signed.signature;
}

function ours(text: string, signature: string): boolean {
  const read = readSignature(signature);
  return read.ok && read.value.namespace === NAMESPACE && isSignatureOf(text, read.value);
}

async function theirs(text: string, signature: string, signers: string): Promise<boolean> {
  const files = { signers: join(folder, 'signers'), signature: join(folder, 'signature.sig') };
  await writeFile(files.signers, signers);
  await writeFile(files.signature, signature);
  const args = ['-Y', 'verify', '-f', files.signers, '-I', 'ann@lab', '-n', NAMESPACE, '-s', files.signature];
  const verifying = run('ssh-keygen', args);
  verifying.child.stdin?.end(text);
  return verifying.then(
    () => true,
    () => false,
  );
}

test.for(KINDS)('a key of type %s %j: what ssh-keygen signs counts, and nothing beside it', async ([type, more]) => {
  const file = await newKey(`id-${type}-${more.join('')}`, type, more);
  const signature = await sign(file);
  const publicKey = await readFile(`${file}.pub`, 'utf8');
  const signers = `ann@lab namespaces="${NAMESPACE}" ${publicKey}`;
  const parsed = parseAllowedSigners(signers);
  expect(parsed).toMatchObject({ ok: true, value: [{ person: 'ann@lab', roles: ['engineering'] }] });
  const read = readSignature(signature);
  if (!parsed.ok || !read.ok) throw new Error('neither reads');
  expect(read.value.key.blob).toEqual(parsed.value[0]?.key.blob);
  const listed = await run('ssh-keygen', ['-l', '-f', `${file}.pub`]);
  expect(listed.stdout).toContain(read.value.key.fingerprint);
  for (const text of [TEXT, `${TEXT}\n`, TEXT.replace('2', '3'), '']) {
    expect([text, ours(text, signature)]).toEqual([text, text === TEXT]);
    expect([text, await theirs(text, signature, signers)]).toEqual([text, text === TEXT]);
  }
  const elsewhere = await sign(file, TEXT, 'file');
  expect([ours(TEXT, elsewhere), await theirs(TEXT, elsewhere, signers)]).toEqual([false, false]);
});

test.for([
  ed25519Key,
  securityKey,
  ecdsaSecurityKey,
] as const)('what we make up of a key, ssh-keygen takes (%#)', async (make) => {
  const key: TestKey = make();
  const signers = `ann@lab ${key.line}\n`;
  for (const hash of ['sha256', 'sha512'] as const) {
    const signature = key.sign(TEXT, NAMESPACE, { hash });
    expect([ours(TEXT, signature), await theirs(TEXT, signature, signers)]).toEqual([true, true]);
    expect([ours(`${TEXT} `, signature), await theirs(`${TEXT} `, signature, signers)]).toEqual([false, false]);
  }
});

test('any changed byte of a signature proves nothing any more', async () => {
  const signature = ed25519Key().sign(TEXT, NAMESPACE);
  const blob = Buffer.from(signature.split('\n').slice(1, -2).join(''), 'base64');
  for (let at = 0; at < blob.length; at++) {
    const changed = Buffer.from(blob);
    changed[at] = (changed[at] ?? 0) ^ 1;
    const read = readSignature(armored(changed));
    const isSame = read.ok && read.value.key.blob.equals(Buffer.from(ed25519BlobOf(blob)));
    expect(isSame && ours(TEXT, armored(changed))).toBe(false);
  }
  for (const cut of [0, 1, 10, blob.length - 1]) expect(readSignature(armored(blob.subarray(0, cut))).ok).toBe(false);
  expect(readSignature(armored(Buffer.concat([blob, Buffer.from([0])]))).ok).toBe(false);
});

function ed25519BlobOf(signature: Buffer): Uint8Array {
  const start = 'SSHSIG'.length + 4;
  return signature.subarray(start + 4, start + 4 + signature.readUInt32BE(start));
}

test('weak keys, DSA, certificates and patterns do not get among the signers', async () => {
  const weak = await run('ssh-keygen', ['-q', '-t', 'rsa', '-b', '1024', '-N', '', '-f', join(folder, 'weak')]).then(
    () => readFile(join(folder, 'weak.pub'), 'utf8'),
    () => '',
  );
  const good = ed25519Key().line;
  const lines = [
    ...(weak === '' ? [] : [`ann@lab ${weak.trim()}`]),
    'ann@lab ssh-dss AAAAB3NzaC1kc3MAAACBAA==',
    `ann@lab cert-authority ${good}`,
    `*@lab ${good}`,
    `ann@lab valid-before="20260101" ${good}`,
    `ann@lab valid-before="20261332Z" ${good}`,
    `ann@lab ${good} role=owner`,
    `ann@lab ${good.slice(0, -20)}`,
    `ann@lab namespaces="open ${good}`,
    'ann@lab',
    `ann@lab ${good}\nbob@lab ${good}`,
    `ann@lab,bob@lab ${good}\nbob@lab ${ed25519Key().line}`,
  ];
  for (const line of lines)
    expect([line.slice(0, 50), parseAllowedSigners(line).ok]).toEqual([line.slice(0, 50), false]);
  expect(parseAllowedSigners(`# nobody\n\nann@lab,ann ${good} role=engineering,lab-operations`).ok).toBe(true);
});

test('a revoked key is known from its public key, its fingerprint, and from KRLs of ssh-keygen', async () => {
  const [file, other] = [await newKey('revoked', 'ed25519'), await newKey('kept', 'ed25519')];
  const keys = await Promise.all(
    [file, other].map(async (one) => {
      const read = readSignature(await sign(one));
      if (!read.ok) throw new Error(read.message);
      return read.value.key;
    }),
  );
  await run('ssh-keygen', ['-k', '-f', join(folder, 'krl'), `${file}.pub`]);
  const hashes = join(folder, 'hashes');
  await writeFile(hashes, `hash: ${keys[0]?.fingerprint}\n`);
  await run('ssh-keygen', ['-k', '-f', join(folder, 'krl-hash'), hashes]);
  await writeFile(hashes, `sha1: ${(await readFile(`${file}.pub`, 'utf8')).trim()}\n`);
  await run('ssh-keygen', ['-k', '-f', join(folder, 'krl-sha1'), hashes]);
  const texts = [await readFile(`${file}.pub`), Buffer.from(`# gone\n${keys[0]?.fingerprint} left in May\n`)];
  const krls = await Promise.all(['krl', 'krl-hash', 'krl-sha1'].map((name) => readFile(join(folder, name))));
  for (const content of [...texts, ...krls]) {
    const revoked = readRevokedKeys(content);
    if (!revoked.ok) throw new Error(revoked.message);
    expect(keys.map((key) => isRevoked(key, revoked.value))).toEqual([true, false]);
  }
  expect(readRevokedKeys(Buffer.from('ssh-ed25519 nonsense')).ok).toBe(false);
  expect(readRevokedKeys(krls[0]?.subarray(0, 60) ?? Buffer.alloc(0)).ok).toBe(false);
});

test('a key that an agent holds signs by its public half; without the agent it says so', async () => {
  const file = await newKey('agent', 'ed25519');
  const socket = join(folder, 'agent.sock');
  const started = await run('ssh-agent', ['-a', socket]);
  const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(started.stdout)?.[1]);
  try {
    const env = { ...process.env, SSH_AUTH_SOCK: socket };
    await run('ssh-add', ['-q', file], { env });
    await rm(file);
    const signed = await signWithSshKeygen(TEXT, { keyFile: `${file}.pub`, namespace: NAMESPACE, env });
    if (!signed.ok) throw new Error(signed.message);
    expect(ours(TEXT, signed.signature)).toBe(true);
    const alone = { keyFile: `${file}.pub`, namespace: NAMESPACE, env: { ...env, SSH_AUTH_SOCK: '/nowhere' } };
    expect(await signWithSshKeygen(TEXT, alone)).toMatchObject({
      ok: false,
      remedy: expect.stringContaining('ssh-add -l'),
    });
  } finally {
    process.kill(pid);
  }
});
