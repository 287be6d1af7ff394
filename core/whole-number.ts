/** A whole number as a person writes it: digits and nothing else. Null: it is none, or not within the bounds. */
export function wholeNumber(text: string, most = Number.MAX_SAFE_INTEGER, least = 0): number | null {
  if (!/^\d{1,16}$/.test(text)) return null;
  const value = Number(text);
  return value >= least && value <= most ? value : null;
}
