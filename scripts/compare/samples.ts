/** Messages that a person names on the command line, given to the connections whose names their folders bear. */
import { readPayloads } from '../../adapters/message-files.ts';
import { featuresOf } from '../../core/coverage/features.ts';
import type { Context } from '../runner/context.ts';
import { usage } from '../runner/stop.ts';

/** Old messages by connection. A message below no connection's folder belongs to the only selected one, or to none. */
export async function historyFeatures(
  context: Context,
  path: string,
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const features = new Map<string, Set<string>>();
  let unnamed = 0;
  for await (const { connection, payload } of eachMessage(context, path)) {
    if (connection === null) unnamed++;
    else {
      const known = features.get(connection) ?? new Set<string>();
      features.set(connection, known);
      for (const feature of featuresOf(payload)) known.add(feature);
    }
  }
  if (features.size === 0) throw noneFor(path);
  if (unnamed > 0)
    context.terminal.warn(`${unnamed} messages in ${path} are in no folder named after a connection: not counted`);
  return features;
}

/** At most `limit` of each connection. */
export async function samplesOf(
  context: Context,
  path: string,
  limit: number,
): Promise<ReadonlyMap<string, readonly Uint8Array[]>> {
  const samples = new Map<string, Uint8Array[]>();
  for await (const { connection, payload } of eachMessage(context, path)) {
    if (connection === null) continue;
    const known = samples.get(connection) ?? [];
    samples.set(connection, known);
    if (known.length < limit) known.push(payload);
  }
  if (samples.size === 0) throw noneFor(path);
  return samples;
}

async function* eachMessage(context: Context, path: string) {
  const names = new Set(context.selected.map(({ name }) => name));
  const [only] = context.selected;
  const skipped = (file: string): void => context.terminal.warn(`${file} is too large: cut it, it is not read`);
  try {
    for await (const { folders, payload } of readPayloads(path, skipped)) {
      const named = folders.find((folder) => names.has(folder)) ?? (names.size === 1 ? only?.name : undefined);
      yield { connection: named ?? null, payload };
    }
  } catch (error) {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      throw usage(`${path} cannot be read (${error.code})`, 'name a file or a folder of messages');
    }
    throw error;
  }
}

function noneFor(path: string): Error {
  return usage(
    `there is no message for a selected connection in ${path}`,
    'put messages into folders named after connections, or select one with --connection',
  );
}
