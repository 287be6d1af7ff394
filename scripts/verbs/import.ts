/** `import`: what the legacy platform has, into the inventory; and a report of every connector that was there. */

import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { replaceFile } from '../../adapters/stack-file.ts';
import { counted } from '../../core/count-words.ts';
import type { Account } from '../../core/import/flow.ts';
import type { ImportDocument } from '../../core/import/import-document.ts';
import { type Merged, mergeInto } from '../../core/import/merge.ts';
import { type Proposal, propose } from '../../core/import/propose.ts';
import { driftOf, type ImportState, stateOf } from '../../core/import/state.ts';
import { parseInventory } from '../../core/inventory.ts';
import { formatProblems } from '../../core/located-yaml.ts';
import { formatImport } from '../import/print-import.ts';
import { readSources, type Source } from '../import/read-source.ts';
import { hostsOf, openTarget, proposeOptions, type Target } from '../import/target.ts';
import type { Surroundings } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { EXIT, type ExitCode, usage, VerbStop } from '../runner/stop.ts';
import type { PlainVerb, Printed } from '../runner/verb.ts';

export const importVerb: PlainVerb = {
  kind: 'plain',
  summary: 'take what an integration engine exports, or a list, into the inventory',
  examples: [
    'cutover import --file backup.xml --stack production --legacy-host mirth.internal',
    'cutover import --file connections.xlsx --columns columns.yaml --stack production',
    'cutover import --file backup.xml --check',
  ],
  flags: [
    'file',
    'stack',
    'project',
    'columns',
    'variables',
    'legacy-host',
    'new-host',
    'include-disabled',
    'check',
    'dry-run',
    'json',
  ],
  perform,
};

async function perform(around: Surroundings, args: Args): Promise<Printed> {
  const target = await openTarget(args, around);
  const sources = await readSources(args, around.cwd);
  for (const { reading } of sources) {
    if (reading.counted === reading.accounts.length) continue;
    const message = `${reading.file}: ${counted(reading.counted, 'connector was', 'connectors were')} counted and ${reading.accounts.length} accounted for; nothing was written`;
    throw new VerbStop(EXIT.failed, {
      code: 'unaccounted',
      message,
      next: ['report this file: its form is not known'],
    });
  }
  const proposal = propose(
    sources.flatMap(({ reading }) => reading.flows),
    proposeOptions(target, args),
  );
  if (args.check === true) return check(target, sources, proposal);
  const merged = mergeInto(target.text, proposal, target.state);
  const parsed = parseInventory(merged.text, target.inventoryFile);
  if (!parsed.ok) {
    const message = `the inventory would not hold, so nothing was written:\n${formatProblems(parsed.problems)}`;
    throw new VerbStop(EXIT.failed, {
      code: 'inventory-invalid',
      message,
      next: ['correct the inventory where these lines were yours, then import again'],
    });
  }
  const isWritten = args['dry-run'] !== true;
  if (isWritten) await write(target, sources, proposal, merged, hostsOf(target.state, args));
  const isComplete = sources.every(({ reading }) =>
    reading.accounts.every(({ outcome }) => outcome.kind !== 'decision'),
  );
  const exitCode = isComplete ? EXIT.done : EXIT.partly;
  const next = [
    ...(isWritten ? [] : ['the same without --dry-run']),
    ...(isComplete ? [] : ['decide about what was not taken, change it at legacy or in the list, and import again']),
    ...(parsed.value.connections.length === 0
      ? []
      : [`cutover plan --stack ${target.stack}`, `cutover rehearse --inventory ${target.inventoryFile}`]),
  ];
  return printed({ target, sources, proposal, exitCode, wrote: isWritten, changes: merged, nextSteps: next });
}

async function write(
  { inventoryFile, stateFile, text, isNew }: Target,
  sources: readonly Source[],
  proposal: Proposal,
  merged: Merged,
  hosts: ImportState['hosts'],
): Promise<void> {
  await mkdir(dirname(inventoryFile), { recursive: true });
  if (isNew || merged.text !== text) await replaceFile(inventoryFile, merged.text);
  const state = stateOf(
    proposal,
    sources.map(({ reading, sha256 }) => ({ file: reading.file, sha256 })),
    hosts,
  );
  await replaceFile(stateFile, `${JSON.stringify(state, null, 1)}\n`);
}

/** Only compares: what is imported now against what was imported last. */
function check(target: Target, sources: readonly Source[], proposal: Proposal): Printed {
  if (Object.keys(target.state.connections).length === 0) {
    throw usage(`nothing was imported into ${target.inventoryFile} yet`, 'cutover import --file … without --check');
  }
  const { added, gone, changed } = driftOf(target.state, proposal);
  const hasDrifted = added.length + gone.length + changed.length > 0;
  const changes = { added, updated: changed, kept: [], gone, removed: [], unwritable: [] };
  const nextSteps = hasDrifted ? ['cutover import with the same files, without --check'] : [];
  return printed({
    target,
    sources,
    proposal,
    exitCode: hasDrifted ? EXIT.refused : EXIT.done,
    wrote: false,
    changes,
    nextSteps,
  });
}

type Outcome = {
  readonly target: Target;
  readonly sources: readonly Source[];
  readonly proposal: Proposal;
  readonly exitCode: ExitCode;
  readonly wrote: boolean;
  readonly changes: Omit<Merged, 'text'>;
  readonly nextSteps: readonly string[];
};

function printed({ target, sources, proposal, exitCode, wrote, changes, nextSteps }: Outcome): Printed {
  const document: ImportDocument = {
    ok: exitCode === EXIT.done,
    exitCode,
    inventory: target.inventoryFile,
    wrote,
    sources: sources.map(({ reading }) => ({
      file: reading.file,
      kind: reading.kind,
      counted: reading.counted,
      accounted: reading.accounts.length,
      notLookedAt: [...reading.notLookedAt],
    })),
    accounts: sources.flatMap(({ reading }) => reading.accounts.map(accountLine)),
    questions: [...sources.flatMap(({ reading }) => reading.questions), ...proposal.questions],
    changes: {
      added: [...changes.added],
      updated: changes.updated.map(({ name, path, was, is }) => ({ name, path, was, is })),
      kept: [...changes.kept],
      gone: [...changes.gone],
      removed: [...changes.removed],
      unwritable: changes.unwritable.map(({ name, path, was, is }) => ({ name, path, was, is })),
    },
    nextSteps: [...nextSteps],
  };
  return { document, text: formatImport(document), exitCode };
}

function accountLine({ outcome, facts, ...account }: Account): ImportDocument['accounts'][number] {
  return {
    ...account,
    outcome: outcome.kind,
    as: outcome.kind === 'taken' ? outcome.as : null,
    reason: outcome.kind === 'taken' ? null : outcome.reason,
    remedy: outcome.kind === 'decision' ? outcome.remedy : null,
    facts: { ...facts },
  };
}
