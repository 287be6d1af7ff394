/**
 * The admin API as the gateway sees it: a thread that serves HTTPS and asks what only the traffic's thread can answer. A
 * thread that ends is started again on the same port; traffic goes on.
 */
import { Worker } from 'node:worker_threads';
import type { Logger } from 'pino';
import type { AdminHost } from './host.ts';
import type { Answer, FromWorker, Question, Renewable, TextReply, ToWorker, WorkerOptions } from './messages.ts';
import { failure, type Reply } from './reply.ts';
import { answerCall, type Context } from './routes.ts';

export type AdminServerOptions = Renewable & {
  readonly host: AdminHost;
  /** 0: any free one. */
  readonly port: number;
  /** Default 127.0.0.1. */
  readonly address?: string;
  readonly logger: Logger;
  readonly nowMs?: () => number;
  /** How long a client may take to read its answer; default 30 s. */
  readonly readLimitMs?: number;
  /** Tests only: another thread. */
  readonly workerFile?: URL;
};

export type AdminServer = {
  readonly port: number;
  /** Resolves once they are in use, by connections and requests to come; rejects where TLS cannot use them. */
  renew(renewed: Partial<Renewable>): Promise<void>;
  /** Answers what is in flight for at most `boundMs`, then closes every connection. */
  close(boundMs: number): Promise<void>;
};

const READ_LIMIT_MS = 30_000;
const RESTART_MS = 1_000;
/** Beyond the bound of the close, which the thread keeps itself. */
const CLOSE_LIMIT_MS = 2_000;
const HEAP_LIMIT_MB = 512;

/** Rejects where the port cannot be had. */
export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const thread = new AdminThread(options);
  await thread.listening;
  return thread;
}

class AdminThread implements AdminServer {
  readonly #options: AdminServerOptions;
  readonly #context: Context;
  readonly #listening = Promise.withResolvers<void>();
  #hasListened = false;
  #renewable: Renewable;
  #port: number;
  #worker: Worker;
  #restarting: NodeJS.Timeout | null = null;
  #closed: Promise<void> | null = null;
  readonly #renewals = new Map<number, (problem: string | null) => void>();
  #renewed = 0;

  constructor(options: AdminServerOptions) {
    const { host, logger, nowMs = Date.now, tls, credentials, port } = options;
    this.#options = options;
    this.#context = { host, logger, nowMs, lease: null };
    this.#renewable = { tls, credentials };
    this.#port = port;
    this.#worker = this.#start();
  }

  /** Rejects where the port cannot be had at the start. */
  get listening(): Promise<void> {
    return this.#listening.promise;
  }

  get port(): number {
    return this.#port;
  }

  async renew(renewed: Partial<Renewable>): Promise<void> {
    const former = this.#renewable;
    this.#renewable = { ...former, ...renewed };
    // One that is started again begins with them.
    if (this.#restarting !== null) return;
    const { promise, resolve } = Promise.withResolvers<string | null>();
    const id = ++this.#renewed;
    this.#renewals.set(id, resolve);
    tell(this.#worker, { kind: 'renew', id, renewed: this.#renewable });
    const problem = await promise;
    if (problem === null) return;
    this.#renewable = former;
    throw new Error(problem);
  }

  close(boundMs: number): Promise<void> {
    this.#closed ??= this.#close(boundMs);
    return this.#closed;
  }

  async #close(boundMs: number): Promise<void> {
    if (this.#restarting !== null) return clearTimeout(this.#restarting);
    const worker = this.#worker;
    const ended = new Promise<void>((resolve) => worker.once('exit', () => resolve()));
    tell(worker, { kind: 'close', boundMs });
    const late = setTimeout(() => void worker.terminate(), boundMs + CLOSE_LIMIT_MS);
    await ended;
    clearTimeout(late);
  }

  #start(): Worker {
    this.#restarting = null;
    const { address = '127.0.0.1', readLimitMs = READ_LIMIT_MS, workerFile } = this.#options;
    const workerData: WorkerOptions = { ...this.#renewable, port: this.#port, address, readLimitMs };
    const worker = new Worker(workerFile ?? new URL('./worker.ts', import.meta.url), {
      workerData,
      name: 'admin',
      resourceLimits: { maxOldGenerationSizeMb: HEAP_LIMIT_MB },
    });
    worker.on('message', (message: FromWorker) => this.#heard(worker, message));
    worker.on('error', ({ name, message }) => {
      this.#context.logger.error({ event: 'admin-thread-failed', code: name, message: message.split('\n')[0] });
    });
    worker.on('exit', () => this.#ended());
    return worker;
  }

  #heard(worker: Worker, message: FromWorker): void {
    switch (message.kind) {
      case 'question':
        void this.#answer(message.question).then((answer) => tell(worker, { kind: 'answer', id: message.id, answer }));
        break;
      case 'listening':
        this.#port = message.port;
        this.#hasListened = true;
        this.#listening.resolve();
        break;
      case 'not-listening': {
        const { message: error, code } = message;
        if (this.#hasListened) this.#context.logger.error({ event: 'admin-not-listening', error });
        this.#listening.reject(Object.assign(new Error(error), { code }));
        break;
      }
      case 'renewed':
        this.#renewals.get(message.id)?.(message.problem);
        this.#renewals.delete(message.id);
        break;
      case 'failed':
        this.#failed(message);
    }
  }

  async #answer(question: Question): Promise<Answer> {
    try {
      return await answerTo(question, this.#context);
    } catch (problem) {
      const { name, message } = problem instanceof Error ? problem : { name: 'unknown', message: '' };
      this.#failed({ method: question.about === 'call' ? question.call.method : 'GET', name, error: message });
      return written(failure(500, 'internal', 'the gateway could not answer; its log says why'));
    }
  }

  #failed({ method, name, error }: Omit<Extract<FromWorker, { kind: 'failed' }>, 'kind'>): void {
    this.#context.logger.error({ event: 'admin-failed', method, name, error }, 'admin request failed');
  }

  #ended(): void {
    for (const resolve of this.#renewals.values()) resolve(null);
    this.#renewals.clear();
    if (this.#closed !== null) return;
    if (!this.#hasListened) this.#listening.reject(new Error("the admin API's thread could not be started"));
    else
      this.#restarting = setTimeout(() => {
        this.#worker = this.#start();
      }, RESTART_MS);
  }
}

async function answerTo(question: Question, context: Context): Promise<Answer> {
  const { host } = context;
  switch (question.about) {
    case 'call':
      return written(await answerCall(question.call, context));
    case 'alive':
      return written({ status: 200, body: { alive: true } });
    case 'ready': {
      const state = host.ready();
      return written({ status: state.ready ? 200 : 503, body: state });
    }
    case 'figures':
      return { figures: await host.figures() };
  }
}

function written({ body, ...reply }: Reply): TextReply {
  return { ...reply, text: JSON.stringify(body) };
}

function tell(worker: Worker, message: ToWorker): void {
  worker.postMessage(message);
}
