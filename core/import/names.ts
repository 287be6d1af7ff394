/** Names of channels say what they are for, if one knows how people name them: practice, direction, and a name for good. */
import type { Guess } from './flow.ts';

const ORDERS = /^(orders?|orm|oml|omg|omp|order-?entry|requisitions?)$/;
const RESULTS = /^(results?|oru|oul|reports?|labresults?)$/;
/** Words that say nothing of the practice. */
const NOISE = new Set(
  (
    'hl7 hl7v2 v2 mllp llp tcp in out inbound outbound incoming outgoing from to for via channel interface feed send sender ' +
    'receive receiver listener router route prod production test live lis lab labs emr ehr his adt r01 o01 r21 o21 ack msg ' +
    'message messages system and the copy of new old'
  ).split(' '),
);
const NAME_LIMIT = 50;

export function slugOf(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, NAME_LIMIT)
    .replace(/-+$/, '');
}

function wordsOf(text: string): string[] {
  const spaced = text.replace(/([a-z0-9])([A-Z])/g, '$1 $2');
  return slugOf(spaced)
    .split('-')
    .filter((word) => word !== '');
}

/** By name, then by a message type (MSH-9), else a guess. The first text that says something wins. */
export function directionOf(names: readonly string[], messageTypes: readonly string[]): Guess<'orders' | 'results'> {
  for (const text of [...names, ...messageTypes]) {
    const words = wordsOf(text);
    const isOrders = words.some((word) => ORDERS.test(word));
    const isResults = words.some((word) => RESULTS.test(word));
    if (isOrders !== isResults) return { value: isOrders ? 'orders' : 'results', isCertain: true };
  }
  return { value: 'orders', isCertain: false };
}

/** What is left of a name without direction and noise; the first name that has something left wins. */
export function practiceOf(names: readonly string[]): Guess<string> {
  for (const text of names) {
    const words = wordsOf(text).filter(
      (word) => !NOISE.has(word) && !ORDERS.test(word) && !RESULTS.test(word) && !/^\d+$/.test(word),
    );
    const name = slugOf(words.join('-'));
    if (name !== '') return { value: name, isCertain: true };
  }
  return { value: slugOf(names.join('-')) || 'unknown', isCertain: false };
}

/** `wanted`, or with the first number that nobody has. */
export function freeName(wanted: string, isTaken: (name: string) => boolean): string {
  if (!isTaken(wanted)) return wanted;
  for (let number = 2; ; number++) {
    const candidate = `${wanted}-${number}`;
    if (!isTaken(candidate)) return candidate;
  }
}
