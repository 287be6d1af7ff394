/**
 * `runbooks/insert-and-remove.md` followed to the letter, on the real engine with a cloud that is none and a real gateway: every command is
 * taken from the page, in its order. One that is added there fails here until it is followed too.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commandsOf, openShell, type Shell } from '../adapters/runbook-harness.ts';
import { type LocalEdge, startLocalEdge } from './testing/local-edge.ts';

const LIMIT_MS = 900_000;
const DIRECT = [100, 0, 0];
const GATEWAY = [0, 100, 0];

let edge: LocalEdge;
let shell: Shell;

beforeAll(async () => {
  edge = await startLocalEdge(2);
  shell = await openShell(edge.project.folder, { ...edge.project.env, ...edge.gateway.env }, {});
}, LIMIT_MS);
afterAll(() => edge?.stop());

test(
  'insert-and-remove.md',
  async () => {
    const { feeds, gateway, weights } = edge;
    const [first = '', second = '', third = ''] = feeds;
    const steps = [
      { says: /insert .*--dry-run/, after: async () => expect(await weights(first)).toEqual(DIRECT) },
      {
        says: /insert .*--yes/,
        after: async () => {
          for (const feed of feeds) expect(await weights(feed)).toEqual(GATEWAY);
        },
      },
      // No message has proven it yet.
      { says: /status/, exit: 3 },
      { says: /remove .*"WHY"/, NAME: first, after: async () => expect(await weights(first)).toEqual(DIRECT) },
      {
        says: /remove .*--force/,
        NAME: second,
        before: () => gateway.kill(),
        after: async () => {
          expect(await weights(second)).toEqual(DIRECT);
          await gateway.restart();
        },
      },
      {
        says: /remove .*"by hand"/,
        NAME: third,
        before: () => edge.setByHand(third, DIRECT),
        after: async () => expect(await weights(third)).toEqual(DIRECT),
      },
    ];
    const commands = await commandsOf('insert-and-remove.md');
    expect(commands.map((command, index) => [command, steps[index]?.says.test(command)])).toEqual(
      commands.map((command) => [command, true]),
    );
    expect(steps).toHaveLength(commands.length);
    for (const [index, { NAME = '', exit = 0, before, after }] of steps.entries()) {
      await before?.();
      const { exitCode, stdout, stderr } = await shell.run(commands[index] ?? '', { NAME });
      expect(exitCode, `${commands[index]}: ${stdout}${stderr}`).toBe(exit);
      await after?.();
    }
  },
  LIMIT_MS,
);
