/** Looks for renewed keys and certificates, on demand (SIGHUP) and periodically, and hands them to listeners and peers. */
import type { Logger } from 'pino';
import type { TlsStore } from './tls.ts';

const LOOK_EVERY_MS = 60_000;

export type TlsRenewal = { refresh(): Promise<void>; stop(): void };

export function keepTlsFresh(
  tls: Pick<TlsStore, 'refresh'>,
  users: { renewTls(): void | Promise<void> },
  logger: Logger,
): TlsRenewal {
  let running: Promise<void> = Promise.resolve();
  /** Said once for as long as it lasts, not every minute. */
  let said = '';
  const look = async (): Promise<void> => {
    const { renewed, problems } = await tls.refresh();
    if (renewed.length > 0) {
      await users.renewTls();
      logger.info({ event: 'tls-renewed', endpoints: renewed }, 'sockets to come use the new certificates');
    }
    const saying = JSON.stringify(problems);
    if (saying !== said) for (const problem of problems) logger.error({ event: 'tls-not-renewed', ...problem });
    said = saying;
  };
  const refresh = (): Promise<void> => {
    running = running.then(look).catch((error: unknown) => {
      logger.error({ event: 'tls-not-renewed', code: error instanceof Error ? error.name : 'unknown' });
    });
    return running;
  };
  const timer = setInterval(() => void refresh(), LOOK_EVERY_MS);
  timer.unref();
  return { refresh, stop: () => clearInterval(timer) };
}
