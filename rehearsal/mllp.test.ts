import fc from 'fast-check';
import { afterEach, describe, expect, test } from 'vitest';
import { FrameReader, frame, listenMllp, MllpClient, type MllpServer } from './mllp.ts';

const PATIENCE_MS = 20_000;
const open: (MllpServer | MllpClient)[] = [];

afterEach(async () => {
  await Promise.all(open.splice(0).map((each) => each.close()));
});

async function serve(onMessage: Parameters<typeof listenMllp>[1]): Promise<{ server: MllpServer; client: MllpClient }> {
  const server = await listenMllp(0, onMessage);
  const client = new MllpClient(server.port);
  open.push(server, client);
  return { server, client };
}

describe('frames', () => {
  test('come out whole however the bytes are cut', () => {
    const message = fc
      .uint8Array({ maxLength: 40 })
      .map((bytes) => Buffer.from(bytes.map((byte) => (byte === 0x1c ? 0x20 : byte))));
    fc.assert(
      fc.property(fc.array(message, { maxLength: 5 }), fc.integer({ min: 1, max: 7 }), (messages, cut) => {
        const bytes = Buffer.concat(messages.map(frame));
        const reader = new FrameReader();
        const found: Buffer[] = [];
        for (let at = 0; at < bytes.length; at += cut) found.push(...reader.push(bytes.subarray(at, at + cut)));
        expect(found.map((each) => each.toString('hex'))).toEqual(messages.map((each) => each.toString('hex')));
      }),
    );
  });
});

describe('a client that stops and waits', () => {
  test('gets the answer to its message', async () => {
    const { client } = await serve((message, answer) => answer(Buffer.concat([Buffer.from('re: '), message])));
    const outcome = await client.exchange(Buffer.from('one'), PATIENCE_MS);
    expect(outcome).toEqual({ kind: 'answer', bytes: Buffer.from('re: one') });
  });

  test('gives up after its time-out, and never takes the late answer for the next one', async () => {
    let late: (() => void) | undefined;
    const { client } = await serve((message, answer) => {
      if (message.toString() === 'first') late = () => answer(Buffer.from('late'));
      else answer(Buffer.from('second answer'));
    });
    expect(await client.exchange(Buffer.from('first'), 50)).toEqual({ kind: 'timeout' });
    late?.();
    expect(await client.exchange(Buffer.from('second'), PATIENCE_MS)).toEqual({
      kind: 'answer',
      bytes: Buffer.from('second answer'),
    });
  });

  test('sees a lost connection and a closed port', async () => {
    const { server, client } = await serve(() => server.dropSockets());
    expect(await client.exchange(Buffer.from('one'), PATIENCE_MS)).toEqual({ kind: 'lost' });
    await server.close();
    expect(await client.exchange(Buffer.from('one'), PATIENCE_MS)).toEqual({ kind: 'unreachable' });
  });
});
