/** Where a rehearsal ran, for its report: enough to judge its figures, nothing that names a person or a machine. */
import { availableParallelism, release, totalmem, type } from 'node:os';
import { type Options, withoutFeedByDefault } from './options.ts';
import type { Environment } from './result.ts';
import type { Stage } from './stage.ts';

const GIBIBYTE = 1024 ** 3;

export function environmentOf(stage: Stage | null, startedAt: Date): Environment {
  return {
    startedAt: startedAt.toISOString(),
    node: process.versions.node,
    pulumi: stage?.pulumiVersion ?? null,
    postgresql: stage === null ? null : stage.database.embedded ? 'embedded' : 'DATABASE_URL',
    system: `${type()} ${release()} ${process.arch}`,
    processors: availableParallelism(),
    memoryGiB: Math.round(totalmem() / GIBIBYTE),
  };
}

/** The command line that runs the same rehearsal again. */
export function commandOf(options: Options): string {
  const { connections, gateways, ratePerSecond, onSharedFeed, withoutFeed, seed, faults } = options;
  const { messagesFolder, inventoryFile } = options;
  const parts = ['cutover rehearse'];
  if (inventoryFile === null) parts.push(`--connections ${connections}`);
  else parts.push(`--inventory ${inventoryFile}`);
  parts.push(`--rate ${ratePerSecond}`);
  if (inventoryFile === null && gateways > 1) parts.push(`--gateways ${gateways}`);
  if (withoutFeed !== withoutFeedByDefault(connections, faults)) parts.push(`--without-feed ${withoutFeed}`);
  if (onSharedFeed > 0) parts.push(`--shared-feed ${onSharedFeed}`);
  parts.push(`--seed ${seed}`);
  if (messagesFolder !== null) parts.push(`--messages ${messagesFolder}`);
  if (options.proof) parts.push('--proof');
  if (faults.length > 0) parts.push(`--fault ${faults.join(',')}`);
  return parts.join(' ');
}
