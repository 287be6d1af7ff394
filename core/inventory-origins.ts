/** What a connection says has to fit to where its outputs come from: a feed, or a platform by itself. */
import type { RawInventory } from './inventory.ts';
import type { Clash } from './inventory-clashes.ts';

type RawConnection = RawInventory['connections'][number];

export function misfittingOrigins(raw: RawInventory): readonly Clash[] {
  return raw.connections.flatMap((item, index) => {
    const misfits = item.origin === 'platform' ? misfitsWithoutFeed(item) : misfitsWithFeed(item);
    return misfits.map(({ key, message, remedy }): Clash => ({ path: ['connections', index, key], message, remedy }));
  });
}

type Misfit = { readonly key: keyof RawConnection; readonly message: string; readonly remedy: string };

function misfitsWithFeed({ feed, shard }: RawConnection): Misfit[] {
  const misfits: Misfit[] = [];
  if (feed === undefined) {
    const message = 'it has no feed';
    const remedy = 'name one or write it here; where a platform makes its outputs by itself, write `origin: platform`';
    misfits.push({ key: 'feed', message, remedy });
  }
  if (shard !== undefined) {
    const message = 'its shard is that of its feed';
    misfits.push({ key: 'shard', message, remedy: 'write `shard` at the feed, and not here' });
  }
  return misfits;
}

/** Settings that speak of inputs, of copies, or of outputs that are told apart by inputs. */
const OF_FEEDS: readonly (readonly [keyof RawConnection, string])[] = [
  ['feed', 'a platform makes its outputs by itself'],
  ['weightKey', 'keys are shared out in a parallel run, and it has none'],
  ['correlate', 'there are no inputs that an output could belong to'],
  ['applies', 'there are no inputs that a predicate could hold for'],
  ['outputs', 'there are no inputs whose outputs could be counted'],
  ['capture', 'nothing of it is captured: the platform that does not own it is refused'],
  ['orderWait', 'no output waits for an earlier input'],
];

function misfitsWithoutFeed(item: RawConnection): Misfit[] {
  const misfits = OF_FEEDS.flatMap(([key, why]): Misfit[] => {
    if (item[key] === undefined) return [];
    const message = `\`${key}\` contradicts origin: platform: ${why}`;
    const remedy = `remove \`${key}\`, or, where a source sends to the gateway, \`origin: platform\``;
    return [{ key, message, remedy }];
  });
  if (item.changeOver !== 'at-offset') return misfits;
  const message = 'changeOver: at-offset contradicts origin: platform: there are no inputs that an offset could name';
  return [...misfits, { key: 'changeOver', message, remedy: 'remove it: its switch is stop, empty, start' }];
}
