/** Authorities and certificates for tests, written as PEM files. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from 'selfsigned';

const DAY_MS = 86_400_000;

export type Pem = { readonly cert: string; readonly key: string };

export async function newAuthority(name: string): Promise<Pem> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...options(),
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', digitalSignature: true, keyCertSign: true, critical: true },
    ],
  });
  return { cert: made.cert, key: made.private };
}

/** For `name` and 127.0.0.1, as a server and as a client. */
export async function issue(authority: Pem, name: string): Promise<Pem> {
  const made = await generate([{ name: 'commonName', value: name }], {
    ...options(),
    ca: authority,
    extensions: [
      { name: 'basicConstraints', cA: false },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: name },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { cert: made.cert, key: made.private };
}

export class PemFolder {
  readonly path: string;
  private constructor(path: string) {
    this.path = path;
  }

  static async create(): Promise<PemFolder> {
    return new PemFolder(await mkdtemp(join(tmpdir(), 'cutover-tls-')));
  }

  /** Writes `name.crt` and `name.key`. */
  async put(name: string, { cert, key }: Pem): Promise<void> {
    await this.write(`${name}.crt`, cert);
    await this.write(`${name}.key`, key);
  }

  write(file: string, text: string): Promise<void> {
    return writeFile(join(this.path, file), text, { mode: 0o600 });
  }

  remove(): Promise<void> {
    return rm(this.path, { recursive: true, force: true });
  }
}

function options() {
  return {
    keyType: 'ec',
    algorithm: 'sha256',
    notBeforeDate: new Date(Date.now() - DAY_MS),
    notAfterDate: new Date(Date.now() + DAY_MS),
  } as const;
}
