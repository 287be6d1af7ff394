/**
 * Chaos on the real gateway, with real sockets, platforms that are processes, and counting at both ends. As many faults as
 * fit into the time of CI; `CUTOVER_CHAOS_KILLS=100 npm test -- --slow chaos` is the long form.
 */
import { Client } from 'pg';
import { afterEach, expect, test } from 'vitest';
import { startPostgres, type TestPostgres } from '../../adapters/postgres-harness.ts';
import { Chaos, FORGETFUL_MAIN, luck, type Verdicts } from './chaos.ts';
import { until } from './peers.ts';

const KILLS = process.env.CUTOVER_CHAOS_KILLS === undefined ? null : Number(process.env.CUTOVER_CHAOS_KILLS);
const SEED = Number(process.env.CUTOVER_CHAOS_SEED ?? Date.now() % 1_000_000);
/** Without a number of faults each test makes as many as fit, and at least a few. */
const BUDGET_MS = 45_000;
const AT_LEAST = 5;
const TOLD_EVERY = 10;
const LIMIT_MS = 3_600_000;
const LINES = ['a', 'b', 'c'];

let chaos: Chaos | null = null;
let database: TestPostgres | null = null;
afterEach(async () => {
  await chaos?.close();
  await database?.remove();
  chaos = null;
  database = null;
});

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

async function again(fault: (count: number) => Promise<void>): Promise<number> {
  const beganMs = Date.now();
  let count = 0;
  while (KILLS === null ? count < AT_LEAST || Date.now() - beganMs < BUDGET_MS : count < KILLS) {
    await fault(count++);
    if (KILLS !== null && count % TOLD_EVERY === 0) process.stdout.write(`chaos: ${count} of ${KILLS} faults\n`);
  }
  return count;
}

function expectNoHarm(verdicts: Verdicts, faults: number): void {
  process.stdout.write(
    `chaos: seed ${SEED}, ${faults} faults, ${verdicts.messages} messages, ${verdicts.moves} moves, ${verdicts.lost.length} lost, ${verdicts.reordered.length} out of order, ${verdicts.doubled.length} doubled (${verdicts.unlisted.length} of them on no list), ${verdicts.listed} listed, ${verdicts.decisions} decisions\n`,
  );
  const { lost, reordered, unlisted, listedInVain } = verdicts;
  expect({ lost, reordered, unlisted, listedInVain }, `CUTOVER_CHAOS_SEED=${SEED}`).toEqual({
    lost: [],
    reordered: [],
    unlisted: [],
    listedInVain: [],
  });
  // Each line went into its parallel run: what counts here came after.
  expect(verdicts.moves).toBeGreaterThan(LINES.length);
}

for (const [what, main] of [
  ['killed (-9)', undefined],
  ['killed, and everything unsynced with it', FORGETFUL_MAIN],
] as const) {
  test(
    `rules 2, 3 and 8: ${what} under load, also in the middle of swaps: nothing lost, nothing out of order, every double is listed`,
    async () => {
      const random = luck(SEED);
      chaos = await Chaos.start(LINES, main === undefined ? {} : { main });
      const { estate } = chaos;
      const faults = await again(async (count) => {
        await chaos?.traffic(20);
        const swapping = chaos?.swap();
        // In the middle of a swap, or after one that had its time.
        if (count % 2 === 0) await swapping;
        else await sleep(random() * 250);
        await estate.crash();
        await swapping;
      });
      expectNoHarm(await chaos.judge(), faults);
    },
    LIMIT_MS,
  );
}

test(
  'rules 2, 3 and 8: gateway, platforms, destinations and database killed or stopped in turn: nothing lost, nothing out of order, every record shipped',
  async () => {
    const random = luck(SEED);
    database = await startPostgres();
    const store = database;
    chaos = await Chaos.start(LINES, { env: { DATABASE_URL: database.url } });
    const { estate, lines } = chaos;
    const one = <T>(items: readonly T[]): T => {
      const item = items[Math.floor(random() * items.length)];
      if (item === undefined) throw new Error('nothing to choose from');
      return item;
    };
    const party = () => one(lines).parties[one(['legacy', 'new', 'destination'] as const)];
    const stops = [
      () => estate.crash(),
      async () => {
        process.kill(estate.pid, 'SIGSTOP');
        await sleep(random() * 1500);
        process.kill(estate.pid, 'SIGCONT');
      },
      async () => {
        const victim = party();
        await victim.kill();
        await sleep(random() * 500);
        await victim.up();
      },
      async () => {
        const victim = party();
        victim.signal('SIGSTOP');
        await sleep(random() * 1500);
        victim.signal('SIGCONT');
      },
      async () => {
        await store.signal('SIGKILL');
        await sleep(random() * 500);
        await store.up();
      },
      async () => {
        await store.signal('SIGSTOP');
        await sleep(random() * 1500);
        await store.signal('SIGCONT');
      },
    ];
    const faults = await again(async (count) => {
      await chaos?.traffic(10);
      const swapping = chaos?.swap();
      if (count % 4 === 0) await swapping;
      else await sleep(random() * 250);
      await stops[count % stops.length]?.();
      await swapping;
    });
    await until(async () => expect(await gapsIn(store.url)).toBe(0));
    expectNoHarm(await chaos.judge(), faults);
    await until(async () => expect(await gapsIn(store.url)).toBe(0));
  },
  LIMIT_MS,
);

/** Offsets between the first and the last record that the database does not have. */
async function gapsIn(url: string): Promise<number> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query(
      'select (max("offset") - min("offset") + 1 - count(*))::int as gaps from cutover.records',
    );
    return Number(rows[0]?.gaps ?? Number.NaN);
  } finally {
    await client.end();
  }
}
