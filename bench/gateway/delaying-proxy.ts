/** Stands before the database: what passes is late by `delayMs`, in both directions. */
import { connect, createServer, type Socket } from 'node:net';

export class DelayingProxy {
  delayMs = 0;
  readonly port: number;
  readonly #stop: () => void;

  private constructor(port: number, stop: () => void) {
    this.port = port;
    this.#stop = stop;
  }

  static async start(to: number): Promise<DelayingProxy> {
    const open = new Set<Socket>();
    const server = createServer((client) => {
      const upstream = connect({ host: '127.0.0.1', port: to });
      for (const [one, other] of [
        [client, upstream],
        [upstream, client],
      ] as const) {
        open.add(one);
        let lastAt = 0;
        one.on('data', (chunk) => {
          // What came later must not overtake where the delay has just ended.
          lastAt = Math.max(lastAt, performance.now() + proxy.delayMs);
          setTimeout(() => other.write(chunk), Math.max(0, lastAt - performance.now()));
        });
        one.on('error', () => undefined);
        one.on('close', () => {
          open.delete(one);
          other.destroy();
        });
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const proxy: DelayingProxy = new DelayingProxy(port, () => {
      server.close();
      for (const socket of open) socket.destroy();
    });
    return proxy;
  }

  stop(): void {
    this.#stop();
  }
}
