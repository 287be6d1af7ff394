/** Rules 5 and 14: epochs never go back and are never used twice. */
import { MOVES, REPLAYED_ROUTES } from './files.ts';
import type { Mutant } from './mutant.ts';

export const EPOCHS: readonly Mutant[] = [
  {
    name: 'reuse an epoch',
    rule: 14,
    file: 'core/connection.ts',
    find: 'newWeight: move.newWeight, epoch: route.epoch + 1 };',
    replace: 'newWeight: move.newWeight, epoch: Math.max(2, route.epoch) };',
  },
  {
    name: 'do not link an epoch to the one before',
    rule: 14,
    file: MOVES,
    find: 'linkEpoch(connection.epochs.at(-1) ?? null, {',
    replace: 'linkEpoch(connection.epochs.at(-99) ?? null, {',
  },
  {
    name: 'ignore the weight of an epoch at recovery',
    rule: 5,
    file: REPLAYED_ROUTES,
    find: '  connection.epochs.push(record);\n  connection.route = { phase: record.phase, newWeight: record.newWeight, epoch: record.epoch };\n  const candidate',
    replace:
      '  connection.epochs.push(record);\n  connection.route = { phase: record.phase, newWeight: 0, epoch: record.epoch };\n  const candidate',
  },
  {
    name: 'forget the epochs at recovery',
    rule: 14,
    file: REPLAYED_ROUTES,
    find: '  connection.epochs.push(record);\n  connection.route =',
    replace: '  if (record.epoch % 4 !== 0) connection.epochs.push(record);\n  connection.route =',
  },
];
