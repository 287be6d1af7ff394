/** IPv6: a gateway on every address, where a client of IPv4 shows up as `::ffff:…`, and peers that listen on IPv6 only. */
import { readFile, writeFile } from 'node:fs/promises';
import { networkInterfaces } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Client, type Estate, order, Peer, startEstate, until, verdictOf } from './peers.ts';

/** A machine may have it switched off. */
const HAS_IPV6 = Object.values(networkInterfaces()).some((all) => all?.some(({ address }) => address === '::1'));

describe.runIf(HAS_IPV6)('on IPv6', () => {
  let estate: Estate;
  const legacy = new Peer('::1');
  const destination = new Peer('::1');

  beforeAll(async () => {
    for (const peer of [legacy, destination]) {
      await peer.up();
      peer.answerAll();
    }
    const at = ({ host, port }: Peer): object => ({ host, port });
    estate = await startEstate(
      {
        four: { feed: { sourceAllow: ['127.0.0.0/8'] } },
        six: {
          feed: { sourceAllow: ['::1'] },
          legs: { legacy: { sourceAllow: ['::1/128'] } },
          destination: at(destination),
        },
      },
      true,
    );
    const inventory = JSON.parse(await readFile(estate.inventoryFile, 'utf8'));
    inventory.connections[1].feed.platforms.legacy = at(legacy);
    await writeFile(estate.inventoryFile, JSON.stringify(inventory));
    estate.args = ['--init', '--listen-host', '::'];
    await estate.start();
  });
  afterAll(async () => {
    await estate?.close();
    for (const peer of [legacy, destination]) await peer.down();
  });

  const openAt = (host: string, port: number): Promise<Client> => Client.open(port, false, host);

  test('a list of IPv4 sources lets an IPv4 client of a dual-stack port in, and nobody from elsewhere; its resend is known', async () => {
    const line = estate.line('four');
    line.legacy.answerAll();
    const first = await openAt('127.0.0.1', line.feedPort);
    expect(verdictOf(await first.exchange(order('A1')))).toBe('AA|A1');
    const again = await openAt('127.0.0.1', line.feedPort);
    expect(verdictOf(await again.exchange(order('A1')))).toBe('AA|A1');
    expect(line.legacy.ids).toEqual(['A1']);
    const stranger = await openAt('::1', line.feedPort);
    stranger.send(order('A2'));
    await stranger.closed;
    expect(stranger.inbox.byteCount).toBe(0);
    expect(line.legacy.ids).toEqual(['A1']);
    await until(() => expect(estate.log).toContain('source-not-allowed'));
  });

  test('platform and destination on IPv6: messages pass both ways, and a list of IPv6 sources refuses IPv4', async () => {
    const line = estate.line('six');
    const source = await openAt('::1', line.feedPort);
    expect(verdictOf(await source.exchange(order('B1')))).toBe('AA|B1');
    const output = await openAt('::1', line.legs.legacy);
    expect(verdictOf(await output.exchange(order('B1')))).toBe('AA|B1');
    expect([legacy.ids, destination.ids]).toEqual([['B1'], ['B1']]);
    for (const port of [line.feedPort, line.legs.legacy]) {
      const stranger = await openAt('127.0.0.1', port);
      stranger.send(order('B2'));
      await stranger.closed;
      expect(stranger.inbox.byteCount).toBe(0);
    }
    expect([legacy.ids, destination.ids]).toEqual([['B1'], ['B1']]);
  });
});
