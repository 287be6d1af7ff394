/** `attest`: freezes what only a person can say, under a name: that on-call got an alert, that a platform is stopped. */
import { join } from 'node:path';
import { storeEvidence } from '../../adapters/evidence-files.ts';
import type { ActionDocument } from '../../core/documents.ts';
import type { Connection } from '../../core/inventory.ts';
import { otherPlatform, PLATFORMS, type Platform } from '../../core/platform.ts';
import { type Context, gatewayOf } from '../runner/context.ts';
import { formatAction } from '../runner/each-connection.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { nameList } from '../runner/name-list.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import type { TaskVerb } from '../runner/verb.ts';

/** Of any connection. */
const OF_ALL = ['alert-receipt', 'connectivity'] as const;
/**
 * Of those with origin: platform, which nothing compares and nothing drains. `outputs`: both platforms' outputs were compared;
 * `stop-and-start`: that was rehearsed; `stopped`: what polls is stopped now, which the gateway is told as well.
 */
const OF_PLATFORM_ORIGIN = ['outputs', 'stop-and-start', 'stopped'] as const;
const KINDS = [...OF_ALL, ...OF_PLATFORM_ORIGIN];
const EXAMPLE =
  'cutover attest --what alert-receipt --by "Dana Ruiz, on-call" --reason "page 4711 acknowledged 21:04" --all';
const STOPPED =
  'cutover attest --what stopped --platform legacy --by NAME --reason "poller off 22:10, queue empty" --connection archive-results';

export const attest: TaskVerb = {
  kind: 'task',
  summary: 'freeze what only a person can say, as evidence for the gate, or before a switch without a feed',
  examples: [
    EXAMPLE,
    'cutover attest --what connectivity --by NAME --reason "EMR saw the test order" --connection northside-orders',
    STOPPED,
  ],
  flags: [...SELECTION_FLAGS, 'what', 'platform', 'by', 'reason', 'json'],
  selectsAll: false,
  check: ({ what, platform, by, reason }) => {
    if (!KINDS.some((kind) => kind === what)) throw usage(`--what is one of ${KINDS.join(', ')}`, EXAMPLE);
    if (by === undefined || reason === undefined)
      throw usage('who says so, and what happened: --by NAME --reason TEXT', EXAMPLE);
    if ((what === 'stopped') !== (platformOf(platform) !== null))
      throw usage('--what stopped says which platform is: --platform legacy or new (and nothing else does)', STOPPED);
  },
  perform: async (context, args) => {
    const what = KINDS.find((one) => one === args.what) ?? 'connectivity';
    const platform = platformOf(args.platform);
    if (!OF_ALL.some((one) => one === what)) refuseFed(context.selected, what);
    const evidence = await freeze(context, args, what, platform);
    const done: ActionDocument['done'] = [];
    const failed: ActionDocument['failed'] = [];
    for (const { name, shard } of context.selected) {
      const told = platform === null ? null : await tell(context, { name, shard }, platform, args.by ?? '', evidence);
      if (told === null) done.push({ name, message: `${what} attested by ${args.by}: ${evidence}` });
      else failed.push({ name, ...told });
    }
    const exitCode = failed.length === 0 ? EXIT.done : done.length > 0 ? EXIT.partly : EXIT.failed;
    const nextSteps = [...failed.flatMap(({ next }) => next), ...nextOf(platform, failed.length > 0)];
    const document: ActionDocument = {
      verb: 'attest',
      ok: failed.length === 0,
      exitCode,
      done,
      failed,
      nextSteps: [...new Set(nextSteps)],
    };
    return { document, text: formatAction(document), exitCode };
  },
};

function platformOf(text: string | undefined): Platform | null {
  return PLATFORMS.find((one) => one === text) ?? null;
}

/** What has a feed is compared, drained and switched under traffic: no word of a person stands for that. */
function refuseFed(selected: readonly Connection[], what: string): void {
  const fed = selected.filter(({ origin }) => origin === 'feed').map(({ name }) => name);
  if (fed.length === 0) return;
  const message = `'${what}' is attested of connections with origin: platform only; these have a feed: ${nameList(fed)}`;
  throw new VerbStop(EXIT.refused, { code: 'has-feed', message, next: ['name the others with --connection'] });
}

async function freeze(context: Context, args: Args, what: string, platform: Platform | null): Promise<string> {
  const body = { by: args.by ?? '', reason: args.reason ?? '', recordedBy: context.operator };
  const { digest } = await storeEvidence(join(stackFolderOf(context), 'evidence'), {
    kind: OF_ALL.find((one) => one === what) ?? 'attestation',
    deployment: context.inventory.deployment,
    stack: context.stack,
    at: context.clock.now(),
    connections: context.selected.map(({ name }) => name),
    body: OF_ALL.some((one) => one === what) ? body : { ...body, what, ...(platform === null ? {} : { platform }) },
  });
  return digest;
}

type Failure = Omit<ActionDocument['failed'][number], 'name'>;

/** The gateway is what a switch asks: it knows at once when the platform sends all the same. Null: it is told. */
async function tell(
  context: Context,
  { name, shard }: Pick<Connection, 'name' | 'shard'>,
  platform: Platform,
  by: string,
  evidence: string,
): Promise<Failure | null> {
  const told = await gatewayOf(context, shard).attestStopped(name, { platform, by, evidence });
  if (told.ok) return null;
  const { code, message, next } = told.error;
  return { code, message, next };
}

function nextOf(platform: Platform | null, hasFailed: boolean): readonly string[] {
  if (hasFailed) return [];
  if (platform === null) return ['cutover gate'];
  const move = platform === 'legacy' ? 'cutover switch' : 'cutover rollback';
  return [`${move} (where ${platform} owns it), and only then start what polls in ${otherPlatform(platform)}`];
}
