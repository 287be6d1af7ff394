/** Traffic by connection, from what there is: an archive of message files, or the journals in PostgreSQL. */

import { Postgres, PostgresFailure } from '../../adapters/postgres.ts';
import { type ArchivedMessage, readArchive } from '../../adapters/traffic-files.ts';
import { readRecordedTraffic } from '../../adapters/traffic-records.ts';
import { counted } from '../../core/count-words.ts';
import { renamedOf } from '../../core/former-names.ts';
import type { Connection, Inventory } from '../../core/inventory.ts';
import { observedDays } from '../../core/planning/archive-days.ts';
import { profileOf, type Span, slotOf, type TrafficProfile, type TrafficSlot } from '../../core/planning/traffic.ts';
import { SLOT_MS } from '../../core/planning/zone.ts';
import { EXIT, VerbStop } from '../runner/stop.ts';

export type ObservedTraffic = {
  readonly source: string | null;
  readonly profile: (connection: string) => TrafficProfile | null;
  readonly notes: readonly string[];
};

export type TrafficQuestion = {
  readonly inventory: Inventory;
  readonly timeZone: string;
  readonly archive: string | null;
  readonly databaseUrl: string | null;
  readonly nowMs: number;
};

const LOOK_BACK_MS = 90 * 86_400_000;
/** A quarter of an hour of every connection of a large lab for a year is far less. */
const SLOTS_LIMIT = 20_000_000;

export async function observeTraffic(question: TrafficQuestion): Promise<ObservedTraffic> {
  if (question.archive !== null) return fromArchive(question, question.archive);
  if (question.databaseUrl !== null) return fromRecords(question, question.databaseUrl);
  return { source: null, profile: () => null, notes: [] };
}

async function fromArchive({ inventory, timeZone }: TrafficQuestion, folder: string): Promise<ObservedTraffic> {
  const tally = new ArchiveTally(inventory.connections);
  try {
    for await (const message of readArchive(folder, timeZone)) tally.add(message);
  } catch (error) {
    const message = `${folder} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    throw new VerbStop(EXIT.failed, {
      code: 'traffic-unreadable',
      message,
      next: ['give another folder with --traffic'],
    });
  }
  const observed = observedDays(tally.all(), timeZone, SLOT_MS);
  const profiles = memo((name) => {
    const slots = tally.of(name);
    return slots === null ? null : profileOf({ slots, observed, timeZone });
  });
  return { source: folder, profile: profiles, notes: tally.notes() };
}

/** A message belongs to the connection, else to all connections of the feed or practice, whose name its folder has. */
class ArchiveTally {
  readonly #owners = new Map<string, readonly string[]>();
  readonly #counts = new Map<string, Map<number, number>>();
  #messages = 0;
  #byFileTime = 0;
  #unowned = 0;
  #slots = 0;

  constructor(connections: readonly Connection[]) {
    const claim = (key: string, name: string): void =>
      void this.#owners.set(key, [...(this.#owners.get(key) ?? []), name]);
    for (const { practice, direction, name } of connections) claim(`${practice}/${direction}`, name);
    for (const [former, name] of renamedOf(connections)) this.#owners.set(former, [name]);
    for (const { name } of connections) this.#owners.set(name, [name]);
  }

  add({ atMs, folders, datedBy }: ArchivedMessage): void {
    this.#messages++;
    if (datedBy === 'file-time') this.#byFileTime++;
    const owner = this.#ownerOf(folders);
    if (owner === null) this.#unowned++;
    for (const name of owner ?? ['']) this.#count(name, slotOf(atMs));
  }

  #ownerOf(folders: readonly string[]): readonly string[] | null {
    for (const [index, folder] of folders.entries()) {
      const found = this.#owners.get(`${folder}/${folders[index + 1]}`) ?? this.#owners.get(folder);
      if (found !== undefined) return found;
    }
    return null;
  }

  #count(name: string, slot: number): void {
    const counts = this.#counts.get(name) ?? new Map<number, number>();
    this.#counts.set(name, counts);
    const before = counts.get(slot);
    if (before === undefined && ++this.#slots > SLOTS_LIMIT) throw new RangeError('too many different times');
    counts.set(slot, (before ?? 0) + 1);
  }

  of(name: string): TrafficSlot[] | null {
    const counts = this.#counts.get(name);
    return counts === undefined ? null : [...counts].map(([startMs, messages]) => ({ startMs, messages }));
  }

  all(): TrafficSlot[] {
    return [...this.#counts.keys()].flatMap((name) => this.of(name) ?? []);
  }

  notes(): string[] {
    const notes = [`${counted(this.#messages, 'message was', 'messages were')} read`];
    if (this.#byFileTime > 0) notes.push(`${this.#byFileTime} of them have no time in MSH-7: dated by their file`);
    if (this.#unowned > 0) {
      notes.push(
        `${this.#unowned} of them are in no folder named after a connection, or PRACTICE/orders or PRACTICE/results: not counted`,
      );
    }
    return notes;
  }
}

async function fromRecords(question: TrafficQuestion, url: string): Promise<ObservedTraffic> {
  const { inventory, timeZone, nowMs } = question;
  try {
    const postgres = await Postgres.open({ url, applicationName: 'cutover plan' });
    try {
      const renamed = renamedOf(inventory.connections);
      const recorded = await readRecordedTraffic(postgres, inventory.deployment, nowMs - LOOK_BACK_MS, renamed);
      const shardOf = new Map(inventory.connections.map(({ name, shard }) => [name, shard]));
      const profile = memo((name) => {
        const observed: readonly Span[] = recorded.observed.get(shardOf.get(name) ?? -1) ?? [];
        if (observed.length === 0) return null;
        return profileOf({ slots: recorded.connections.get(name) ?? [], observed, timeZone });
      });
      return { source: 'the journals in PostgreSQL', profile, notes: [] };
    } finally {
      await postgres.close();
    }
  } catch (error) {
    if (!(error instanceof PostgresFailure)) throw error;
    return {
      source: null,
      profile: () => null,
      notes: [`the journals in PostgreSQL could not be read: ${error.message}`],
    };
  }
}

function memo(read: (name: string) => TrafficProfile | null): (name: string) => TrafficProfile | null {
  const known = new Map<string, TrafficProfile | null>();
  return (name) => {
    const before = known.get(name);
    if (before !== undefined) return before;
    const profile = read(name);
    known.set(name, profile);
    return profile;
  };
}
