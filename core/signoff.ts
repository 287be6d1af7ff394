/** What a reconciliation must say before Lab Operations can sign a connection off, and what they must accept by name. */
import { z } from 'zod';

/** The part of the reconciliation's evidence that a sign-off rests on. */
const reconciledSchema = z.object({
  connections: z.array(
    z.object({
      name: z.string(),
      practice: z.string().default(''),
      balanced: z.boolean(),
      verdict: z.enum(['green', 'red']),
      reasons: z.array(z.string()).default([]),
      evidenceGrade: z.enum(['A', 'B', 'C']),
    }),
  ),
  /** Why all of them are red: no worker, records that wait. */
  reasons: z.array(z.string()).default([]),
  window: z.object({ since: z.iso.datetime(), until: z.iso.datetime() }),
  /** Orders by practice and class; one that went through legacy and has no whole result, only legacy can answer. */
  orders: z
    .array(z.object({ practice: z.string(), class: z.string(), orderedThrough: z.string().nullable(), count: z.int() }))
    .default([]),
});
const UNANSWERED = ['open', 'partly-resulted'];

export type SignoffMembers = {
  /** The worst of the selected connections. */
  readonly evidenceGrade: 'A' | 'B' | 'C';
  readonly accepted: readonly { readonly class: string; readonly count: number }[];
};
export type JudgedReconciled =
  | { readonly ok: true; readonly value: SignoffMembers }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly next: readonly string[] };

/** `accept`: the classes that the person gives up knowingly. `switchedAt`: by name, when it came to its present route. */
export function judgeReconciled(
  body: unknown,
  names: readonly string[],
  accept: readonly string[],
  switchedAt: ReadonlyMap<string, string>,
): JudgedReconciled {
  const parsed = reconciledSchema.safeParse(body);
  if (!parsed.success) return refuse('no-reconciliation', 'the evidence is no reconciliation', 'cutover reconcile');
  const byName = new Map(parsed.data.connections.map((item) => [item.name, item]));
  const selected = names.flatMap((name) => byName.get(name) ?? []);
  const lacking = names.find((name) => !byName.has(name));
  if (lacking !== undefined)
    return refuse('not-reconciled', `the reconciliation says nothing of ${lacking}`, 'cutover reconcile');
  const unbalanced = selected.filter(({ balanced }) => !balanced).map(({ name }) => name);
  if (unbalanced.length > 0) {
    return refuse(
      'not-balanced',
      `not balanced in the reconciliation: ${unbalanced.join(', ')}`,
      'cutover reconcile',
      'cutover resolve',
    );
  }
  // Balanced is also what nothing was counted of: without a worker, or in a window without messages.
  const red = selected.find(({ verdict }) => verdict === 'red');
  if (red !== undefined) {
    const why = [...parsed.data.reasons, ...red.reasons].join('; ') || 'without a reason';
    return refuse('reconciliation-red', `${red.name}: its reconciliation is red: ${why}`, 'cutover reconcile');
  }
  const { since, until } = parsed.data.window;
  const outside = names.find((name) => {
    const atMs = Date.parse(switchedAt.get(name) ?? '');
    return !(Date.parse(since) <= atMs && atMs < Date.parse(until));
  });
  if (outside !== undefined) {
    const at = switchedAt.get(outside) ?? 'unknown';
    const message = `the reconciliation is of ${since} to ${until}; it has to begin before the switch of ${outside} (${at}) and end after it`;
    return refuse('reconciliation-window', message, 'cutover reconcile (without --since and --until)');
  }
  const counts = new Map<string, number>();
  const practices = new Set(selected.map(({ practice }) => practice));
  for (const item of parsed.data.orders) {
    const isLegacys = item.orderedThrough !== 'new' && UNANSWERED.includes(item.class);
    if (isLegacys && practices.has(item.practice)) counts.set(item.class, (counts.get(item.class) ?? 0) + item.count);
  }
  const open = [...counts].filter(([, count]) => count > 0);
  const unaccepted = open.filter(([name]) => !accept.includes(name));
  if (unaccepted.length > 0) {
    const what = unaccepted.map(([name, count]) => `${count} ${name}`).join(', ');
    const names = open.map(([name]) => name).join(',');
    return refuse(
      'only-legacy',
      `only legacy can still answer ${what}`,
      'wait until they are answered',
      `--accept ${names}`,
    );
  }
  const grades = selected.map(({ evidenceGrade }) => evidenceGrade).sort();
  const accepted = open.map(([name, count]) => ({ class: name, count }));
  return { ok: true, value: { evidenceGrade: grades.at(-1) ?? 'C', accepted } };
}

function refuse(code: string, message: string, ...next: string[]): JudgedReconciled {
  return { ok: false, code, message, next };
}
