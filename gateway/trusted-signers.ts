/**
 * The signers that a gateway was started with, and the keys of theirs that are revoked. Signers are read once; revocation
 * is read again on SIGHUP and only ever takes away, so that no file changed later can add to who may approve.
 */
import { readFile } from 'node:fs/promises';
import type { Logger } from 'pino';
import { missingRoles, parseAllowedSigners, type Signer } from '../core/allowed-signers.ts';
import type { Authority } from '../core/approval.ts';
import { NO_REVOKED_KEYS, type RevokedKeys, readRevokedKeys } from '../core/ssh/revoked-keys.ts';

/** Said line by line to whoever starts the gateway: file, line, what is wrong, what to do. */
export class SignersUnusable extends Error {
  readonly lines: readonly string[];

  constructor(lines: readonly string[]) {
    super(lines.join('\n'));
    this.lines = lines;
  }
}

export class TrustedSigners {
  readonly #signers: readonly Signer[];
  readonly #revokedFile: string | null;
  #revoked: RevokedKeys;

  private constructor(signers: readonly Signer[], revokedFile: string | null, revoked: RevokedKeys) {
    this.#signers = signers;
    this.#revokedFile = revokedFile;
    this.#revoked = revoked;
  }

  /** Throws SignersUnusable. */
  static async read(file: string, revokedFile: string | null): Promise<TrustedSigners> {
    const parsed = parseAllowedSigners((await content(file, 'the signers')).toString('utf8'));
    if (!parsed.ok) {
      throw new SignersUnusable(
        parsed.problems.map(({ line, message, remedy }) => `${file}:${line}: ${message} → ${remedy}`),
      );
    }
    if (parsed.value.length === 0) {
      throw new SignersUnusable([`${file}: it names no signer → add lines of OpenSSH allowed_signers`]);
    }
    const revoked = revokedFile === null ? NO_REVOKED_KEYS : await revokedIn(revokedFile);
    return new TrustedSigners(parsed.value, revokedFile, revoked);
  }

  authority(deployment: string): Authority {
    return { deployment, signers: this.#signers, revoked: this.#revoked };
  }

  /** For the log: who may approve, and what is lacking. */
  describe(): object {
    const signers = this.#signers.map(({ person, roles, key }) => ({ person, roles, key: key.fingerprint }));
    return { signers, rolesWithoutSigner: missingRoles(this.#signers), revokedKeys: this.#revoked.size };
  }

  /** Never throws: an unreadable file leaves what was revoked before. */
  async revokeMore(logger: Logger): Promise<void> {
    if (this.#revokedFile === null) return;
    try {
      const found = await revokedIn(this.#revokedFile);
      this.#revoked = new Set([...this.#revoked, ...found]);
      logger.info({ event: 'revoked-keys', keys: this.#revoked.size }, 'revoked keys read');
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error);
      logger.error({ event: 'revoked-keys', problem }, 'revoked keys cannot be read; those from before stay revoked');
    }
  }
}

async function revokedIn(file: string): Promise<RevokedKeys> {
  const read = readRevokedKeys(await content(file, 'the revoked keys'));
  if (read.ok) return read.value;
  throw new SignersUnusable([`${file}: ${read.message} → public keys or SHA256: fingerprints, one a line, or a KRL`]);
}

async function content(file: string, what: string): Promise<Buffer> {
  try {
    return await readFile(file);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw new SignersUnusable([`${file}: cannot read ${what} (${code}) → name a readable file`]);
  }
}
