/**
 * An S3-compatible backend some way off: moto (`pip install 'moto[server]'`) behind a proxy that adds a delay to each
 * request. Null where moto is not installed.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, request as forward } from 'node:http';
import { connect } from 'node:net';

const BUCKET = 'cutover-bench';
const START_LIMIT_MS = 30_000;

export type SlowS3 = { readonly env: Readonly<Record<string, string>>; stop(): Promise<void> };

export async function startSlowS3(delayMs: number, port: number): Promise<SlowS3 | null> {
  const moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const failed = once(moto, 'error').then(() => false);
  if (!(await Promise.race([failed, answers(port)]))) {
    moto.kill();
    return null;
  }
  const proxy = createServer((incoming, outgoing) => {
    const { method, url, headers } = incoming;
    setTimeout(() => {
      const onward = forward({ host: '127.0.0.1', port, method, path: url, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.pipe(outgoing);
      });
      onward.on('error', () => outgoing.destroy());
      incoming.pipe(onward);
    }, delayMs);
  });
  proxy.listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  const address = proxy.address();
  if (address === null || typeof address === 'string') throw new Error('a TCP server has a port');
  await fetch(`http://127.0.0.1:${port}/${BUCKET}`, { method: 'PUT' });
  return {
    env: {
      PULUMI_BACKEND_URL: `s3://${BUCKET}?endpoint=http://127.0.0.1:${address.port}&s3ForcePathStyle=true&region=us-east-1`,
      AWS_ACCESS_KEY_ID: 'bench',
      AWS_SECRET_ACCESS_KEY: 'bench',
      AWS_REGION: 'us-east-1',
    },
    stop: async () => {
      proxy.closeAllConnections();
      await new Promise((resolve) => proxy.close(resolve));
      const ended = once(moto, 'exit');
      moto.kill();
      await ended;
    },
  };
}

async function answers(port: number): Promise<boolean> {
  const endsAt = Date.now() + START_LIMIT_MS;
  while (Date.now() < endsAt) {
    const socket = connect(port, '127.0.0.1');
    const isUp = await Promise.race([
      once(socket, 'connect').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
    socket.destroy();
    if (isUp) return true;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return false;
}
