/**
 * Connections of one client are opened few at a time. Hundreds of handshakes begun at once share the processors of both ends,
 * so that on a busy machine none of them ends in its time; one after the other also takes up the TLS session of an earlier one.
 */
import type { buildConnector } from 'undici';

/** Where one cannot be opened, the others do not wait for their turn any more: a host that is gone is found out once. */
export function fewAtOnce(connect: buildConnector.connector, most: number): buildConnector.connector {
  const waiting: (() => void)[] = [];
  let opening = 0;
  return (options, callback) => {
    const begin = (): void => {
      opening++;
      connect(options, (...outcome) => {
        opening--;
        const [error] = outcome;
        for (const next of waiting.splice(0, error === null ? 1 : waiting.length)) next();
        callback(...outcome);
      });
    };
    if (opening < most) begin();
    else waiting.push(begin);
  };
}
