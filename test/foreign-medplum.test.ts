/** The MLLP server and client of `@medplum/hl7` as the new platform: they parse every message and write it anew. */
import type { Hl7Message } from '@medplum/core';
import { Hl7Client, type Hl7MessageEvent, Hl7Server } from '@medplum/hl7';
import { test } from 'vitest';
import { freePorts } from '../adapters/test-ports.ts';
import { DRIFTS, OWN_NAME, tellForeignStory } from './foreign-platform.ts';
import type { ForeignPlatform } from './proof-site.ts';

const LIMIT_MS = 300_000;

const medplum: ForeignPlatform = async (leg) => {
  const client = new Hl7Client({ host: '127.0.0.1', port: leg, keepAlive: true });
  const server = new Hl7Server((connection) => {
    let previous: Promise<unknown> = Promise.resolve();
    connection.addEventListener('message', ({ message }: Hl7MessageEvent) => {
      connection.send(message.buildAck());
      previous = previous.then(() => client.sendAndWait(mapped(message))).catch(() => undefined);
    });
  });
  const [port = 0] = await freePorts(1);
  await server.start(port);
  return {
    port,
    stop: async () => {
      await client.close();
      await server.stop({ forceDrainTimeoutMs: 100 });
    },
  };
};

function mapped(message: Hl7Message): Hl7Message {
  message.header.setField(3, OWN_NAME);
  if (message.header.getField(10).toString() === DRIFTS.id) message.getSegment('OBR')?.setComponent(4, 1, DRIFTS.code);
  return message;
}

test(
  'given @medplum/hl7 as the new platform, then it is compared, takes over, and nothing is lost',
  async () => {
    await tellForeignStory(medplum);
  },
  LIMIT_MS,
);
