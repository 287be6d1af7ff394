/**
 * Whoever asks for the metrics, a process of its own and of the lowest priority: what asking costs is another machine's
 * business, what answering costs is what is measured.
 */
import { request } from 'node:https';
import { constants, setPriority } from 'node:os';

/** `restless`: each asks again as soon as it is answered. `silent`: each asks once and reads nothing of the answer. */
export type ScraperRequest =
  | { readonly kind: 'ask'; readonly port: number; readonly how: 'restless' | 'silent'; readonly count: number }
  | { readonly kind: 'end' };

let isOver = true;
let asked: ReturnType<typeof request>[] = [];

setPriority(constants.priority.PRIORITY_LOW);

process.on('message', (order: ScraperRequest) => {
  if (order.kind === 'end') {
    isOver = true;
    for (const one of asked) one.destroy();
    asked = [];
  } else {
    isOver = false;
    for (let index = 0; index < order.count; index++) {
      if (order.how === 'restless') restless(order.port);
      else silent(order.port);
    }
  }
  process.send?.({ kind: order.kind });
});

function restless(port: number): void {
  if (isOver) return;
  const again = (): void => restless(port);
  const one = request({ host: '127.0.0.1', port, path: '/metrics', rejectUnauthorized: false }, (response) => {
    response.resume();
    response.once('close', again);
  });
  one.once('error', () => setTimeout(again, 10));
  one.end();
}

function silent(port: number): void {
  const one = request({ host: '127.0.0.1', port, path: '/metrics', rejectUnauthorized: false }, (response) =>
    response.pause(),
  );
  one.on('error', () => undefined);
  one.end();
  asked.push(one);
}
