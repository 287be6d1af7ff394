/**
 * Checkpoints of the ledger by the elected worker, beside those that verbs sign: what was recorded by somebody whose machine
 * has no key for it is attested within a minute all the same. It only ever adds files.
 */
import { readdir } from 'node:fs/promises';
import type { Logger } from 'pino';
import { storeCheckpoint } from '../adapters/checkpoint-files.ts';
import { Ledger, LedgerUnavailable } from '../adapters/ledger.ts';

export type CheckpointOptions = {
  readonly databaseUrl: string;
  readonly deployment: string;
  readonly stack: string;
  readonly target: 'local' | 'production';
  readonly folder: string;
  /** A private key; or a public one whose private half an agent holds. */
  readonly keyFile: string;
  readonly env: NodeJS.ProcessEnv;
  readonly logger: Logger;
  readonly now: () => number;
};

/** Signs what the ledger has now, unless that is signed already. What fails is said; the next call tries again. */
export async function checkpointLedger(options: CheckpointOptions): Promise<'signed' | 'nothing-new' | 'failed'> {
  const { databaseUrl, deployment, logger } = options;
  try {
    const ledger = await Ledger.open({ url: databaseUrl, deployment });
    try {
      return await signHead(ledger, options);
    } finally {
      await ledger.close();
    }
  } catch (error) {
    if (!(error instanceof LedgerUnavailable)) throw error;
    logger.warn({ event: 'checkpoint-failed' }, `no checkpoint of the ledger was signed: ${error.message}`);
    return 'failed';
  }
}

async function signHead(
  ledger: Ledger,
  { deployment, stack, target, folder, keyFile, env, logger, now }: CheckpointOptions,
): Promise<'signed' | 'nothing-new' | 'failed'> {
  const head = await ledger.head();
  if (head.seq === 0) return 'nothing-new';
  const own = `-${head.digest.replace('sha256:', '').slice(0, 12)}.json.sig`;
  const names = await readdir(folder).catch((): string[] => []);
  if (names.some((name) => name.endsWith(own))) return 'nothing-new';
  const at = new Date(now()).toISOString();
  const epochs = await ledger.newestEpochs();
  const checkpoint = {
    kind: 'ledger-checkpoint',
    deployment,
    stack,
    target,
    at,
    length: head.seq,
    head: head.digest,
    epochs,
  } as const;
  const stored = await storeCheckpoint(folder, checkpoint, { keyFile, env });
  if (stored.ok) return 'signed';
  logger.warn({ event: 'checkpoint-failed' }, `no checkpoint of the ledger was signed: ${stored.message}`);
  return 'failed';
}
