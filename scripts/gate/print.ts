/** The gate for people: one line a criterion; with `--explain` every red, and what to do about it. */
import { counted } from '../../core/count-words.ts';
import type { GateDocument } from '../../core/gate/gate-document.ts';
import { readableTime } from '../../core/readable-time.ts';

const SIGNS = { green: '✓', red: '✗', waived: '~' } as const;
const SHOWN = 10;

export function formatGate(document: GateDocument, explain: boolean): string {
  const lines = document.criteria.flatMap(({ id, verdict, reason, red, remedy, waivers }) => [
    `${SIGNS[verdict]} ${id.padEnd(20)} ${reason}`,
    ...waivers.map(({ by, reason: why, notAfter }) => `    waived by ${by} until ${readableTime(notAfter)}: ${why}`),
    ...(explain && verdict === 'red'
      ? [
          ...named(red.slice(0, SHOWN))
            .filter((line) => line !== reason)
            .map((line) => `    ${line}`),
          ...(red.length > SHOWN ? [`    … and ${red.length - SHOWN} more`] : []),
          `    → ${remedy}`,
        ]
      : []),
  ]);
  const count = `${counted(document.connections.length, 'connection')} of ${document.stack}`;
  const last =
    document.verdict === 'green'
      ? `gate: GREEN for ${count}, until ${readableTime(document.expiresAt ?? '')}`
      : `gate: RED for ${count}: ${document.criteria
          .filter(({ verdict }) => verdict === 'red')
          .map(({ id }) => id)
          .join(', ')}`;
  const evidence = document.digest === null ? [] : [`evidence: ${document.digest}`];
  const next = document.nextSteps.length === 0 ? [] : ['next:', ...document.nextSteps.map((step) => `  ${step}`)];
  return `${[...lines, ...document.warnings.map((one) => `! ${one}`), '', last, ...evidence, ...next].join('\n')}\n`;
}

function named(red: GateDocument['criteria'][number]['red']): string[] {
  return red.map(({ name, reason }) => (name === null ? reason : `${name}: ${reason}`));
}
