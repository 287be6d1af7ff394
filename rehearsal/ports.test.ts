/** Ports that are free when they are chosen, and taken when they are needed. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import { expect, test } from 'vitest';
import { listenMllp } from './mllp.ts';
import { freePorts, onFreshPorts } from './ports.ts';

test('a port that another program has taken meanwhile: others are chosen, after what was started has ended', async () => {
  const [taken = 0, free = 0] = await freePorts(2);
  const other = createServer().listen(taken, '127.0.0.1');
  await once(other, 'listening');
  const choices = [taken, free];
  let cleared = 0;
  const server = await onFreshPorts(
    () => listenMllp(choices.shift() ?? 0, () => undefined),
    async () => void cleared++,
  );
  expect({ port: server.port, cleared }).toEqual({ port: free, cleared: 1 });
  await server.close();
  await new Promise((resolve) => other.close(resolve));
});

test('whatever else goes wrong is not tried again', async () => {
  let tries = 0;
  const start = async (): Promise<never> => {
    tries++;
    throw new Error('the engine cannot be had');
  };
  await expect(onFreshPorts(start, async () => undefined)).rejects.toThrow(/engine/);
  expect(tries).toBe(1);
});
