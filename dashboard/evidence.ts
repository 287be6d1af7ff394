/** The newest gate and reconciliation under the stack's evidence. Files named by their content never change: each is read once. */
import { readdir } from 'node:fs/promises';
import { z } from 'zod';
import { loadEvidence } from '../adapters/evidence-files.ts';
import { frozenGateSchema } from '../core/gate/gate-document.ts';
import { reconciledSchema } from '../core/reconcile/document.ts';
import type { Equation, GateLine } from '../core/war-room/feed.ts';

const reconciliationSchema = z.object({
  connections: z.array(
    reconciledSchema.pick({
      name: true,
      owed: true,
      delivered: true,
      destinationRejected: true,
      filtered: true,
      unexplained: true,
      decisions: true,
      pending: true,
      evidenceGrade: true,
      verdict: true,
    }),
  ),
});

type Frozen<T> = { readonly at: string; readonly digest: string; readonly body: T };
type FrozenGate = Frozen<z.output<typeof frozenGateSchema>>;

export class EvidenceReader {
  readonly #folder: string;
  readonly #known = new Set<string>();
  #gate: FrozenGate | null = null;
  /** Of each connection the newest that speaks of it. */
  readonly #equations = new Map<string, Equation>();

  constructor(folder: string) {
    this.#folder = folder;
  }

  async look(): Promise<void> {
    const names = await readdir(this.#folder).catch(() => []);
    for (const name of names) {
      if (!/^[0-9a-f]{64}\.json$/.test(name) || this.#known.has(name)) continue;
      const digest = `sha256:${name.slice(0, 64)}`;
      const read = await loadEvidence(this.#folder, digest);
      // A damaged one may be mended.
      if (!read.ok) continue;
      this.#known.add(name);
      const { kind, at, body } = read.value;
      if (kind === 'gate') this.#takeGate(at, digest, body);
      if (kind === 'reconciliation') this.#takeReconciliation(at, body);
    }
  }

  /** Null: none is on file. Past its time it is no longer green. */
  gate(nowMs: number): GateLine | null {
    if (this.#gate === null) return null;
    const { digest, body } = this.#gate;
    const isOver = nowMs >= Date.parse(body.expiresAt);
    const verdict = isOver ? `expired at ${body.expiresAt} (was ${body.verdict})` : body.verdict;
    return { at: body.at, verdict, digest, criteria: body.criteria };
  }

  equationOf(connection: string): Equation | null {
    return this.#equations.get(connection) ?? null;
  }

  #takeGate(at: string, digest: string, body: unknown): void {
    const { data } = frozenGateSchema.safeParse(body);
    if (data !== undefined && (this.#gate === null || this.#gate.at < at)) this.#gate = { at, digest, body: data };
  }

  #takeReconciliation(at: string, body: unknown): void {
    for (const { name, ...counts } of reconciliationSchema.safeParse(body).data?.connections ?? []) {
      const known = this.#equations.get(name);
      if (known === undefined || known.at < at) this.#equations.set(name, { at, ...counts });
    }
  }
}
