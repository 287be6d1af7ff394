/** `status`: what every connection is, and whether config, Pulumi, gateway and the last message say the same. */

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { counted } from '../../core/count-words.ts';
import type { ConnectionLine, StatusDocument } from '../../core/documents.ts';
import { parseHandover } from '../../core/gate/handover.ts';
import { switchOf } from '../../core/night/night-file.ts';
import { adviceOn, type Stop, stopsOf } from '../../core/night/stop-rules.ts';
import { morningLines, onWatch, type Watched } from '../../core/night/watch.ts';
import type { ConnectionSnapshot, Snapshot } from '../../core/plan.ts';
import { controlOf } from '../../core/platform.ts';
import { strangerIn } from '../../core/platform-origin.ts';
import { judgeTruth, routeOf } from '../../core/truth.ts';
import { waiversOf } from '../gate/ask.ts';
import type { Context } from '../runner/context.ts';
import { readPaths } from '../runner/edge-paths.ts';
import { type Args, SELECTION_FLAGS } from '../runner/flags.ts';
import { readNight } from '../runner/night.ts';
import { hasBeenInterrupted } from '../runner/pause.ts';
import { formatNight } from '../runner/print-night.ts';
import { formatStatus, formatStatusScreen } from '../runner/print-status.ts';
import { type Opened, PulumiSession } from '../runner/pulumi-session.ts';
import { flagsFor } from '../runner/selection.ts';
import { assembleSnapshot, readRoutes, readStatuses } from '../runner/snapshot.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT, usage } from '../runner/stop.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

const WATCH_EVERY_MS = 2_000;
const SKIPPED = { kind: 'skipped' } as const;

export const status: TaskVerb = {
  kind: 'task',
  summary: 'what every connection is, and whether everything agrees',
  examples: [
    'cutover status',
    'cutover status --watch',
    'cutover status --wave pilot --json',
    'cutover status --wave pilot --morning',
  ],
  flags: [...SELECTION_FLAGS, 'inventory', 'watch', 'morning', 'json'],
  selectsAll: true,
  check: ({ watch, json }) => {
    if (watch === true && json === true)
      throw usage('--watch and --json exclude each other: --json prints one document', 'cutover status --json');
  },
  perform,
};

async function perform(context: Context, args: Args): Promise<Printed> {
  const opened = await PulumiSession.open(context);
  if (!opened.ok && context.project !== null)
    context.terminal.warn(`the Pulumi state could not be read: ${opened.message}`);
  const look = (): Promise<Looked> => lookOnce(context, opened, args.morning === true);
  return args.watch === true ? watch(context, look) : (await look()).printed;
}

type Looked = { readonly document: StatusDocument; readonly printed: Printed };

async function lookOnce(context: Context, opened: Opened<PulumiSession>, isMorning: boolean): Promise<Looked> {
  const otherwise = opened.ok ? SKIPPED : ({ kind: 'unavailable', message: opened.message } as const);
  const [statuses, state] = await Promise.all([
    readStatuses(context),
    readRoutes(opened.ok ? opened.value : null, otherwise),
  ]);
  if (opened.ok && state.pulumi.kind === 'unavailable')
    context.terminal.warn(`the Pulumi state could not be read: ${state.pulumi.message}`);
  const snapshot = assembleSnapshot(context, statuses, { ...state, ledger: null });
  const plain = await withPaths(context, statusDocument(context, snapshot, await standingWaivers(context)));
  const document = await withNight(context, snapshot, plain, isMorning);
  return {
    document,
    printed: {
      document,
      text: `${formatStatus(document)}${formatNight(document)}`,
      exitCode: exitCodeOf(snapshot, document),
    },
  };
}

/** On a terminal in place, as much as fits; else the whole table whenever it has changed. Ends with the last look. */
async function watch({ terminal, interruption, clock }: Context, look: () => Promise<Looked>): Promise<Printed> {
  let last = '';
  for (;;) {
    const { document, printed } = await look();
    const { text } = printed;
    if (terminal.isInteractive) {
      const at = `${clock.now().slice(11, 19)} UTC`;
      terminal.frame((size) => formatStatusScreen(document, at, size));
    } else if (text !== last) await terminal.result(text);
    last = text;
    if (!(await hasBeenInterrupted(WATCH_EVERY_MS, interruption))) continue;
    terminal.endFrame();
    return { ...printed, text: '' };
  }
}

function statusDocument(context: Context, snapshot: Snapshot, waivers: StatusDocument['waivers']): StatusDocument {
  const connections = snapshot.connections.map(toLine);
  const ok = connections.length > 0 && connections.every(isGreen);
  return { ok, connections, waivers, nextSteps: nextStepsOf(context, snapshot, connections) };
}

async function withPaths(context: Context, document: StatusDocument): Promise<StatusDocument> {
  const paths = await readPaths(context);
  const connections = document.connections.map((line) => {
    const path = paths === null ? null : paths.get(line.name);
    return path === undefined ? line : { ...line, path };
  });
  return { ...document, connections };
}

/** What is on watch since a switch, what has to go back, and with --morning the sums. A stop is never ok. */
async function withNight(
  context: Context,
  { connections }: Snapshot,
  document: StatusDocument,
  isMorning: boolean,
): Promise<StatusDocument> {
  const night = await readNight(context);
  const watched = connections.flatMap(({ practice, direction, gateway }): Watched[] =>
    gateway.kind === 'read'
      ? [{ status: gateway.status, practice, direction, since: switchOf(night, gateway.status) }]
      : [],
  );
  const since = watched.filter((one) => one.since !== null);
  const found = since.flatMap(({ status, since: own }) => (own === null ? [] : stopsOf(status, own)));
  const { stops, sharedCause } = adviceOn(found, since.length);
  const open = onWatch(watched).map(({ practice, unproven, directions }) => ({
    practice,
    unproven: [...unproven],
    directions: [...directions],
  }));
  const roster = isMorning ? await rosterOf(context) : [];
  return {
    ...document,
    ok: document.ok && stops.length === 0,
    onWatch: open,
    stops: stops.map((one) => ({ ...one })),
    sharedCause,
    ...(isMorning ? { morning: { connections: morningLines(watched).map((one) => ({ ...one })), roster } } : {}),
    nextSteps: [...goBack(context, stops, sharedCause, since), ...document.nextSteps],
  };
}

function goBack(
  { selected, inventory }: Context,
  stops: readonly Stop[],
  sharedCause: string | null,
  since: readonly Watched[],
): string[] {
  if (stops.length === 0) return [];
  const names = new Set(sharedCause === null ? stops.map(({ name }) => name) : since.map(({ status }) => status.name));
  const waves = [...new Set(selected.filter(({ name }) => names.has(name)).map(({ wave }) => wave))].sort();
  const which = sharedCause === null ? flagsFor(inventory, [...names].sort()) : `--wave ${waves.join(',')}`;
  const reason = sharedCause ?? [...new Set(stops.map(({ rule }) => rule))].sort().join(', ');
  return [`cutover rollback ${which} --reason "${reason}"`];
}

/** Of the first morning, by handover.yaml. */
async function rosterOf(context: Context): Promise<NonNullable<StatusDocument['morning']>['roster']> {
  if (context.project === null) return [];
  const file = join(stackFolderOf(context), 'handover.yaml');
  const text = await readFile(file, 'utf8').catch(() => null);
  const read = text === null ? null : parseHandover(text, file);
  if (read?.ok !== true) return [];
  const waves = new Set(context.selected.map(({ wave }) => wave));
  return read.value.roster
    .filter(({ wave }) => waves.has(wave))
    .flatMap(({ wave, people }) => people.map((person) => ({ wave, ...person })));
}

/** Those that count; from an inventory alone there are none to see. */
async function standingWaivers(context: Context): Promise<StatusDocument['waivers']> {
  if (context.project === null) return [];
  const names = new Set(context.selected.map(({ name }) => name));
  const { valid } = await waiversOf(context, Date.parse(context.clock.now()));
  return valid
    .filter(({ connections }) => connections.some((name) => names.has(name)))
    .map(({ criterion, connections, by, reason, notAfter }) => ({ criterion, connections, by, reason, notAfter }));
}

function toLine(item: ConnectionSnapshot): ConnectionLine {
  const { name, practice, direction, wave, entry, pulumi, gateway } = item;
  const status = gateway.kind === 'read' ? gateway.status : null;
  const config = entry === null || entry === 'unknown' ? entry : routeOf(entry);
  return {
    name,
    practice,
    direction,
    wave,
    phase: status?.phase ?? null,
    control: status === null ? null : controlOf(status),
    epoch: status?.epoch ?? null,
    state: status?.state ?? null,
    newWeight: status?.newWeight ?? null,
    shadowLag: status?.shadowLag ?? null,
    rollbackReady: status?.rollbackReady ?? { ready: false, reasons: [gateway.kind === 'read' ? '' : gateway.message] },
    readiness: status?.readiness ?? null,
    stranger: status === null ? null : (strangerIn(status)?.reason ?? null),
    truth: judgeTruth({ config, pulumi, status }),
  };
}

/** Rollback readiness counts where there is something to roll back. */
function isGreen(line: ConnectionLine): boolean {
  const isReady = line.phase !== 'switched' || line.rollbackReady.ready;
  return line.truth.agree === true && line.state === 'steady' && isReady && (line.stranger ?? null) === null;
}

function nextStepsOf({ inventory }: Context, snapshot: Snapshot, lines: readonly ConnectionLine[]): string[] {
  const steps: string[] = [];
  if (lines.length === 0) steps.push('the inventory has no connections: add them under `connections`');
  const unread = snapshot.connections.find(({ gateway }) => gateway.kind !== 'read');
  if (unread?.gateway.kind === 'unavailable') steps.push(...unread.gateway.next);
  for (const { gateway } of snapshot.connections) {
    const stranger = gateway.kind === 'read' ? strangerIn(gateway.status) : null;
    if (stranger !== null) steps.push(stranger.next);
  }
  const apart = lines.filter(({ truth }) => truth.agree === false).map(({ name }) => name);
  if (apart.length > 0) steps.push(`cutover sync ${flagsFor(inventory, apart)}`);
  const unproven = lines.filter(({ truth }) => truth.observed === 'not-yet-proven').length;
  if (unproven > 0)
    steps.push(`wait for traffic: no message has proven the present epoch of ${counted(unproven, 'connection')}`);
  if (snapshot.pulumi.kind === 'unavailable') steps.push('bring the Pulumi backend back');
  const held = lines.filter(({ state }) => state === 'held').map(({ name }) => name);
  if (held.length > 0) steps.push(`cutover release ${flagsFor(inventory, held)}`);
  return [...new Set(steps)];
}

function exitCodeOf(snapshot: Snapshot, document: StatusDocument): Printed['exitCode'] {
  if (document.ok) return EXIT.done;
  const isUnread = snapshot.connections.some(({ gateway }) => gateway.kind !== 'read');
  return isUnread || snapshot.pulumi.kind === 'unavailable' ? EXIT.failed : EXIT.refused;
}
