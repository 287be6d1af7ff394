/**
 * The ledger side of one run: what is recorded under one run id, and the epochs of the gateways' own histories that
 * the ledger does not have yet, whoever made them.
 */
import { join } from 'node:path';
import { readSignedDocument } from '../../adapters/approval-files.ts';
import { storeCheckpoint } from '../../adapters/checkpoint-files.ts';
import { Ledger, LedgerUnavailable } from '../../adapters/ledger.ts';
import { type EpochRecord, epochRecordSchema } from '../../core/admin-api.ts';
import { readApprovalDocument } from '../../core/approval-document.ts';
import type { RecordedDocument } from '../../core/audit/recorded-documents.ts';
import type { Json } from '../../core/canonical-json.ts';
import { completeUpTo } from '../../core/epoch-history.ts';
import type { LedgerDraft, LedgerKind } from '../../core/ledger-entry.ts';
import type { Availability } from '../../core/plan.ts';
import { type Context, gatewayOf } from './context.ts';
import type { Args } from './flags.ts';

/** Path of the private key, or of the public half of one that an agent holds. */
const CHECKPOINT_KEY_VARIABLE = 'CUTOVER_CHECKPOINT_KEY';

export type EpochNeed = { readonly name: string; readonly shard: number; readonly epoch: number };

export class LedgerSession {
  readonly availability: Availability;
  readonly #ledger: Ledger | null;
  readonly #context: Context;
  readonly #args: Args;
  /** Of the newest checkpoint of this run. */
  #isAhead = false;
  #known: Epochs = new Map();

  private constructor(context: Context, args: Args, ledger: Ledger | null, availability: Availability) {
    this.#context = context;
    this.#args = args;
    this.#ledger = ledger;
    this.availability = availability;
  }

  /** Never throws: what is wrong is the session's `availability`. */
  static async open(context: Context, args: Args): Promise<LedgerSession> {
    const url = context.env.DATABASE_URL;
    if (!url) return new LedgerSession(context, args, null, { kind: 'not-configured' });
    try {
      const ledger = await Ledger.open({ url, deployment: context.inventory.deployment });
      const session = new LedgerSession(context, args, ledger, { kind: 'read' });
      session.#known = underPresentNames(await ledger.epochs(), context.inventory);
      return session;
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error;
      return new LedgerSession(context, args, null, { kind: 'unavailable', message: error.message });
    }
  }

  /** Up to which epoch the ledger has them all; 0: none. */
  newestEpoch(name: string): number | 'unknown' {
    if (this.#ledger === null) return 'unknown';
    return completeUpTo(this.#known.get(name) ?? new Map());
  }

  has(name: string, epoch: number): boolean | null {
    return this.#ledger === null ? null : (this.#known.get(name)?.has(epoch) ?? false);
  }

  /** Throws LedgerUnavailable. */
  async record(kind: LedgerKind, body: Json): Promise<void> {
    await this.#ledger?.append([this.#draft(kind, body)]);
    this.#isAhead = this.#ledger !== null;
  }

  /** Every entry as it is stored. */
  async lines(): Promise<readonly string[]> {
    return this.#ledger?.lines() ?? [];
  }

  /**
   * Signs what the ledger has now, where a key for it is configured; the files that were written. Whatever fails here is
   * said and takes nothing from the run: the next one's checkpoint attests these entries too.
   */
  async checkpoint(): Promise<readonly string[]> {
    const { env, terminal, project, stack, inventory, clock } = this.#context;
    const keyFile = env[CHECKPOINT_KEY_VARIABLE] ?? '';
    if (this.#ledger === null || project === null || !this.#isAhead || keyFile === '') return [];
    this.#isAhead = false;
    try {
      const head = await this.#ledger.head();
      const { deployment, target } = inventory;
      const epochs = await this.#ledger.newestEpochs();
      const checkpoint = {
        kind: 'ledger-checkpoint',
        deployment,
        stack,
        target,
        at: clock.now(),
        length: head.seq,
        head: head.digest,
        epochs,
      } as const;
      const stored = await storeCheckpoint(join(project.folder, 'stacks', stack, 'checkpoints'), checkpoint, {
        keyFile,
        env,
      });
      if (stored.ok) return stored.files;
      terminal.warn(`no checkpoint of the ledger was signed: ${stored.message}`);
    } catch (error) {
      if (!(error instanceof LedgerUnavailable)) throw error;
      terminal.warn(`no checkpoint of the ledger was signed: ${error.message}`);
    }
    return [];
  }

  /**
   * Brings in the epochs that are missing; says which connections could not be asked. `read`: newest records that the
   * gateways have told already. Throws LedgerUnavailable.
   */
  async recordEpochs(needs: readonly EpochNeed[], read: ReadonlyMap<string, EpochRecord>): Promise<readonly string[]> {
    if (this.#ledger === null) return [];
    const missing = needs.filter(({ name, epoch }) => this.newestEpoch(name) !== epoch);
    const histories = await Promise.all(missing.map((need) => this.#historyOf(need, read.get(need.name))));
    const drafts: LedgerDraft[] = [];
    for (const { name, result } of histories) {
      if (!result.ok) continue;
      const fresh = result.value.filter((record) => this.has(name, record.epoch) === false);
      drafts.push(...fresh.map((record) => this.#draft('epoch', { ...record })));
    }
    await this.#ledger.append([...(await this.#documentsOf(drafts)), ...drafts]);
    this.#isAhead ||= drafts.length > 0;
    if (drafts.length > 0) this.#known = underPresentNames(await this.#ledger.epochs(), this.#context.inventory);
    return histories.flatMap(({ name, result }) => (result.ok ? [] : [name]));
  }

  /** What these epochs rest on, as far as it is on file here and not recorded yet: files can go, the ledger stays. */
  async #documentsOf(epochs: readonly LedgerDraft[]): Promise<LedgerDraft[]> {
    const { project, stack } = this.#context;
    const named = new Set(epochs.flatMap(({ body }) => epochRecordSchema.parse(body).approval ?? []));
    if (this.#ledger === null || project === null || named.size === 0) return [];
    const known = await this.#ledger.documents([...named]);
    const folder = join(project.folder, 'stacks', stack, 'approvals');
    const drafts: LedgerDraft[] = [];
    for (const digest of named) {
      const found = known.has(digest) ? null : await readSignedDocument(folder, digest);
      const read = readApprovalDocument(found?.text ?? '');
      if (found === null || !read.ok || read.digest !== digest) continue;
      const signatures = found.signatures.map(({ text }) => text);
      const body: RecordedDocument = { signedDocument: { digest, document: found.text, signatures } };
      drafts.push(this.#draft('decision', body));
    }
    return drafts;
  }

  /** Where only the newest epoch is missing and its record is at hand, nobody is asked. */
  async #historyOf({ name, shard, epoch }: EpochNeed, newest: EpochRecord | undefined) {
    const isLast = newest?.epoch === epoch && this.newestEpoch(name) === epoch - 1;
    if (isLast) return { name, result: { ok: true as const, value: [newest] } };
    return { name, result: await gatewayOf(this.#context, shard).epochs(name) };
  }

  async close(): Promise<void> {
    await this.checkpoint();
    await this.#ledger?.close();
  }

  #draft(kind: LedgerKind, body: Json): LedgerDraft {
    const { clock, operator, host, runId, verb, stack, inventory } = this.#context;
    return {
      deployment: inventory.deployment,
      kind,
      at: clock.now(),
      operator,
      host,
      run: runId,
      verb,
      stack,
      reason: this.#args.reason ?? null,
      changeId: this.#args['change-id'] ?? null,
      body,
    };
  }
}

type Epochs = ReadonlyMap<string, ReadonlyMap<number, string>>;

/** A renamed connection's earlier epochs stand in the ledger under the name that it had. */
function underPresentNames(epochs: Epochs, { connections }: Context['inventory']): Epochs {
  const known = new Map(epochs);
  for (const { name, previousNames } of connections) {
    if (previousNames.length === 0) continue;
    known.set(name, new Map([name, ...previousNames].flatMap((one) => [...(epochs.get(one) ?? [])])));
  }
  return known;
}
