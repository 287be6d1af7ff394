/**
 * Whether a passphrase is the one that a stack was made with, asked of the salt that Pulumi keeps in the stack file and in its state:
 * reading a state without secrets needs none, so that a wrong one is otherwise found by the first update.
 */
import { createDecipheriv, pbkdf2 } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** NewSymmetricCrypterFromPassphrase in pulumi/sdk/go/common/resource/config/crypt.go. */
const ITERATIONS = 1_000_000;
const KEY_BYTES = 32;
const TAG_BYTES = 16;
/** What Pulumi encrypts to recognise the passphrase by (secrets/passphrase/manager.go of pulumi/pkg). */
const KNOWN_TEXT = 'pulumi';

/** As the verbs and the CLI take it from the environment: the empty one by default. */
export async function passphraseIn(env: NodeJS.ProcessEnv): Promise<string> {
  const { PULUMI_CONFIG_PASSPHRASE: passphrase, PULUMI_CONFIG_PASSPHRASE_FILE: file } = env;
  if (passphrase !== undefined || file === undefined) return passphrase ?? '';
  return (await readFile(file, 'utf8').catch(() => '')).trim();
}

/** Null: it is no salt of a kind that is known here. */
export async function fitsSalt(salt: string, passphrase: string): Promise<boolean | null> {
  const [, own, nonce, encrypted] = /^v1:([^:]+):v1:([^:]+):([^:]+)$/.exec(salt) ?? [];
  if (own === undefined || nonce === undefined || encrypted === undefined) return null;
  const key = await promisify(pbkdf2)(passphrase, Buffer.from(own, 'base64'), ITERATIONS, KEY_BYTES, 'sha256');
  const sealed = Buffer.from(encrypted, 'base64');
  const decipher = createDecipheriv('aes-256-gcm', key, Buffer.from(nonce, 'base64'));
  decipher.setAuthTag(sealed.subarray(-TAG_BYTES));
  try {
    return Buffer.concat([decipher.update(sealed.subarray(0, -TAG_BYTES)), decipher.final()]).toString() === KNOWN_TEXT;
  } catch {
    return false;
  }
}
