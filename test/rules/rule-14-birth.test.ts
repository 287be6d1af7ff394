/** Rule 14: a data directory is born once; without its own, or beside another process, a gateway serves nobody. */
import { cp, mkdir, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { Estate, type Line, order, startEstate, until, verdictOf, writeInventory } from './peers.ts';

let estate: Estate;
let line: Line;

beforeEach(async () => {
  estate = await startEstate({ line: {} }, true);
  line = estate.line('line');
  line.legacy.answerAll();
});
afterEach(() => estate?.close());

const refusesToListen = (port: number): Promise<boolean> =>
  new Promise((done) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => done(true));
    socket.once('connect', () => {
      socket.destroy();
      done(false);
    });
  });

test('rule 14: without a data directory it serves nobody and says how to restore', async () => {
  estate.args = [];
  await expect(estate.start()).rejects.toThrow(/exit 3: .*restore/s);
  await mkdir(estate.dataDir);
  await expect(estate.start()).rejects.toThrow(/exit 3: .*restore/s);
  expect(await refusesToListen(line.feedPort)).toBe(true);
});

test('rule 14: a directory that lost its journal or its identity is not taken for a new one, not even with --init', async () => {
  await estate.start();
  await (await line.source()).exchange(order('A1'));
  await estate.end('SIGKILL');
  const copy = join(estate.folder, 'copy');
  for (const missing of ['journal', 'identity.json', 'credentials.json', 'admin.key']) {
    await cp(estate.dataDir, copy, { recursive: true });
    await rm(join(estate.dataDir, missing), { recursive: true });
    await expect(estate.start()).rejects.toThrow(/exit 3/);
    await rm(estate.dataDir, { recursive: true });
    await cp(copy, estate.dataDir, { recursive: true });
    await rm(copy, { recursive: true });
  }
  await estate.start();
  const again = await line.source();
  expect(verdictOf(await again.exchange(order('A1')))).toBe('AA|A1');
  expect(line.legacy.ids).toEqual(['A1']);
});

test("rule 14: another deployment's directory, and another one's journal in it, are refused by name", async () => {
  await estate.init();
  await writeInventory(estate, { line: {} }, 'another-lab');
  await expect(estate.start()).rejects.toThrow(/exit 3: .*lab-rules-1.*another-lab/s);
  await writeInventory(estate, { line: {} });
  const other = new Estate(join(estate.folder, 'other'));
  await mkdir(other.folder);
  await cp(estate.inventoryFile, other.inventoryFile);
  await other.init();
  await rm(join(estate.dataDir, 'journal'), { recursive: true });
  await cp(join(other.dataDir, 'journal'), join(estate.dataDir, 'journal'), { recursive: true });
  await expect(estate.start()).rejects.toThrow(/exit 3/);
  expect(await refusesToListen(line.feedPort)).toBe(true);
});

test('rule 14: two processes cannot serve one directory; the first goes on; a killed one leaves no lock behind', async () => {
  await estate.start();
  const second = new Estate(estate.folder);
  await expect(second.start()).rejects.toThrow(new RegExp(`exit 3: .*process ${estate.pid}`, 's'));
  expect(verdictOf(await (await line.source()).exchange(order('B1')))).toBe('AA|B1');
  await estate.crash();
  expect((await line.status()).epoch).toBe(1);
});

test('rule 14: init never touches a directory that holds something', async () => {
  await estate.init();
  await expect(estate.init()).rejects.toThrow('init ended with 3');
  const foreign = new Estate(join(estate.folder, 'foreign'));
  await mkdir(foreign.dataDir, { recursive: true });
  await cp(estate.inventoryFile, foreign.inventoryFile);
  await writeFile(join(foreign.dataDir, 'notes.txt'), 'mine');
  await expect(foreign.init()).rejects.toThrow('init ended with 3');
  await expect(foreign.start()).rejects.toThrow(/exit 3/);
});

test('rule 14: a connection in the path cannot vanish from the inventory', async () => {
  await estate.start();
  await (await line.source()).exchange(order('C1'));
  await estate.end('SIGTERM');
  await writeInventory(estate, {});
  await expect(estate.start()).rejects.toThrow(/exit 3: .*'line'/s);
  await writeInventory(estate, { line: {} });
  await estate.start();
  await until(async () => expect((await line.status()).counters.accepted).toBe(1));
});

test('rule 14: epochs never go back over clean and unclean ends', async () => {
  await estate.start();
  const moves = [
    ['parallel', {}],
    ['legacy', { reason: 'drill' }],
    ['parallel', {}],
    ['switched', {}],
    ['parallel', { reason: 'drill' }],
  ] as const;
  for (const [index, [phase, options]] of moves.entries()) {
    expect((await line.move(phase, options)).epoch).toBe(index + 2);
    await (index % 2 === 0 ? estate.crash() : estate.restart());
    expect(await line.status()).toMatchObject({ epoch: index + 2, phase });
  }
});
