/** Durations as people write them in YAML: `250ms`, `10s`, `5m`, `2h`, `7d`. */

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

export const DURATION_PATTERN = /^(\d{1,9})(ms|s|m|h|d)$/;

/** Milliseconds, or null where the text is no duration. */
export function parseDurationMs(text: string): number | null {
  const match = DURATION_PATTERN.exec(text);
  if (match === null) return null;
  return Number(match[1]) * (UNITS_MS[match[2] ?? ''] ?? Number.NaN);
}
