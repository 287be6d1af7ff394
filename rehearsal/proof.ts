/**
 * What the product itself proves of a rehearsal, from what its worker has found: `compare` during the parallel run, and
 * `reconcile` at the end. Both are asked again until the worker has caught up, or for as long as it may take.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type CompareDocument, compareDocumentSchema } from '../core/compare-document.ts';
import { type ReconcileDocument, reconcileDocumentSchema } from '../core/reconcile/document.ts';
import type { Finished } from './product.ts';
import type { Compared, Reconciled } from './result.ts';
import { documentIn } from './verb-complaints.ts';

const ASK_AGAIN_MS = 2_000;
/** A pair for each message between two steps is there by then; the worker may be behind on a busy machine. */
const LIMIT_MS = 120_000;
/** A rehearsal's parallel run is short. */
const LEAST_PAIRS = 3;
const NAMED = 5;

export type Asking = {
  readonly ask: (step: string, argv: readonly string[]) => Promise<Finished>;
  readonly signal: AbortSignal;
};

/** `isDone`: what ends the asking before its limit. */
export async function compareUntil(
  asking: Asking,
  names: readonly string[],
  isDone: (compared: Compared) => boolean,
): Promise<Compared> {
  const argv = ['compare', '--connection', names.join(','), '--json', '--min-pairs', String(LEAST_PAIRS)];
  return until(asking, ['compare', argv], (text) => toCompared(compareDocumentSchema.parse(text)), isDone);
}

export async function reconcileUntil(asking: Asking, isDone: (reconciled: Reconciled) => boolean): Promise<Reconciled> {
  const argv = ['reconcile', '--all', '--json'];
  return until(asking, ['reconcile', argv], (text) => toReconciled(reconcileDocumentSchema.parse(text)), isDone);
}

async function until<T>(
  { ask, signal }: Asking,
  [step, argv]: readonly [string, readonly string[]],
  read: (document: unknown) => T,
  isDone: (value: T) => boolean,
): Promise<T> {
  const endsAt = performance.now() + LIMIT_MS;
  for (;;) {
    const finished = await ask(step, argv);
    signal.throwIfAborted();
    const document = documentIn(finished.stdout);
    if (isFailure(document))
      throw new Error(`cutover ${step} ended with exit ${finished.exitCode}: ${document.error.message}`);
    const value = read(document);
    if (isDone(value) || performance.now() > endsAt) return value;
    await sleep(ASK_AGAIN_MS, undefined, { signal });
  }
}

function isFailure(document: unknown): document is { readonly error: { readonly message: string } } {
  if (typeof document !== 'object' || document === null || !('error' in document)) return false;
  const { error } = document;
  return typeof error === 'object' && error !== null && 'message' in error;
}

function toCompared({ verdict, worker, connections, shapes }: CompareDocument): Compared {
  const red = connections.filter((one) => one.verdict === 'red');
  const sum = (read: (one: (typeof connections)[number]) => number): number =>
    connections.reduce((all, one) => all + read(one), 0);
  return {
    verdict,
    workerReady: worker.verdict === 'green',
    connections: connections.length,
    red: red.length,
    pairs: sum(({ pairs }) => pairs),
    matched: sum(({ matched }) => matched),
    differing: sum(({ differing }) => differing),
    missing: sum(({ missingCandidate }) => missingCandidate),
    extra: sum(({ extraCandidate }) => extraCandidate),
    paths: shapes
      .filter(({ rule }) => rule === undefined)
      .slice(0, NAMED)
      .map(({ path, kind, count }) => ({ path, kind, count })),
    named: red.slice(0, NAMED).map(({ name, reasons }) => ({ name, reasons })),
  };
}

function toReconciled({ verdict, reasons, connections }: ReconcileDocument): Reconciled {
  const red = connections.filter((one) => one.verdict === 'red');
  const sum = (read: (one: (typeof connections)[number]) => number): number =>
    connections.reduce((all, one) => all + read(one), 0);
  return {
    verdict,
    connections: connections.length,
    red: red.length,
    owed: sum(({ owed }) => owed),
    delivered: sum(({ delivered }) => delivered),
    filtered: sum(({ filtered }) => filtered),
    unexplained: sum(({ unexplained }) => unexplained),
    pending: sum(({ pending }) => pending),
    missing: sum(({ counts }) => counts.missing),
    duplicated: sum(({ counts }) => counts.duplicated),
    reasons,
    named: red.slice(0, NAMED).map(({ name, reasons: why }) => ({ name, reasons: why })),
  };
}
