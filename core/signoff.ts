/** What a reconciliation must say before Lab Operations can sign a connection off, and what they must accept by name. */
import { z } from 'zod';

/** The part of the reconciliation's evidence that a sign-off rests on. */
const reconciledSchema = z.object({
  connections: z.array(
    z.object({
      name: z.string(),
      practice: z.string().default(''),
      balanced: z.boolean(),
      evidenceGrade: z.enum(['A', 'B', 'C']),
    }),
  ),
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

/** `accept`: the classes that the person gives up knowingly. */
export function judgeReconciled(body: unknown, names: readonly string[], accept: readonly string[]): JudgedReconciled {
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
