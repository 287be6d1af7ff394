/** `@medplum/hl7` as a gateway: a server for each port, and for each of its connections a client that asks the platform. */
import { Hl7Client, type Hl7MessageEvent, Hl7Server } from '@medplum/hl7';

process.on('message', async ({ to }: { readonly to: readonly number[] }) => {
  const ports: number[] = [];
  for (const port of to) {
    const server = new Hl7Server((connection) => {
      const client = new Hl7Client({ host: '127.0.0.1', port, keepAlive: true });
      connection.addEventListener('message', ({ message }: Hl7MessageEvent) => {
        client.sendAndWait(message).then(
          (answer) => connection.send(answer),
          () => connection.close(),
        );
      });
      connection.addEventListener('error', () => undefined);
      client.addEventListener('error', () => undefined);
      connection.addEventListener('close', () => void client.close());
    });
    await server.start(0);
    const address = server.server?.address();
    ports.push(typeof address === 'object' && address !== null ? address.port : 0);
  }
  process.send?.({ ports });
});
