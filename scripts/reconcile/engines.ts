/** What waits inside the platforms themselves: as somebody has attested it, or as their engines say when they are asked. */
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { readEngineQueues } from '../../adapters/engine-queues.ts';
import { formatProblems, parseYaml } from '../../core/located-yaml.ts';
import { PLATFORMS } from '../../core/platform.ts';
import { attestationSchema } from '../../core/reconcile/attestation.ts';
import type { EngineCount } from '../../core/reconcile/document.ts';
import type { Context } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { EXIT, VerbStop } from '../runner/stop.ts';

export type Engines = {
  readonly engines: EngineCount[];
  /** An engine that was to be read and could not be: a reason to be red. */
  readonly unread: readonly string[];
  /** What nobody has said: a warning. */
  readonly silent: readonly string[];
};

/** Between reading a console and asking for the reconciliation. */
const ATTESTED_SLACK_MS = 3_600_000;

/** `untilMs`: what was read before then says nothing of the end of the window. */
export async function readEngines(
  { env, clock, terminal }: Context,
  { attest }: Args,
  untilMs: number,
): Promise<Engines> {
  const given = attest === undefined ? { engines: [], read: [] } : await readFileOf(attest);
  const engines: EngineCount[] = [...given.engines];
  const unread: string[] = [];
  for (const { platform, ...api } of given.read) {
    terminal.progress(`reconcile: asking ${platform} what waits in it`);
    const ca = api.ca === undefined ? {} : { ca: resolve(dirname(attest ?? ''), api.ca) };
    const found = await readEngineQueues({ ...api, ...ca, platform }, env);
    if (!found.ok) {
      unread.push(`what waits inside ${platform} could not be read: ${found.message}`);
      continue;
    }
    const { queued, errors, channels } = found.value;
    const source = `${api.url}, ${channels} channel${channels === 1 ? '' : 's'}`;
    engines.push({ platform, queued, errors, by: `read as ${api.user}`, at: clock.now(), source });
  }
  const named = [...engines, ...given.read].map(({ platform }) => platform);
  const silent = PLATFORMS.filter((platform) => !named.includes(platform));
  const warning = `nobody has said what waits inside ${silent.join(' and ')}: --attest FILE`;
  const endMs = Math.min(untilMs, Date.parse(clock.now()));
  const early = engines.filter(({ at }) => Date.parse(at) < endMs - ATTESTED_SLACK_MS);
  const warnings = early.map(
    ({ platform, at }) =>
      `${platform} was read at ${at}, before the end of the window: what waits there since, nobody has said`,
  );
  return { engines, unread, silent: silent.length === 0 ? warnings : [...warnings, warning] };
}

async function readFileOf(file: string) {
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new VerbStop(EXIT.usage, {
      code: 'attestation-unreadable',
      message: `${file}: it cannot be read (${error.code ?? 'unknown'})`,
      next: ['name a readable file with --attest F'],
    });
  });
  const parsed = parseYaml(text, file, attestationSchema);
  if (parsed.ok) return parsed.value;
  const message = formatProblems(parsed.problems);
  throw new VerbStop(EXIT.usage, { code: 'attestation-invalid', message, next: [`correct ${file}`] });
}
