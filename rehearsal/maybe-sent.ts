/** What the gateway itself says it cannot know: per connection the MSH-10 on its `maybeSent` list. */
import type { Stage } from './stage.ts';

const LISTS_AT_ONCE = 16;

export type MaybeSent = {
  readonly listed: ReadonlyMap<string, ReadonlySet<string>>;
  /** Lists that could not be read, and why. */
  readonly unread: readonly string[];
};

export async function readMaybeSent({ gateways, estate }: Stage): Promise<MaybeSent> {
  const listed = new Map<string, ReadonlySet<string>>();
  const unread: string[] = [];
  const names = estate.connections.map(({ name }) => name);
  for (let at = 0; at < names.length; at += LISTS_AT_ONCE) {
    await Promise.all(
      names.slice(at, at + LISTS_AT_ONCE).map(async (name) => {
        const list = await gateways.list(name, 'maybeSent');
        if (!list.ok) unread.push(`the maybeSent list of ${name} could not be read: ${list.message}`);
        else if (list.value.length > 0) listed.set(name, new Set(list.value.map(({ id }) => id.msh10)));
      }),
    );
  }
  return { listed, unread };
}

export function idsOf({ listed }: MaybeSent): string[] {
  return [...listed.values()].flatMap((ids) => [...ids]);
}
