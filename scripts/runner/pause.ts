/** Waiting that an interruption ends. */
import { EXIT, VerbStop } from './stop.ts';

/** True when it was cut short. */
export async function hasBeenInterrupted(milliseconds: number, signal: AbortSignal): Promise<boolean> {
  if (signal.aborted) return true;
  await new Promise<void>((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal.addEventListener('abort', done);
  });
  return signal.aborted;
}

/** Only while nothing has been changed. */
export function throwIfInterrupted(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new VerbStop(EXIT.interrupted, {
    code: 'interrupted',
    message: 'interrupted before anything was changed',
    next: [],
  });
}
