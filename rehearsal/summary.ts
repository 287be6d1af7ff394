/** The end of a rehearsal as a person reads it: what was counted, how it was felt, the verdict, and where the report is. */
import type { Messages, RehearsalResult, Trouble } from './result.ts';

export const VERDICT_SENTENCES: Readonly<Record<RehearsalResult['verdict'], string>> = {
  green: 'nothing lost, doubled or out of order, through every swap, under load',
  red: 'something is not as it must be',
  failed: 'it could not be played to its end',
  interrupted: 'it was ended before its end',
};

/** `kept`: the folder that `--keep` left. */
export function summaryText(result: RehearsalResult, kept: string | null): string {
  const { messages, fault, seed } = result;
  const size = `${count(result.connections)} ${result.connections === 1 ? 'connection' : 'connections'} at ${count(result.ratePerSecond)} messages/s`;
  const counted = [
    'Counted at both ends by the simulated EMRs and LIS:',
    `  sent ${count(messages.sent)}   delivered ${count(messages.delivered)}   lost ${count(messages.lost)}   doubled ${count(messages.duplicated)}   out of order ${count(messages.reordered)}`,
    `  of the delivered, ${count(messages.fromLegacy)} came from legacy and ${count(messages.fromNew)} from new; ${count(result.reachedPerSecond)} messages/s were reached`,
  ];
  const also = furtherFindings(messages);
  const lines = [
    '',
    `Rehearsal of ${size} (seed ${seed}${fault === null ? '' : `, fault ${fault}`})`,
    ...(result.steps.length === 0 ? [] : ['', ...stepTable(result), '']),
    ...(isCounted(result) ? counted : ['It did not come to the count at both ends.']),
    ...proofLines(result),
    ...(also.length === 0 ? [] : [`  also: ${also.join(', ')}`]),
    ...messages.exampleIds.map((example) => `  ${example}`),
    ...(result.trouble === null ? [] : ['', ...troubleLines(result.trouble)]),
    '',
    `${result.verdict.toUpperCase()}: ${sentenceOf(result)}`,
    ...result.reasons.map((reason) => `  ${reason}`),
    ...(kept === null ? [] : [`Project, journal and logs are kept in ${kept}`]),
    ...(result.report === null ? [] : [`Report: ${result.report}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** What the product's own worker found, where one ran. */
function proofLines({ compared, reconciled }: RehearsalResult): string[] {
  return [
    ...(compared === null
      ? []
      : [
          `  compare: ${compared.verdict}; of ${count(compared.pairs)} pairs ${count(compared.matched)} match, ${count(compared.differing)} differ, ${count(compared.missing)} miss the new platform's output`,
        ]),
    ...(reconciled === null
      ? []
      : [
          `  reconcile: ${reconciled.verdict}; of ${count(reconciled.owed)} owed ${count(reconciled.delivered)} delivered, ${count(reconciled.filtered)} filtered, ${count(reconciled.unexplained)} unexplained`,
        ]),
  ];
}

/** Only a rehearsal that was played to its end was counted. */
export function isCounted({ verdict }: RehearsalResult): boolean {
  return verdict === 'green' || verdict === 'red';
}

/** Green in one sentence that says no more than was counted. */
export function sentenceOf({ verdict, messages }: RehearsalResult): string {
  if (verdict !== 'green' || messages.duplicatedListed === 0) return VERDICT_SENTENCES[verdict];
  const doubles = messages.duplicatedListed === 1 ? '1 double' : `${count(messages.duplicatedListed)} doubles`;
  return `nothing lost or out of order, through every swap, under load; ${doubles}, each listed by the gateway as maybe sent`;
}

/** What else was counted, where there is any of it. */
export function furtherFindings(messages: Messages): string[] {
  const findings: readonly (readonly [number, string])[] = [
    [messages.altered, 'altered'],
    [messages.unexpected, 'unexpected'],
    [messages.misanswered, "answered with another message's answer"],
    [messages.rejected, 'rejected at the source'],
    [messages.unanswered, 'never answered'],
    [messages.maybeSent, 'listed by the gateway as maybe sent'],
    [messages.duplicatedListed, 'doubled, and on that list'],
    [messages.deferred, 'acknowledged after a commit, each to its own sender'],
    [messages.deferredMissing, 'committed and never acknowledged'],
  ];
  return findings.filter(([value]) => value > 0).map(([value, what]) => `${count(value)} ${what}`);
}

function troubleLines({ fault, injected, seen }: Trouble): string[] {
  const line = ({ what, count: value }: Trouble['seen'][number]): string =>
    `  ${value === null ? '      ' : count(value).padStart(6)}  ${what}`;
  return [`Fault ${fault}, injected:`, ...injected.map(line), 'and seen:', ...seen.map(line)];
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
    const again = swap === undefined || swap.aborted === 0 ? '' : `   ${count(swap.aborted)} aborted, run again`;
    const since = swap?.outage === undefined ? '' : `   before it: ${swap.outage}`;
    return `  ${name.padEnd(width)}  ${took}${pause}${again}${since}`;
  });
  return [header, ...rows];
}

function asMs(value: number): string {
  return `${Math.round(value)} ms`;
}

function count(value: number): string {
  return value.toLocaleString('en-US');
}
