import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { readStraight } from './straight-reading.ts';

const LIMIT = { timeout: 20_000 };

async function pair(): Promise<{ ours: Socket; theirs: Socket }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  const theirs = connect({ host: '127.0.0.1', port: typeof address === 'object' ? (address?.port ?? 0) : 0 });
  const [ours] = (await once(server, 'connection')) as [Socket];
  onTestFinished(() => {
    for (const socket of [ours, theirs]) socket.destroy();
    server.close();
  });
  return { ours, theirs };
}

function taken(socket: Socket): { text: string } {
  const all = { text: '' };
  readStraight(socket, (chunk) => {
    all.text += chunk.toString('latin1');
  });
  return all;
}

describe('what comes on an accepted socket', () => {
  test('is taken before anything else of the turn, and the end is told after it', async () => {
    const { ours, theirs } = await pair();
    const seen: string[] = [];
    readStraight(ours, (chunk) => {
      seen.push(chunk.toString('latin1'));
      process.nextTick(() => seen.push('next tick'));
    });
    ours.once('end', () => seen.push('end'));
    theirs.end('one');
    await once(ours, 'end');
    expect(seen).toEqual(['one', 'next tick', 'end']);
  });

  test('waits while the socket is paused, without end in memory, and comes in order and once after it', async () => {
    const { ours, theirs } = await pair();
    const all = taken(ours);
    theirs.write('a');
    await vi.waitFor(() => expect(all.text).toBe('a'), LIMIT);
    ours.pause();
    const rest = Buffer.alloc(32 * 1024 * 1024);
    for (let at = 0; at < rest.length; at++) rest[at] = 65 + ((at >>> 10) % 26);
    theirs.end(rest);
    await vi.waitFor(() => expect(ours.readableLength).toBeGreaterThanOrEqual(ours.readableHighWaterMark), LIMIT);
    expect(all.text).toBe('a');
    expect(ours.readableLength).toBeLessThan(1024 * 1024);
    ours.resume();
    await once(ours, 'end');
    expect(all.text.length).toBe(1 + rest.length);
    expect(Buffer.from(all.text.slice(1), 'latin1').equals(rest)).toBe(true);
  });

  test('is not overtaken by what comes while the pause is worked off', async () => {
    const { ours, theirs } = await pair();
    const all = taken(ours);
    const expected: string[] = [];
    let number = 0;
    for (let round = 0; round < 200; round++) {
      ours.pause();
      for (let more = 0; more < 3; more++) {
        const text = `${number++},`;
        expected.push(text);
        theirs.write(text);
      }
      if (round % 3 === 0) await new Promise((resolve) => setImmediate(resolve));
      ours.resume();
      const last = `${number++},`;
      expected.push(last);
      theirs.write(last);
      if (round % 2 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await vi.waitFor(() => expect(all.text).toBe(expected.join('')), LIMIT);
  });
});
