/**
 * Keys and certificates of the endpoints: read from the PEM files that the inventory names, checked with a clear line for
 * each mistake, and read again when the files change. Sockets that are open keep what they were opened with.
 */
import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { ListenerTls, PeerTls, TlsVersion } from '../core/endpoint-security.ts';
import type { Inventory, Listener } from '../core/inventory.ts';
import { PLATFORMS } from '../core/platform.ts';

/** Says the endpoint and the file, never what is in it. */
export type TlsProblem = { readonly endpoint: string; readonly message: string; readonly remedy: string };

export type TlsRefresh = {
  /** Endpoints whose next connection uses other files than the last. */
  readonly renewed: readonly string[];
  /** Files that cannot be used now: these endpoints go on with what they have. */
  readonly problems: readonly TlsProblem[];
};

type Wanted = {
  readonly own: { readonly cert: string; readonly key: string } | null;
  readonly ca: string | null;
  readonly minVersion: TlsVersion;
};

type Loaded = {
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
  /** Null: no certificate of its own. */
  readonly expiresAtMs: number | null;
};

type Entry = { readonly wanted: Wanted; readonly endpoints: Set<string>; stamp: string; loaded: Loaded };

/** A file that cannot be used; becomes a `TlsProblem` of each endpoint that names it. */
class Unusable extends Error {
  readonly remedy: string;
  constructor(message: string, remedy: string) {
    super(message);
    this.remedy = remedy;
  }
}

export class TlsStore {
  readonly #folder: string;
  readonly #entries = new Map<string, Entry>();

  /** Relative paths count from `folder`: that of the inventory file. */
  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Loads what the endpoints of this shard name. With a problem nothing of it is taken. */
  async add(inventory: Inventory, shard: number): Promise<readonly TlsProblem[]> {
    const fresh = new Map<string, Entry>();
    const shared: { readonly entry: Entry; readonly endpoint: string }[] = [];
    const problems: TlsProblem[] = [];
    for (const { endpoint, wanted } of endpointsOf(inventory, shard)) {
      const key = keyOf(wanted);
      const entry = this.#entries.get(key) ?? fresh.get(key);
      if (entry !== undefined) {
        shared.push({ entry, endpoint });
        continue;
      }
      try {
        const stamp = await this.#stampOf(wanted);
        fresh.set(key, { wanted, endpoints: new Set([endpoint]), stamp, loaded: await this.#load(wanted) });
      } catch (error) {
        problems.push(problemOf(endpoint, error));
      }
    }
    if (problems.length > 0) return problems;
    for (const [key, entry] of fresh) this.#entries.set(key, entry);
    for (const { entry, endpoint } of shared) entry.endpoints.add(endpoint);
    return [];
  }

  /** For `tls.createServer` and `setSecureContext`. */
  listener(tls: ListenerTls): SecureContextOptions {
    return this.#entryOf(wantedByListener(tls)).loaded.options;
  }

  /** For the next connection to a peer. */
  peer(tls: PeerTls): SecureContext {
    return this.#entryOf(wantedByPeer(tls)).loaded.context;
  }

  /** Reads again what has changed on disk (time, size or inode); what is in use stays where that fails. */
  async refresh(): Promise<TlsRefresh> {
    const renewed: string[] = [];
    const problems: TlsProblem[] = [];
    for (const entry of this.#entries.values()) {
      try {
        const stamp = await this.#stampOf(entry.wanted);
        if (stamp === entry.stamp) continue;
        entry.loaded = await this.#load(entry.wanted);
        // The stamp from before reading: files that change meanwhile are read once more.
        entry.stamp = stamp;
        renewed.push(...entry.endpoints);
      } catch (error) {
        problems.push(...[...entry.endpoints].map((endpoint) => problemOf(endpoint, error)));
      }
    }
    return { renewed, problems };
  }

  /** When the gateway's own certificates end, by endpoint. */
  expiries(): readonly { readonly endpoint: string; readonly expiresAtMs: number }[] {
    return [...this.#entries.values()].flatMap(({ endpoints, loaded: { expiresAtMs } }) =>
      expiresAtMs === null ? [] : [...endpoints].map((endpoint) => ({ endpoint, expiresAtMs })),
    );
  }

  #entryOf(wanted: Wanted): Entry {
    const entry = this.#entries.get(keyOf(wanted));
    if (entry === undefined) throw new Error('the TLS files of this endpoint have not been loaded');
    return entry;
  }

  async #stampOf({ own, ca }: Wanted): Promise<string> {
    const paths = [own?.cert, own?.key, ca].filter((path) => typeof path === 'string');
    const stamps = paths.map(async (path) => {
      const { mtimeMs, size, ino } = await stat(this.#resolve(path)).catch((error: unknown) => {
        throw unreadable(this.#resolve(path), error);
      });
      return `${mtimeMs} ${size} ${ino}`;
    });
    return (await Promise.all(stamps)).join('\n');
  }

  async #load({ own, ca, minVersion }: Wanted): Promise<Loaded> {
    const options: SecureContextOptions = { minVersion: minVersion === '1.3' ? 'TLSv1.3' : 'TLSv1.2' };
    let expiresAtMs: number | null = null;
    if (own !== null) {
      const [cert, key] = [await this.#read(own.cert), await this.#read(own.key)];
      const [first] = certificatesIn(cert, this.#resolve(own.cert));
      if (!first.checkPrivateKey(privateKeyIn(key, this.#resolve(own.key)))) {
        const message = `${this.#resolve(own.key)} is not the key of ${this.#resolve(own.cert)}`;
        throw new Unusable(message, 'name a certificate and the key that it was made with');
      }
      expiresAtMs = Date.parse(first.validTo);
      Object.assign(options, { cert, key });
    }
    if (ca !== null) {
      options.ca = await this.#read(ca);
      certificatesIn(options.ca, this.#resolve(ca));
    }
    return { options, context: contextOf(options), expiresAtMs };
  }

  async #read(path: string): Promise<string> {
    try {
      return await readFile(this.#resolve(path), 'utf8');
    } catch (error) {
      throw unreadable(this.#resolve(path), error);
    }
  }

  #resolve(path: string): string {
    return resolve(this.#folder, path);
  }
}

function contextOf(options: SecureContextOptions): SecureContext {
  try {
    return createSecureContext(options);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Unusable(
      `OpenSSL refuses certificate, key or authorities (${reason})`,
      'use RSA of 2048 bits or more, or EC',
    );
  }
}

/** The endpoints of a shard that speak TLS; a peer that several endpoints share is there under each name. */
function* endpointsOf(inventory: Inventory, shard: number): Generator<{ endpoint: string; wanted: Wanted }> {
  for (const feed of inventory.feeds.filter((one) => one.shard === shard)) {
    yield* senderOf(`feed ${feed.name}`, feed);
    for (const platform of PLATFORMS) {
      const { tls } = feed.platforms[platform];
      if (tls !== null) yield { endpoint: `platform ${platform} of feed ${feed.name}`, wanted: wantedByPeer(tls) };
    }
  }
  for (const connection of inventory.connections.filter((one) => one.shard === shard)) {
    for (const platform of PLATFORMS) {
      yield* senderOf(`leg ${platform} of ${connection.name}`, connection.legs[platform]);
    }
    const { tls } = connection.destination;
    if (tls !== null) yield { endpoint: `destination of ${connection.name}`, wanted: wantedByPeer(tls) };
  }
}

function* senderOf(endpoint: string, { tls, dial }: Listener): Generator<{ endpoint: string; wanted: Wanted }> {
  if (tls !== null) yield { endpoint, wanted: wantedByListener(tls) };
  if (dial !== null && dial.tls !== null) yield { endpoint, wanted: wantedByPeer(dial.tls) };
}

function wantedByListener({ cert, key, clientCa, minVersion }: ListenerTls): Wanted {
  return { own: { cert, key }, ca: clientCa, minVersion };
}

function wantedByPeer({ own, ca, minVersion }: PeerTls): Wanted {
  return { own, ca, minVersion };
}

function keyOf({ own, ca, minVersion }: Wanted): string {
  return JSON.stringify([own?.cert ?? null, own?.key ?? null, ca, minVersion]);
}

const CERTIFICATE_PATTERN = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/** Node takes a file without any certificate for a valid list of authorities: it has to be looked at first. */
function certificatesIn(text: string, path: string): readonly [X509Certificate, ...X509Certificate[]] {
  try {
    const [first, ...rest] = (text.match(CERTIFICATE_PATTERN) ?? []).map((block) => new X509Certificate(block));
    if (first !== undefined) return [first, ...rest];
  } catch {
    // Said below: whatever the parser thinks of it, it is no certificate.
  }
  throw new Unusable(`${path} holds no certificate that can be read`, 'name a PEM file (BEGIN CERTIFICATE)');
}

function privateKeyIn(text: string, path: string): KeyObject {
  if (/BEGIN ENCRYPTED|Proc-Type: 4,ENCRYPTED/.test(text)) {
    throw new Unusable(`${path} is locked with a passphrase`, 'store it without one, readable by the gateway only');
  }
  try {
    return createPrivateKey(text);
  } catch {
    throw new Unusable(`${path} holds no private key that can be read`, 'name a PEM file (BEGIN PRIVATE KEY)');
  }
}

function unreadable(path: string, error: unknown): Unusable {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  return new Unusable(`${path} cannot be read (${code})`, 'put the file there, readable by the user of the gateway');
}

function problemOf(endpoint: string, error: unknown): TlsProblem {
  if (!(error instanceof Unusable)) throw error;
  return { endpoint, message: error.message, remedy: error.remedy };
}
