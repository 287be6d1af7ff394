/** What a verb's JSON document says went wrong, in a few lines: by connection where it is about connections. */
import { moveDocumentSchema, statusDocumentSchema } from '../core/documents.ts';
import type { Finished } from './product.ts';

const SHOWN_LIMIT = 5;
const TAIL_SHOWN = 5;

export function complaintsOf({ stdout, tail }: Pick<Finished, 'stdout' | 'tail'>): string[] {
  const document = moveDocumentSchema.safeParse(documentIn(stdout));
  if (!document.success) return ['its stdout is not one document as published', ...tail.slice(-TAIL_SHOWN)];
  const { aborted, refused, failed, error } = document.data;
  const lines = [
    ...aborted.map(({ name, message }) => `${name} aborted: ${message}`),
    ...refused.map(({ name, message }) => `${name} refused: ${message}`),
    ...failed.map(({ name, message }) => `${name} failed: ${message}`),
    ...(error === undefined ? [] : [error.message]),
  ];
  return shortened(lines);
}

/** How many swaps the gateway gave up; 0 where something worse happened, which running it again would not mend. */
export function abortedIn({ stdout }: Pick<Finished, 'stdout'>): number {
  const document = moveDocumentSchema.safeParse(documentIn(stdout));
  if (!document.success || document.data.failed.length + document.data.refused.length > 0) return 0;
  return document.data.aborted.length;
}

/** What `status` shows of connections that are not as they should be. */
export function statusComplaintsOf({ stdout, tail }: Pick<Finished, 'stdout' | 'tail'>): string[] {
  const document = statusDocumentSchema.safeParse(documentIn(stdout));
  if (!document.success) return ['its stdout is not one document as published', ...tail.slice(-TAIL_SHOWN)];
  const { connections, nextSteps, error } = document.data;
  const lines = connections.flatMap(({ name, state, truth, rollbackReady }) => {
    const findings = [
      ...(truth.agree === true
        ? []
        : [`config, Pulumi, gateway and traffic ${truth.agree === false ? 'disagree' : 'are not all known'}`]),
      ...(state === 'steady' ? [] : [`state ${state ?? 'unknown'}`]),
      ...rollbackReady.reasons,
    ];
    return findings.length === 0 ? [] : [`${name}: ${findings.join('; ')}`];
  });
  return shortened([...lines, ...(error === undefined ? [] : [error.message]), ...nextSteps]);
}

function shortened(lines: readonly string[]): string[] {
  const rest = lines.length - SHOWN_LIMIT;
  return rest > 0 ? [...lines.slice(0, SHOWN_LIMIT), `and ${rest} more`] : [...lines];
}

export function documentIn(stdout: string): unknown {
  try {
    return JSON.parse(stdout);
  } catch {
    return null;
  }
}
