/** Ports that are free: none that somebody listens on, none that is another's, and as many as there are. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { freePortsIn } from './free-ports.ts';
import { freePorts } from './test-ports.ts';

test('a port that somebody listens on is left out, and so is one that is somebody else’s', async () => {
  const [from = 0] = await freePortsIn({ from: 16_000, below: 31_000 }, 1);
  const taken = createServer().listen(from, '127.0.0.1');
  await once(taken, 'listening');
  const found = await freePortsIn({ from, below: from + 10 }, 10, (port) => port !== from + 1);
  expect(found).not.toContain(from);
  expect(found).not.toContain(from + 1);
  expect(found.length).toBeLessThanOrEqual(8);
  await new Promise((resolve) => taken.close(resolve));
});

test('each is given out once', async () => {
  const ports = [...(await freePorts(150)), ...(await freePorts(150))];
  expect(new Set(ports).size).toBe(300);
});
