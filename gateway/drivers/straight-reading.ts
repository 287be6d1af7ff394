/** What comes on a socket that somebody has opened to us. */
import type { Socket } from 'node:net';

/**
 * As `socket.on('data', take)`, for less: while the socket flows and nothing waits in it, a piece goes to `take` at once, past
 * the stream's buffer and the look whether to read more, which it asks for after each piece. Paused it is the stream's again.
 */
export function readStraight(socket: Socket, take: (chunk: Buffer) => void): void {
  socket.on('data', take);
  const push = socket.push.bind(socket);
  socket.push = (chunk: Buffer | null, encoding?: BufferEncoding): boolean => {
    if (chunk === null || socket.readableFlowing !== true || socket.readableLength > 0) return push(chunk, encoding);
    take(chunk);
    return true;
  };
}
