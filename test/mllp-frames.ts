/** MLLP as the simulated parties of the cross-process tests speak it: one frame out, each whole frame in. */
import type { Socket } from 'node:net';

const START = 0x0b;
const END = Buffer.from([0x1c, 0x0d]);

export function eachFrame(socket: Socket, onMessage: (message: string) => void): void {
  let pending = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk]);
    for (let end = pending.indexOf(END); end !== -1; end = pending.indexOf(END)) {
      const message = pending.subarray(pending.indexOf(START) + 1, end).toString('latin1');
      pending = pending.subarray(end + END.length);
      onMessage(message);
    }
  });
}

export function frame(message: string): Buffer {
  return Buffer.concat([Buffer.from([START]), Buffer.from(message, 'latin1'), END]);
}
