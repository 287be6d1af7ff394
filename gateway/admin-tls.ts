/**
 * The admin API's own certificate, key and authorities of clients from a folder (`--admin-tls`), as a Kubernetes secret of type
 * tls has them. Read again while it serves: a renewed pair is used for the next connection, a wrong one is said and not used.
 */
import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { areOfOnePair } from './data-dir.ts';
import { Ending, EXIT } from './ending.ts';
import { readText } from './start-files.ts';
import type { TlsRefresh } from './tls.ts';

export type AdminTls = {
  readonly certificate: string;
  readonly key: string;
  /** Null: nobody has to show a certificate. */
  readonly clientAuthorities: string | null;
};

const ENDPOINT = 'admin API';

export class AdminTlsFolder {
  readonly #folder: string;
  #present: AdminTls;

  private constructor(folder: string, present: AdminTls) {
    this.#folder = folder;
    this.#present = present;
  }

  /** Throws Ending. */
  static async read(folder: string): Promise<AdminTlsFolder> {
    return new AdminTlsFolder(folder, await read(folder));
  }

  get present(): AdminTls {
    return this.#present;
  }

  /** Whether clients show a certificate is decided at the start: a file that is gone for a moment must open nothing. */
  async refresh(): Promise<TlsRefresh> {
    try {
      const next = await read(this.#folder);
      const { certificate, key, clientAuthorities } = this.#present;
      if ((next.clientAuthorities === null) !== (clientAuthorities === null)) throw askingChanged(this.#folder, next);
      const isSame =
        next.certificate === certificate && next.key === key && next.clientAuthorities === clientAuthorities;
      this.#present = next;
      return { renewed: isSame ? [] : [ENDPOINT], problems: [] };
    } catch (error) {
      if (!(error instanceof Ending)) throw error;
      const [message = '', remedy = ''] = error.message.split(' → ');
      return { renewed: [], problems: [{ endpoint: ENDPOINT, message, remedy }] };
    }
  }
}

async function read(folder: string): Promise<AdminTls> {
  const certificateFile = join(folder, 'tls.crt');
  const keyFile = join(folder, 'tls.key');
  const [certificate, key] = await Promise.all([
    readText(certificateFile, 'the certificate of the admin API'),
    readText(keyFile, 'the key of the admin API'),
  ]);
  if (!isCertificate(certificate)) throw unusable(`${certificateFile} holds no certificate that can be read`);
  if (!areOfOnePair(certificate, key)) throw unusable(`${keyFile} is not the key of ${certificateFile}`);
  const authoritiesFile = join(folder, 'ca.crt');
  if (!existsSync(authoritiesFile)) return { certificate, key, clientAuthorities: null };
  const clientAuthorities = await readText(authoritiesFile, 'the authorities of clients');
  if (!isCertificate(clientAuthorities)) throw unusable(`${authoritiesFile} holds no certificate that can be read`);
  return { certificate, key, clientAuthorities };
}

/** Node takes a file without any certificate for a valid list of authorities, which admits nobody. */
function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).validTo !== '';
  } catch {
    return false;
  }
}

function unusable(message: string): Ending {
  return new Ending(EXIT.usage, [`${message} → put a certificate and the key that it was made with there (PEM)`]);
}

function askingChanged(folder: string, { clientAuthorities }: AdminTls): Ending {
  const file = join(folder, 'ca.crt');
  const message =
    clientAuthorities === null
      ? `${file} is gone: clients have to show a certificate of the former one on`
      : `${file} is new: it is used from the next start on`;
  const remedy =
    clientAuthorities === null ? 'put it back, or start the gateway again without it' : 'start the gateway again';
  return new Ending(EXIT.usage, [`${message} → ${remedy}`]);
}
