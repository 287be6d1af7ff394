/** The end of a rehearsal as a person reads it. */
import type { RehearsalResult } from './result.ts';

export function summaryText(result: RehearsalResult): string {
  const { messages } = result;
  const count = (value: number): string => value.toLocaleString('en-US');
  const bad: string[] = [];
  if (messages.altered > 0) bad.push(`${count(messages.altered)} altered`);
  if (messages.unexpected > 0) bad.push(`${count(messages.unexpected)} unexpected`);
  if (messages.misanswered > 0) bad.push(`${count(messages.misanswered)} answered with another message's answer`);
  if (messages.rejected > 0) bad.push(`${count(messages.rejected)} rejected at the source`);
  if (messages.unanswered > 0) bad.push(`${count(messages.unanswered)} never answered`);
  if (messages.duplicatedListed > 0) bad.push(`${count(messages.duplicatedListed)} doubled and listed by the gateway`);
  const countLine = `  sent ${count(messages.sent)}   delivered ${count(messages.delivered)}   lost ${count(messages.lost)}   doubled ${count(messages.duplicated)}   out of order ${count(messages.reordered)}`;
  const fromLine = `  of the delivered, ${count(messages.fromLegacy)} came from legacy and ${count(messages.fromNew)} from new`;
  const lines = [
    '',
    `Rehearsal of ${count(result.connections)} connections at ${count(result.ratePerSecond)} messages/s (seed ${result.seed}${result.fault === null ? '' : `, fault ${result.fault}`})`,
    ...(result.steps.length === 0
      ? []
      : ['', ...stepTable(result), '', 'Counted at both ends by the simulated EMRs and LIS:', countLine, fromLine]),
    ...(bad.length === 0 ? [] : [`  also: ${bad.join(', ')}`]),
    ...(messages.maybeSent === 0 ? [] : [`  listed by the gateway as maybe sent: ${count(messages.maybeSent)}`]),
    ...messages.exampleIds.map((example) => `  ${example}`),
    '',
    `${result.verdict.toUpperCase()}${result.verdict === 'green' ? ': nothing lost, doubled or out of order, through every swap, under load' : ''}`,
    ...result.reasons.map((reason) => `  ${reason}`),
    ...(result.report === null ? [] : [`Everything is kept beside ${result.report}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Pauses beside the steps that swapped something. */
function stepTable(result: RehearsalResult): string[] {
  const swaps = new Map(result.swaps.map((swap) => [swap.step, swap]));
  const width = Math.max(12, ...result.steps.map(({ name }) => name.length));
  const header = `  ${'step'.padEnd(width)}  ${'took'.padStart(8)}   longest wait a sender felt (p50 / p99 / max)`;
  const rows = result.steps.map(({ name, wallMs }) => {
    const swap = swaps.get(name);
    const took = `${(wallMs / 1000).toFixed(1)} s`.padStart(8);
    const pause =
      swap === undefined ? '' : `   ${[swap.pauseMs.p50, swap.pauseMs.p99, swap.pauseMs.max].map(asMs).join(' / ')}`;
    return `  ${name.padEnd(width)}  ${took}${pause}`;
  });
  return [header, ...rows];
}

function asMs(value: number): string {
  return `${Math.round(value)} ms`;
}
