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

/** True where they lie no further apart than `within`, to the last digit. */
export function isWithinDistance(a: string, b: string, within: number): boolean {
  if (!isNumber(a) || !isNumber(b)) return false;
  // Without an exponent: 1e-7 has no digits of its own.
  const limit = within >= 1e21 ? BigInt(within).toString() : within < 1e-6 ? within.toFixed(20) : String(within);
  const scale = Math.max(...[a, b, limit].map((text) => text.split('.')[1]?.length ?? 0));
  const difference = scaled(a, scale) - scaled(b, scale);
  return (difference < 0n ? -difference : difference) <= scaled(limit, scale);
}

/** The number times ten to the power of `scale`, which is at least its count of decimals. */
function scaled(text: string, scale: number): bigint {
  const [whole = '', decimals = ''] = text.replace(/^[+-]/, '').split('.');
  const amount = BigInt(`${whole}${decimals.padEnd(scale, '0')}` || '0');
  return text.startsWith('-') ? -amount : amount;
}
