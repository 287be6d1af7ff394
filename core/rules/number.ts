/** Numbers as HL7 writes them (NM, section 2.A.47), compared as decimals: no rounding comes in by the comparison. */

const NUMBER = /^[+-]?(\d+\.?\d*|\.\d+)$/;
/** Longer ones are identifiers. */
const DIGITS_LIMIT = 30;

export function isNumber(text: string): boolean {
  return text.length <= DIGITS_LIMIT && NUMBER.test(text);
}

/** True where both are the same number, however written: `12`, `12.0`, `+12.`, `012`. */
export function isSameNumber(a: string, b: string): boolean {
  return isNumber(a) && isNumber(b) && normalNumber(a) === normalNumber(b);
}

function normalNumber(text: string): string {
  const unsigned = text.replace(/^[+-]/, '');
  const [whole = '', decimals = ''] = unsigned.split('.');
  const digits = whole.replace(/^0+/, '') || '0';
  const fraction = decimals.replace(/0+$/, '');
  const amount = fraction === '' ? digits : `${digits}.${fraction}`;
  return text.startsWith('-') && amount !== '0' ? `-${amount}` : amount;
}

/** Null where one of them is no number. */
export function numericDifference(a: string, b: string): number | null {
  return isNumber(a) && isNumber(b) ? Math.abs(Number(a) - Number(b)) : null;
}
