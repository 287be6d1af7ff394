/** Work beside the traffic gives way to it where processors are short. Linux has a priority for each thread. */
import { existsSync, readlinkSync } from 'node:fs';
import { setPriority } from 'node:os';
import { basename } from 'node:path';

/** A tenth of the share that the traffic's thread gets, so that it goes on under any load. */
const POLITE = 10;
const THREAD_SELF = '/proc/thread-self';

/** For the thread that calls it; it cannot be taken back without privileges. Elsewhere than on Linux nothing happens. */
export function giveWay(): void {
  if (existsSync(THREAD_SELF)) setPriority(Number(basename(readlinkSync(THREAD_SELF))), POLITE);
}
