/** What must be typed before a verb changes anything: in a terminal and in the war room the same. The page has this file too. */

export const ACTIONS = ['hold', 'release', 'switch', 'rollback'] as const;
export type Action = (typeof ACTIONS)[number];

/** Null: a terminal asks for nothing either. */
export const CONFIRMATIONS: Readonly<Record<Action, string | null>> = {
  hold: null,
  release: null,
  switch: 'yes',
  rollback: 'yes',
};
export const NEEDS_REASON: ReadonlySet<Action> = new Set(['hold', 'rollback']);
