/** A scraper that asks all the time, or many at once, take no more than a share of the time, and traffic goes in between. */
import { Gauge, Registry } from 'prom-client';
import { expect, test } from 'vitest';
import { Exposition } from './exposition.ts';

const GAUGES = 10;
const PIECE_MS = 1;

function site() {
  const registry = new Registry();
  let looks = 0;
  for (let index = 0; index < GAUGES; index++) {
    const gauge: Gauge = new Gauge({
      name: `figure_${index}`,
      help: 'A figure that takes its time',
      registers: [registry],
      collect: () => {
        const until = performance.now() + PIECE_MS;
        while (performance.now() < until);
        gauge.set(looks);
      },
    });
  }
  const exposition = new Exposition(registry, function* () {
    looks += 1;
    yield;
    return [];
  });
  return { registry, exposition, looks: () => looks };
}

test('what is few comes as the text that the registry itself would give', async () => {
  const { registry, exposition } = site();
  expect((await exposition.take()).text).toBe(await registry.metrics());
});

test('what waits for the loop has its turn between any two figures', async () => {
  const { exposition } = site();
  let turns = 0;
  let isDone = false;
  const count = (): void => {
    turns += 1;
    if (!isDone) setImmediate(count);
  };
  setImmediate(count);
  await exposition.take();
  isDone = true;
  expect(turns).toBeGreaterThanOrEqual(GAUGES);
});

test('many who ask at once share one look, and it was taken after they asked', async () => {
  const { exposition, looks } = site();
  const first = exposition.take();
  await Promise.resolve();
  await Promise.resolve();
  const others = await Promise.all(Array.from({ length: 50 }, () => exposition.take()));
  expect((await first).text).toContain('figure_0 1');
  expect(new Set(others).size).toBe(1);
  expect(others[0]?.text).toContain('figure_0 2');
  expect(looks()).toBe(2);
});

test('who asks all the time gets an answer each time, and the figures take no more than a tenth of the time', async () => {
  const { exposition } = site();
  const began = performance.now();
  let busyMs = 0;
  for (let index = 0; index < 4; index++) {
    await exposition.take();
    if (index < 3) busyMs += GAUGES * PIECE_MS;
  }
  expect(performance.now() - began).toBeGreaterThan(10 * busyMs);
});

test('a figure that fails is told to who asked, and the next look is taken all the same', async () => {
  const registry = new Registry();
  let isBroken = true;
  const exposition = new Exposition(registry, function* () {
    if (isBroken) throw new Error('no look');
    yield;
    return [];
  });
  await expect(exposition.take()).rejects.toThrow('no look');
  isBroken = false;
  expect(await exposition.take()).toEqual({ families: [], text: '\n' });
});
