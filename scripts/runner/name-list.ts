/** Names in a sentence: all of a few, of many the first ones and how many more. */

const NAMED = 5;

export function nameList(names: readonly string[]): string {
  if (names.length <= NAMED + 1) return names.join(', ');
  return `${names.slice(0, NAMED).join(', ')} and ${names.length - NAMED} more`;
}
