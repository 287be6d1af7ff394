/** A plain byte relay: what any gateway in this language costs at the least. */
import { connect, createServer } from 'node:net';

process.on('message', async ({ to }: { readonly to: readonly number[] }) => {
  const ports: number[] = [];
  for (const port of to) {
    const server = createServer({ noDelay: true }, (down) => {
      const up = connect({ host: '127.0.0.1', port, noDelay: true });
      down.pipe(up);
      up.pipe(down);
      const close = (): void => {
        down.destroy();
        up.destroy();
      };
      for (const socket of [down, up]) socket.on('error', close).on('close', close);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    ports.push(typeof address === 'object' && address !== null ? address.port : 0);
  }
  process.send?.({ ports });
});
