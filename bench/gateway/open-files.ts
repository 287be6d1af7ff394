/** How many files a process may have open here. Node raises its own limit to the hard one, and what it starts inherits it. */
import { readFileSync } from 'node:fs';

/** Of a process for everything but its listeners and sockets of feeds. */
export const SPARE_FILES = 500;

export function openFilesAllowed(): number {
  const limits = readFileSync('/proc/self/limits', 'utf8');
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === 'unlimited' ? Number.POSITIVE_INFINITY : Number(hard);
}
