/** What an update complained about, by connection. Whether a route moved is not read here but from its gateway. */
import type { PulumiFailure, UpdateResult } from '../../adapters/pulumi.ts';
import type { RunState } from './run-state.ts';

const GENERAL_LINES = 4;
/** How the provider's messages begin what to do. */
const NEXT = '; next: ';

export function collectComplaints(run: RunState, result: UpdateResult, names: readonly string[]): void {
  const report = result.ok ? result.value : result.report;
  const own = new Map<string, string[]>();
  for (const { urn, severity, message } of report.diagnostics) {
    const name = urn?.split('::').at(-1);
    if (severity !== 'error' || name === undefined || !names.includes(name)) continue;
    own.set(name, [...(own.get(name) ?? []), message.trim()]);
  }
  for (const [name, messages] of own) {
    const [message = '', ...next] = messages.join('; ').split(NEXT);
    const aborted = /\baborted\b/i.test(message);
    const commands = next.flatMap((text) => text.split(' | '));
    const code = aborted ? 'aborted' : 'update-failed';
    run.complaints.set(name, {
      name,
      code,
      message: plain(message, name),
      next: commands.length > 0 ? commands : ['cutover status'],
      aborted,
    });
  }
  if (result.ok) return;
  const general = result.diagnostics.slice(0, GENERAL_LINES).join('; ');
  const next = remediesFor(result.kind, general);
  for (const name of names) {
    if (run.complaints.has(name)) continue;
    run.complaints.set(name, {
      name,
      code: `pulumi-${result.kind}`,
      message: `${result.command}: ${general}`,
      next,
      aborted: false,
    });
  }
}

export const PASSPHRASE_REMEDIES: readonly string[] = [
  'set PULUMI_CONFIG_PASSPHRASE, or PULUMI_CONFIG_PASSPHRASE_FILE, to the passphrase of the stack',
  "where it is lost: 'A lost passphrase' in docs/how-to/pulumi-by-hand.md",
];

function remediesFor(kind: PulumiFailure['kind'], general: string): readonly string[] {
  if (kind === 'locked')
    return ['wait for the other update to end', 'or --take-over, if its process is gone for certain'];
  return /incorrect passphrase/.test(general)
    ? [...PASSPHRASE_REMEDIES, 'cutover rollback works without it']
    : ['cutover status'];
}

/** The engine repeats what it was doing and to what; the connection is named beside the message anyway. */
function plain(message: string, name: string): string {
  const text = message.replaceAll(/\s+/g, ' ');
  const start = text.lastIndexOf(`${name}: `);
  return start === -1 ? text : text.slice(start + name.length + 2);
}
