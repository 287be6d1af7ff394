/** Why a connection takes and sends nothing (a fence), and in which words a person who meets it is told. */

/**
 * - `restored`: its journal may not know the newest, until a person has looked.
 * - `moved`: another shard has it. `awaited`: it is to come from another shard, and has not come yet.
 */
export type Fence =
  | { readonly kind: 'restored' }
  | { readonly kind: 'moved'; readonly to: number }
  | { readonly kind: 'awaited'; readonly from: number };

/** Another shard has it, or has it still. */
export function isElsewhere(fence: Fence | null): boolean {
  return fence?.kind === 'moved' || fence?.kind === 'awaited';
}

/** In words for the person who meets it. */
export function whyFenced(name: string, fence: Fence): { readonly message: string; readonly next: readonly string[] } {
  switch (fence.kind) {
    case 'restored':
      return {
        message: `${name} is fenced: its journal was restored or repaired, and nobody has released it`,
        next: [`look at its lists, then: cutover release --connection ${name}`],
      };
    case 'moved':
      return {
        message: `${name} is fenced: it was moved to shard ${fence.to}, and only that shard serves it`,
        next: [`ask shard ${fence.to}; in the inventory its feed has shard: ${fence.to}`],
      };
    case 'awaited':
      return {
        message: `${name} is fenced: it comes from shard ${fence.from} (movedFrom), and has not come yet`,
        next: ['stop this gateway, then: cutover gateway move-in (docs/how-to/move-a-feed.md)'],
      };
  }
}
