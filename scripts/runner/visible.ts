/**
 * Text on a terminal: an MSH-10 holds what its sender wrote, and a terminal obeys some characters instead of showing them. They
 * are shown by number, in a form that changes nothing in a JSON document.
 */

// Controls but for line feed and tab, and what turns the direction of writing.
const OBEYED = /(?![\n\t])[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu;

export function visible(text: string): string {
  return text.replace(OBEYED, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
