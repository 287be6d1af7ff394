/**
 * One connection to PostgreSQL that never hangs: every call has a limit, and closing it also ends what a silent server
 * holds. After any failure close it and open another. Errors never show the URL's password.
 */
import { Socket } from 'node:net';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';

export type PostgresOptions = {
  readonly url: string;
  readonly applicationName: string;
  /** Default 10 s. */
  readonly connectLimitMs?: number;
  /** For one statement. Default 30 s. */
  readonly statementLimitMs?: number;
};

const CONNECT_LIMIT_MS = 10_000;
const STATEMENT_LIMIT_MS = 30_000;
const LOCK_LIMIT_MS = 10_000;
/** The server's own limit comes first; ours is for a server that is silent. */
const SILENCE_MS = 5_000;
const GOODBYE_MS = 1_000;
const SQLSTATE_PATTERN = /^[0-9A-Z]{5}$/;

/** `code`: SQLSTATE, or the system's (ECONNREFUSED). */
export class PostgresFailure extends Error {
  override readonly name = 'PostgresFailure';
  readonly code: string;
  constructor(message: string, code: string) {
    super(message);
    this.code = code;
  }
}

export type PostgresResult<R> = { readonly rows: readonly R[]; readonly affected: number };

export class Postgres {
  readonly #client: pg.Client;
  readonly #socket: Socket;

  private constructor(client: pg.Client, socket: Socket) {
    this.#client = client;
    this.#socket = socket;
  }

  /** @throws PostgresFailure */
  static async open(options: PostgresOptions): Promise<Postgres> {
    const { connectLimitMs = CONNECT_LIMIT_MS, statementLimitMs = STATEMENT_LIMIT_MS } = options;
    const socket = new Socket();
    try {
      const client = new pg.Client({
        connectionString: options.url,
        application_name: options.applicationName,
        connectionTimeoutMillis: connectLimitMs,
        statement_timeout: statementLimitMs,
        lock_timeout: Math.min(LOCK_LIMIT_MS, statementLimitMs),
        query_timeout: statementLimitMs + SILENCE_MS,
        keepAlive: true,
        stream: () => socket,
      });
      // What breaks between two calls shows at the next one.
      client.on('error', () => undefined);
      await client.connect();
      return new Postgres(client, socket);
    } catch (error) {
      socket.destroy();
      throw failureOf(error);
    }
  }

  /** @throws PostgresFailure */
  async query<R extends pg.QueryResultRow>(text: string, values: readonly unknown[] = []): Promise<PostgresResult<R>> {
    try {
      const { rows, rowCount } = await this.#client.query<R>(text, [...values]);
      return { rows, affected: rowCount ?? 0 };
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** Several statements without values, as one. */
  async run(script: string): Promise<void> {
    try {
      await this.#client.query(script);
    } catch (error) {
      throw failureOf(error);
    }
  }

  /** `copy … from stdin` in its text format; resolves with the number of rows. What the source throws comes out as it is. */
  async copyIn(statement: string, chunks: AsyncIterable<string>): Promise<number> {
    const copy = this.#client.query(copyFrom(statement));
    let ofSource: unknown = null;
    const watched = async function* (): AsyncGenerator<string, void, void> {
      try {
        yield* chunks;
      } catch (error) {
        ofSource = error;
        throw error;
      }
    };
    try {
      await pipeline(Readable.from(watched(), { objectMode: true, highWaterMark: 4 }), copy);
      return copy.rowCount;
    } catch (error) {
      // Else its time limit would still be waited for.
      if ('callback' in copy && typeof copy.callback === 'function') copy.callback();
      throw ofSource ?? failureOf(error);
    }
  }

  /** All or nothing; a failure of `work` is what it rejects with. */
  async transaction<T>(work: () => Promise<T>): Promise<T> {
    await this.run('begin');
    try {
      const result = await work();
      await this.run('commit');
      return result;
    } catch (error) {
      // A server that no longer answers would be waited for once more; closing the connection rolls back as well.
      const isSilent = error instanceof PostgresFailure && !SQLSTATE_PATTERN.test(error.code);
      if (!isSilent) await this.run('rollback').catch(() => undefined);
      throw error;
    }
  }

  async close(): Promise<void> {
    const goodbye = setTimeout(() => this.#socket.destroy(), GOODBYE_MS);
    await this.#client.end().catch(() => undefined);
    clearTimeout(goodbye);
    this.#socket.destroy();
  }
}

function failureOf(error: unknown): PostgresFailure {
  if (error instanceof PostgresFailure) return error;
  if (error instanceof AggregateError && error.errors.length > 0) return failureOf(error.errors[0]);
  if (!(error instanceof Error)) return new PostgresFailure(String(error), 'unknown');
  // `detail` of the server would quote rows: the message does not.
  const message = error.message.replaceAll(/:\/\/[^@\s]*@/g, '://***@');
  return new PostgresFailure(message, 'code' in error && typeof error.code === 'string' ? error.code : error.name);
}
