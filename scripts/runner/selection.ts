/** Which connections a command line means: lists add up within one flag, flags narrow each other down. */
import type { Connection, Inventory } from '../../core/inventory.ts';
import { nearest } from '../../core/nearest.ts';
import type { Args } from './flags.ts';
import { usage } from './stop.ts';

const NARROWING = ['connection', 'feed', 'wave', 'practice'] as const;

/** In the inventory's order. `selectsAll`: without a selection it means everything. */
export function select(inventory: Inventory, args: Args, selectsAll: boolean): readonly Connection[] {
  const given = NARROWING.filter((flag) => (args[flag] ?? []).length > 0);
  if (args.all === true && given.length > 0)
    throw usage(`--all and --${given[0]} exclude each other`, 'leave one of them out');
  if (given.length === 0 && args.all !== true && !selectsAll) {
    throw usage('which connections?', '--connection A,B, --feed, --wave, --practice or --all');
  }
  if (!selectsAll) requireSome(inventory);
  for (const flag of given) checkKnown(inventory, flag, args[flag] ?? []);
  const selected = inventory.connections.filter((item) =>
    given.every((flag) => (args[flag] ?? []).includes(memberOf(item, flag))),
  );
  if (selected.length === 0 && given.length > 0) {
    throw usage(
      `no connection fits all of ${given.map((flag) => `--${flag}`).join(' and ')}`,
      'cutover status lists them',
    );
  }
  return selected;
}

/** Nothing is no success, and no evidence of anything. */
export function requireSome({ deployment, connections }: Inventory): void {
  if (connections.length > 0) return;
  throw usage(`the inventory of ${deployment} has no connections yet`, 'add them under `connections`');
}

function memberOf(item: Connection, flag: (typeof NARROWING)[number]): string {
  return flag === 'connection' ? item.name : (item[flag] ?? '');
}

function checkKnown(inventory: Inventory, flag: (typeof NARROWING)[number], wanted: readonly string[]): void {
  const known = [...new Set(inventory.connections.map((item) => memberOf(item, flag)))];
  for (const name of wanted) {
    if (known.includes(name)) continue;
    const close = nearest(name, known);
    const hint = close === null ? '' : `; did you mean ${close}?`;
    throw usage(
      `the inventory of ${inventory.deployment} has no ${flag} '${name}'${hint}`,
      'cutover status lists them',
    );
  }
}

/** As it is typed, with a space before it; empty: nothing was said, which means all where it means anything. */
export function selectionSaid(args: Args): string {
  const lists = NARROWING.flatMap((flag) => {
    const values = args[flag] ?? [];
    return values.length === 0 ? [] : [` --${flag} ${values.join(',')}`];
  });
  return `${lists.join('')}${args.all === true ? ' --all' : ''}`;
}

/** Fewer than this are named one by one. */
const WORTH_A_GROUP = 4;
/** More groups than this are no shorter to read than names. */
const MOST_GROUPS = 4;

/** What is typed to mean exactly these: all, whole waves, practices or feeds where they are that, else the names. */
export function flagsFor({ connections }: Pick<Inventory, 'connections'>, names: readonly string[]): string {
  const wanted = new Set(names);
  const byName = `--connection ${names.join(',')}`;
  if (wanted.size < WORTH_A_GROUP) return byName;
  if (connections.every(({ name }) => wanted.has(name))) return '--all';
  for (const flag of ['wave', 'practice', 'feed'] as const) {
    const groups = Map.groupBy(connections, (item) => item[flag]);
    const whole = [...groups].filter(([, members]) => members.every(({ name }) => wanted.has(name)));
    const covered = whole.reduce((sum, [group, members]) => sum + (group === null ? 0 : members.length), 0);
    if (covered === wanted.size && whole.length <= MOST_GROUPS)
      return `--${flag} ${whole.map(([group]) => group).join(',')}`;
  }
  return byName;
}
