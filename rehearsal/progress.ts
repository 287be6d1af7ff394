/**
 * What a person sees while it runs, on stderr. On a terminal one line is rewritten in place: the step under way, how
 * long it has taken, and the messages so far. Elsewhere there are plain lines, one per event.
 */

export type Progress = {
  /** Something is done: stays on the screen. */
  line(text: string): void;
  /** What is being done now. */
  step(text: string): void;
  /** The newest word on it. */
  detail(text: string): void;
  /** How the traffic goes. */
  traffic(text: string): void;
  /** Takes the line in place away and stops rewriting it. */
  end(): void;
};

type Watched = Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'write'>;

const CLEAR_LINE = '\r\u001b[2K';
const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;
const REDRAW_MS = 120;
const DEFAULT_COLUMNS = 80;
const STEP_WIDTH = 16;

export function progressOn(stream: Watched, startedAt: number): Progress {
  const stamp = (): string => `${((performance.now() - startedAt) / 1000).toFixed(1).padStart(6)} s  `;
  if (stream.isTTY !== true) {
    const nothing = (): void => undefined;
    const line = (text: string): void => void stream.write(`${stamp()}${text}\n`);
    return { line, step: nothing, detail: nothing, traffic: nothing, end: nothing };
  }
  return new LiveProgress(stream, stamp);
}

class LiveProgress implements Progress {
  readonly #stream: Watched;
  readonly #stamp: () => string;
  readonly #timer: NodeJS.Timeout;
  #frame = 0;
  #step = '';
  #stepSince = performance.now();
  #detail = '';
  #traffic = '';

  constructor(stream: Watched, stamp: () => string) {
    this.#stream = stream;
    this.#stamp = stamp;
    this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
    this.#timer.unref();
  }

  line(text: string): void {
    this.#stream.write(`${CLEAR_LINE}${this.#stamp()}${text}\n`);
    this.#draw();
  }

  step(text: string): void {
    this.#step = text;
    this.#stepSince = performance.now();
    this.#detail = '';
    this.#draw();
  }

  detail(text: string): void {
    this.#detail = text;
  }

  traffic(text: string): void {
    this.#traffic = text;
  }

  end(): void {
    clearInterval(this.#timer);
    this.#stream.write(CLEAR_LINE);
    this.#step = '';
  }

  #draw(): void {
    if (this.#step === '') return;
    this.#frame = (this.#frame + 1) % FRAMES.length;
    const took = `${((performance.now() - this.#stepSince) / 1000).toFixed(0)} s`;
    const parts = [this.#traffic, this.#detail].filter((part) => part !== '').join(' · ');
    const text = `${this.#stamp()}${FRAMES[this.#frame]} ${this.#step.padEnd(STEP_WIDTH)} ${took.padStart(5)}  ${parts}`;
    this.#stream.write(`${CLEAR_LINE}${text.slice(0, (this.#stream.columns ?? DEFAULT_COLUMNS) - 1)}`);
  }
}
