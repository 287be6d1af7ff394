/** What would stop a night, as far as inventory, programme and traffic show it without asking anyone. */
import { SAY_EFFECTS } from '../effects-words.ts';
import type { Connection } from '../inventory.ts';

export type RedItem = {
  readonly code: string;
  readonly message: string;
  readonly connections: string[];
  readonly remedy: string;
};

type Check = {
  readonly code: string;
  readonly applies: (connection: Connection) => boolean;
  readonly message: string;
  readonly remedy: string;
};

const CHECKS: readonly Check[] = [
  {
    code: 'effects-unclassified',
    applies: (item) => item.unclassifiedEffects.length > 0,
    message: 'side effects of the legacy channel are not classified: `parallel` is refused',
    remedy: 'say for each under `effects` how it is handled: gated, fenced or harmless',
  },
  {
    code: 'effects-unknown',
    applies: (item) => !item.effectsAreKnown,
    message: 'nobody has said what else their channels do: a shadow would do it a second time, and the gate is red',
    remedy: `look at the legacy channels before \`cutover parallel\`; ${SAY_EFFECTS}`,
  },
  {
    code: 'no-window',
    applies: (item) => item.window === null,
    message: 'no change window',
    remedy: 'write `defaults.window` (or `window` of the connection) into the inventory',
  },
  {
    code: 'no-correlation',
    // Without a feed there are no inputs: nothing is owed, and `correlate` would be refused.
    applies: (item) => item.origin === 'feed' && item.correlate === null,
    message: 'outputs are told apart by their order only: what a dead platform owes goes to the decision list',
    remedy: 'name under `correlate` fields that both platforms keep, as in [MSH-10]',
  },
  {
    code: 'no-owner',
    applies: (item) => item.owners.new === undefined || item.owners.lab === undefined,
    message: 'nobody is named to call for the new platform or the lab',
    remedy: 'write `owners: { new: …, lab: … }`',
  },
  {
    code: 'no-vendor',
    applies: (item) => item.owners.emr === undefined,
    message: "nobody is named to call at the practice's side",
    remedy: 'write `owners: { emr: … }`',
  },
];

export function redToday(connections: readonly Connection[]): RedItem[] {
  return CHECKS.flatMap(({ code, applies, message, remedy }) => {
    const names = connections.filter(applies).map(({ name }) => name);
    return names.length === 0 ? [] : [{ code, message, connections: names, remedy }];
  });
}
