/**
 * The shadow of one platform of a feed: copies of what the primary has accepted, in order, one unanswered at a time. A NAK
 * ends a copy; only a lost connection repeats it, and nobody waits for that but the copies behind it.
 */
import type { Platform } from '../../core/platform.ts';
import type { AdmittedInput } from './feed.ts';
import type { Message } from './intake.ts';
import type { PeerLink } from './peer-link.ts';
import type { MessageFacts, Verdict } from './records.ts';
import type { Runtime } from './runtime.ts';

export type ShadowOwner = {
  readonly feed: string;
  readonly link: PeerLink;
  readonly timeoutMs: number;
  /** The next copy may go out now. */
  maySend(): boolean;
  /** The platform has only committed to the copy with this id. */
  committed(msh10: string): void;
  /** The platform may have taken this copy, and gets it again. */
  repeated(facts: MessageFacts, offset: number, cause: string): void;
  /** A copy has its end, on disk. */
  ended(input: AdmittedInput, verdict: Verdict): void;
  /** What is to be copied cannot be read. */
  unreadable(input: AdmittedInput): void;
  /** Something may go on. */
  advance(): void;
};

/** What becomes of the first copy: its message is read back, it is at its platform, it waits to be repeated, its end is being recorded. */
type Stage = 'idle' | 'reading' | 'at-platform' | 'waiting' | 'ending';

export type SavedShadow = { readonly input: AdmittedInput & { readonly payload: null }; readonly isListed: boolean };

type Copy = { readonly input: AdmittedInput; readonly frame: Message['frame'] | null; isListed: boolean };

const RETRY_MS = 500;
/** Frames of a backlog are read back from the journal beyond this many. */
const FRAMES_IN_MEMORY = 16;

export class Shadow {
  readonly #platform: Platform;
  readonly #owner: ShadowOwner;
  readonly #runtime: Runtime;
  readonly #copies: Copy[] = [];
  #stage: Stage = 'idle';

  constructor(platform: Platform, owner: ShadowOwner, runtime: Runtime) {
    this.#platform = platform;
    this.#owner = owner;
    this.#runtime = runtime;
  }

  /** Copies that the platform has not answered yet. */
  get lag(): number {
    return this.#copies.length;
  }

  /** A copy whose platform cannot be reached is taken up, and nobody has seen it. */
  get isWritten(): boolean {
    return this.#stage === 'at-platform' && this.#owner.link.begun;
  }

  add(input: AdmittedInput, frame: Message['frame']): void {
    this.#copies.push({ input, frame: this.lag < FRAMES_IN_MEMORY ? frame : null, isListed: false });
  }

  /** Recovery: an input from the journal that was positively answered and whose copy was not. */
  requeue(input: AdmittedInput): void {
    this.#copies.push({ input, frame: null, isListed: false });
  }

  /** Recovery: the copy has been answered or dropped. */
  unqueue(input: number): AdmittedInput | null {
    const index = this.#copies.findIndex((copy) => copy.input.offset === input);
    if (index < 0) return null;
    const [copy] = this.#copies.splice(index, 1);
    return copy?.input ?? null;
  }

  /** For a checkpoint: the copies that are owed, oldest first. */
  dump(): readonly SavedShadow[] {
    return this.#copies.map(({ input, isListed }) => ({ input: { ...input, payload: null }, isListed }));
  }

  load(saved: readonly SavedShadow[]): void {
    for (const { input, isListed } of saved) this.#copies.push({ input, frame: null, isListed });
  }

  /** It gets none any more; what is under way ends. */
  drop(): number {
    const dropped = this.#copies.splice(this.#stage === 'idle' ? 0 : 1);
    for (const { input } of dropped) this.#record(input, 'dropped');
    return dropped.length;
  }

  /** The oldest copy's input, and how many copies are older than this record. */
  olderThan(offset: number): { readonly oldest: AdmittedInput | null; readonly count: number } {
    const newer = this.#copies.findIndex(({ input }) => input.offset >= offset);
    return { oldest: this.#copies[0]?.input ?? null, count: newer < 0 ? this.#copies.length : newer };
  }

  /** The copies of what is older than this record are given up; what has its end, and is being recorded, has it. */
  giveUp(before: number): readonly AdmittedInput[] {
    const first = this.#stage === 'ending' ? 1 : 0;
    const { count } = this.olderThan(before);
    if (count <= first) return [];
    const [head] = this.#copies;
    if (head !== undefined && first === 0) this.#abandon(head);
    return this.#copies.splice(first, count - first).map(({ input }) => input);
  }

  #abandon(head: Copy): void {
    if (this.#stage === 'at-platform') {
      const wasWritten = !this.#owner.link.withdraw();
      if (wasWritten) this.#list(head, 'shadow-given-up');
    }
    this.#stage = 'idle';
  }

  /** For proof, which knows copies one by one: none of these will be made. */
  recordDropped(inputs: readonly AdmittedInput[]): void {
    for (const input of inputs) this.#record(input, 'dropped');
  }

  /** Any of them may have been taken. */
  listAll(cause: string): void {
    for (const copy of this.#copies) this.#list(copy, cause);
  }

  /** Of a backlog only the first copy can have been under way. */
  listFirst(cause: string): void {
    const [head] = this.#copies;
    if (head !== undefined) this.#list(head, cause);
  }

  pump(): void {
    const [copy] = this.#copies;
    if (copy === undefined || this.#stage !== 'idle' || this.#owner.link.busy || !this.#owner.maySend()) return;
    if (copy.frame !== null) {
      this.#send(copy, copy.frame);
      return;
    }
    const { offset } = copy.input;
    this.#stage = 'reading';
    this.#runtime.read(offset, (payload) => {
      // It may have been given up meanwhile.
      if (this.#copies[0] !== copy) return;
      this.#stage = 'idle';
      if (payload !== null) {
        this.#send(copy, { payload, raw: payload });
        return;
      }
      this.#runtime.fx.log('error', 'shadow-payload-unreadable', { feed: this.#owner.feed, offset });
      this.#owner.unreadable(copy.input);
    });
  }

  #send(copy: Copy, frame: Message['frame']): void {
    const { msh10 } = copy.input.facts;
    this.#stage = 'at-platform';
    this.#owner.link.deliver({
      frame,
      msh10,
      timeoutMs: this.#owner.timeoutMs,
      answered: (answer, verdict, isCommit) => {
        if (isCommit) this.#owner.committed(msh10);
        this.#done(copy, verdict, answer);
      },
      lost: (cause) => {
        this.#list(copy, `shadow-${cause}`);
        this.#stage = 'waiting';
        // Only transport failures are repeated; nobody waits for the copy.
        this.#runtime.after(RETRY_MS, () => {
          if (this.#copies[0] === copy) this.#stage = 'idle';
          this.#owner.advance();
        });
      },
    });
  }

  /** A copy that is repeated may be taken twice, and the second output may come when its platform is the control. */
  #list(copy: Copy, cause: string): void {
    if (copy.isListed) return;
    copy.isListed = true;
    this.#owner.repeated(copy.input.facts, copy.input.offset, cause);
  }

  /** The next copy goes out once this one's end is on disk: after a crash only one can have been under way. */
  #done(copy: Copy, verdict: Verdict, answer: Buffer): void {
    this.#stage = 'ending';
    this.#record(copy.input, verdict, answer, () => {
      this.#stage = 'idle';
      this.#copies.shift();
      this.#owner.ended(copy.input, verdict);
    });
  }

  /** `answer`: kept for the comparison of both platforms' answers. */
  #record(
    { feed, offset: input }: AdmittedInput,
    verdict: Verdict | 'dropped',
    answer: Buffer | null = null,
    then?: () => void,
  ): void {
    const record = { t: 'shadow', feed, input, platform: this.#platform, verdict, at: this.#runtime.now } as const;
    this.#runtime.append(record, answer, then === undefined ? 'written' : 'durable', then);
  }
}
