/** A party as the scenario sees it: a child process that is asked and answers. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Reply, type Request, type Role, replyEnvelopeSchema } from './parties/protocol.ts';

type Waiting = { resolve(reply: Reply): void; reject(error: Error): void };
type ReplyOf<Kind extends Reply['type']> = Extract<Reply, { type: Kind }>;

export class PartyProcess {
  readonly role: Role;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, Waiting>();
  #ids = 0;

  constructor(role: Role) {
    this.role = role;
    // A process group of its own: Ctrl-C is the scenario's to handle, which ends its parties in order.
    this.#child = fork(join(import.meta.dirname, 'parties', 'main.ts'), ['--role', role], { detached: true });
    this.#child.on('message', (message) => {
      const envelope = replyEnvelopeSchema.parse(message);
      const waiting = this.#waiting.get(envelope.id);
      this.#waiting.delete(envelope.id);
      if ('failed' in envelope) waiting?.reject(new Error(`party ${role}: ${envelope.failed}`));
      else waiting?.resolve(envelope.reply);
    });
    const gone = (error: Error): void => {
      for (const waiting of this.#waiting.values()) waiting.reject(error);
      this.#waiting.clear();
    };
    this.#child.on('error', gone);
    this.#child.on('exit', (code, signal) => gone(new Error(`party ${role} ended (${signal ?? `exit ${code}`})`)));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  async ask<Kind extends Reply['type']>(request: Request, kind: Kind): Promise<ReplyOf<Kind>> {
    if (!this.#child.connected) throw new Error(`party ${this.role} is not running`);
    const id = ++this.#ids;
    const reply = await new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#child.send({ id, request });
    });
    if (!isKind(reply, kind)) throw new Error(`party ${this.role} answered ${request.type} with ${reply.type}`);
    return reply;
  }

  async tell(request: Request): Promise<void> {
    await this.ask(request, 'done');
  }

  /** Ends the process; at once where `signal` is SIGKILL. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill(signal);
    await exited;
  }
}

function isKind<Kind extends Reply['type']>(reply: Reply, kind: Kind): reply is ReplyOf<Kind> {
  return reply.type === kind;
}
