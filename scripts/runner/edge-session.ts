/**
 * The edge stack of one run: the listeners of some feeds are updated from a copy of its file, then read back from the
 * cloud. What counts afterwards is what was read back, never what was written.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { createPulumi, type Pulumi } from '../../adapters/pulumi.ts';
import type { StateResource } from '../../adapters/pulumi-output.ts';
import { edgeStackOf } from '../../core/edge/edge-config.ts';
import { type PathEntry, pathOf, TARGETS, type Target } from '../../core/edge/path.ts';
import { PROJECT } from '../../core/stack-config.ts';
import type { Context } from './context.ts';
import { describeFailure, type Opened, openPulumi } from './pulumi-session.ts';
import { updatePastLock } from './stack-lock.ts';

const ROUTE_TYPE = 'cutover:edge:ConnectionRoute';
const LISTENER_TYPE = 'aws:lb/listener:Listener';
const GROUP_TYPE = 'aws:lb/targetGroup:TargetGroup';
const UPDATES_AT_A_TIME = 32;

const listenerOutputs = z.object({
  defaultActions: z.array(
    z.object({
      forward: z.object({ targetGroups: z.array(z.object({ arn: z.string(), weight: z.number().optional() })) }),
    }),
  ),
});
const groupOutputs = z.object({ arn: z.string() });

/** What a listener forwards to; null: none of the three paths, and `seen` says what. */
export type ReadPath = { readonly path: PathEntry | null; readonly seen: string };

export class EdgeSession {
  readonly stack: string;
  readonly #pulumi: Pulumi;
  readonly #context: Context;

  private constructor(pulumi: Pulumi, context: Context) {
    this.#pulumi = pulumi;
    this.#context = context;
    this.stack = edgeStackOf(context.stack);
  }

  static async open(context: Context): Promise<Opened<EdgeSession>> {
    const opened = await openPulumi(context);
    return opened.ok ? { ok: true, value: new EdgeSession(createPulumi(opened.value.options), context) } : opened;
  }

  /** `text`: the stack's file as it would be. */
  async up(text: string, feeds: readonly string[], message: string, takeOver: boolean): Promise<Opened<null>> {
    const folder = await mkdtemp(join(tmpdir(), 'cutover-edge-'));
    try {
      const configFile = join(folder, `Pulumi.${this.stack}.yaml`);
      await writeFile(configFile, text);
      const lock = { pulumi: this.#pulumi, stack: this.stack, takeOver };
      const result = await updatePastLock(this.#context, lock, () =>
        this.#pulumi.up({
          stack: this.stack,
          configFile,
          targets: this.#listeners(feeds),
          parallel: UPDATES_AT_A_TIME,
          continueOnError: true,
          message,
          signal: this.#context.interruption,
        }),
      );
      return result.ok ? { ok: true, value: null } : { ok: false, message: describeFailure(result) };
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** From the cloud, through a refresh of these listeners. */
  async readBack(feeds: readonly string[]): Promise<Opened<ReadonlyMap<string, ReadPath>>> {
    const targets = this.#listeners(feeds);
    const refreshed = await this.#pulumi.refresh({ stack: this.stack, targets, message: 'read back' });
    if (!refreshed.ok) return { ok: false, message: describeFailure(refreshed) };
    const state = await this.#pulumi.exportState(this.stack);
    if (!state.ok) return { ok: false, message: describeFailure(state) };
    const { resources } = state.value;
    return { ok: true, value: new Map(feeds.map((feed) => [feed, readPath(resources, feed)] as const)) };
  }

  #listeners(feeds: readonly string[]): string[] {
    return feeds.map((feed) => `urn:pulumi:${this.stack}::${PROJECT}::${ROUTE_TYPE}$${LISTENER_TYPE}::${feed}`);
  }
}

function readPath(resources: readonly StateResource[], feed: string): ReadPath {
  const named = (type: string, name: string): StateResource | undefined =>
    resources.find((one) => one.type === type && one.urn.endsWith(`::${name}`));
  const listener = listenerOutputs.safeParse(named(LISTENER_TYPE, feed)?.outputs);
  if (!listener.success) return { path: null, seen: 'no listener that forwards to target groups' };
  const forwarded = listener.data.defaultActions.flatMap(({ forward }) => forward.targetGroups);
  const weights: Partial<Record<Target, number>> = {};
  for (const target of TARGETS) {
    const group = groupOutputs.safeParse(named(GROUP_TYPE, `${feed}/${target}`)?.outputs);
    const found = forwarded.find(({ arn }) => group.success && arn === group.data.arn);
    if (found?.weight !== undefined) weights[target] = found.weight;
  }
  const seen = TARGETS.map((target) => `${target} ${weights[target] ?? 'missing'}`).join(', ');
  return { path: pathOf(weights), seen };
}
