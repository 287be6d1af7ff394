/** The bytes on the simulated disk as the oracle reads them: an index of its own, that shares nothing with the engine. */
import type { EpochRecord } from '../../../core/admin-api.ts';
import type {
  CaptureAnswerRecord,
  InputRecord,
  InputVerdictRecord,
  JournalMeta,
  OutputRecord,
  OutputVerdictRecord,
} from '../../engine/records.ts';

type At<M> = { readonly offset: number; readonly meta: M; readonly payload: Buffer | null };
type OnDisk = At<JournalMeta>;

export class JournalView {
  /** Offset of the last record that a sync has covered. */
  durableUpTo = -1;
  readonly #durable: { readonly upTo: number; readonly atMs: number }[] = [];
  writtenUpTo = 0;
  readonly inputs = new Map<string, At<InputRecord>[]>();
  readonly inputVerdicts = new Map<number, At<InputVerdictRecord>[]>();
  readonly outputs = new Map<string, At<OutputRecord>[]>();
  readonly outputVerdicts = new Map<number, At<OutputVerdictRecord>[]>();
  readonly captureAnswers = new Map<number, At<CaptureAnswerRecord>[]>();
  readonly epochs = new Map<
    string,
    { readonly offset: number; readonly record: EpochRecord; readonly atOffset: boolean }[]
  >();
  /** `connection input` → the epoch in which it was given up (rule 15). */
  readonly givenUp = new Map<string, number>();
  /** Outputs that a person has chosen to deliver, whoever owns them. */
  readonly chosen = new Set<number>();
  readonly #proposals = new Map<string, readonly number[]>();
  /** Offsets by request id. */
  readonly operations = new Map<string, number[]>();
  readonly #all = new Map<number, OnDisk>();

  constructor(records: readonly OnDisk[] = []) {
    for (const record of records) this.add(record);
  }

  add({ offset, meta, payload }: OnDisk): void {
    this.#all.set(offset, { offset, meta, payload });
    this.writtenUpTo = offset;
    switch (meta.t) {
      case 'input':
        put(this.inputs, meta.sha, { offset, meta, payload });
        return;
      case 'input-verdict':
        put(this.inputVerdicts, meta.input, { offset, meta, payload });
        return;
      case 'output':
        put(this.outputs, meta.sha, { offset, meta, payload });
        return;
      case 'output-verdict':
        put(this.outputVerdicts, meta.output, { offset, meta, payload });
        return;
      case 'capture-answer':
        put(this.captureAnswers, meta.output, { offset, meta, payload });
        return;
      case 'epoch':
        put(this.epochs, meta.record.connection, { offset, record: meta.record, atOffset: meta.atOffset });
        return;
      case 'list':
        if (meta.list === 'uncorrelated' && meta.cause === 'output-missing')
          this.givenUp.set(`${meta.connection} ${meta.offset}`, meta.epoch);
        return;
      case 'decision':
        this.#proposals.set(
          meta.id,
          meta.proposals.map((one) => one.offset),
        );
        return;
      case 'resolution':
        if (meta.action === 'deliver') for (const one of this.#proposals.get(meta.id) ?? []) this.chosen.add(one);
        return;
      case 'operation':
        put(this.operations, meta.requestId, offset);
        return;
      default:
        return;
    }
  }

  at(offset: number): OnDisk | null {
    return this.#all.get(offset) ?? null;
  }

  all(): Iterable<OnDisk> {
    return this.#all.values();
  }

  becameDurable(upTo: number, atMs: number): void {
    if (upTo <= this.durableUpTo) return;
    this.durableUpTo = upTo;
    this.#durable.push({ upTo, atMs });
  }

  /** Of a durable record; infinity for any other. */
  durableSinceMs(offset: number): number {
    const isBefore = this.#durable.findLastIndex(({ upTo }) => upTo < offset);
    return this.#durable[isBefore + 1]?.atMs ?? Number.POSITIVE_INFINITY;
  }

  isDurable(offset: number): boolean {
    return offset <= this.durableUpTo;
  }
}

function put<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list === undefined) map.set(key, [value]);
  else list.push(value);
}
