/**
 * A real switch and the real way back, on named test connections: the same verbs as in the night, timed. From parallel it
 * ends in parallel, from switched in switched; whatever goes wrong on the way, legacy has control at the end.
 */

import type { z } from 'zod';
import type { ConnectionStatus } from '../../core/admin-api.ts';
import { type MoveDocument, moveDocumentSchema } from '../../core/documents.ts';
import type { Drilled, legSchema } from '../../core/drill-document.ts';
import { spreadOf } from '../../core/percentile.ts';
import { type Context, gatewayOf, type Surroundings } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { runMove } from '../runner/run-move.ts';
import { EXIT, VerbStop } from '../runner/stop.ts';
import type { MoveVerb } from '../runner/verb.ts';
import { rollback } from '../verbs/rollback.ts';
import { switchOver } from '../verbs/switch.ts';
import { StatusWatch } from './status-watch.ts';

type Leg = z.output<typeof legSchema>;
type Direction = Leg['verb'];
type Ran = { readonly leg: Leg; readonly document: MoveDocument };

const MOVES: Readonly<Record<Direction, MoveVerb>> = { switch: switchOver, rollback };
const TIMED_MOVES: ReadonlySet<string> = new Set(['gateway-moves', 'pulumi-up']);

export type Cycle = {
  readonly connections: readonly Drilled[];
  readonly legs: readonly Leg[];
  readonly warnings: readonly string[];
  readonly nextSteps: readonly string[];
};

/** `watchMs`: how long a message of each new epoch is waited for, so that the way back meets traffic. */
export async function drillCycle(context: Context, args: Args, watchMs: number): Promise<Cycle> {
  const before = await statusesOf(context);
  const order = orderFrom(before);
  const ran: Ran[] = [];
  const proven: ReadonlySet<string>[] = [];
  for (const verb of order) {
    const one = await runLeg(context, args, verb);
    ran.push(one);
    const isHome = ran.length === order.length;
    if (one.leg.exitCode !== EXIT.done) break;
    proven.push(isHome ? new Set() : await provenWithin(context, watchMs));
  }
  const [first, last] = [ran[0], ran.at(-1)];
  if (order[0] === 'switch' && first !== undefined && ran.length === 1 && first.leg.changed > 0) {
    // Some were switched and some not: those go back all the same.
    ran.push(await runLeg(context, args, 'rollback'));
  }
  const connections = context.selected.flatMap(({ name, feed, shard }): Drilled[] => {
    if (feed === null) return [];
    const status = before.get(name);
    const complaint = complaintAbout(name, ran, order.length);
    const ackTimeoutMs = context.inventory.feeds.find((one) => one.name === feed)?.ackTimeoutMs ?? null;
    const isProven = proven[0]?.has(name) === true;
    const back = ran.find(({ leg }) => leg.verb === 'rollback')?.document.changed.find((one) => one.name === name);
    const drilled: Drilled = {
      name,
      feed,
      shard,
      phase: status?.phase ?? null,
      epoch: status?.epoch ?? null,
      verdict: complaint !== null ? 'failed' : isProven ? 'passed' : 'idle',
      reason: complaint ?? (isProven ? null : `no message came within ${watchMs / 1000} s of the first move`),
      ackTimeoutMs,
      boundMs: Math.floor((ackTimeoutMs ?? 5_000) / 2),
      messagesSeen: isProven ? 1 : 0,
      inFlightAtHold: null,
      drainMs: null,
      pauseMs: back?.pauseMs ?? null,
    };
    return [drilled];
  });
  const documents = ran.map(({ document }) => document);
  const isHome = last?.leg.exitCode === EXIT.done && ran.length === order.length;
  return {
    connections,
    legs: ran.map(({ leg }) => leg),
    warnings: documents.flatMap(({ warnings }) => warnings),
    nextSteps: isHome ? [] : ['cutover status', ...documents.flatMap(({ nextSteps }) => nextSteps)],
  };
}

/** The way there and the way home; they must all begin at one place. */
function orderFrom(statuses: ReadonlyMap<string, ConnectionStatus>): readonly [Direction, Direction] {
  const phases = new Set([...statuses.values()].map(({ phase }) => phase));
  const [phase] = phases;
  if (phases.size === 1 && phase === 'parallel') return ['switch', 'rollback'];
  if (phases.size === 1 && phase === 'switched') return ['rollback', 'switch'];
  throw new VerbStop(EXIT.refused, {
    code: 'illegal-move',
    message: `a cycle begins where all are in parallel, or all are switched; these are ${[...phases].join(' and ')}`,
    next: ['cutover status', 'drill those of one phase'],
  });
}

/** The way back is made also after Ctrl-C: what the drill has moved it takes home. */
async function runLeg(context: Context, args: Args, verb: Direction): Promise<Ran> {
  const { cwd, env, terminal, interruption, clock } = context;
  const signal = verb === 'rollback' ? new AbortController().signal : interruption;
  const around: Surroundings = { cwd, env, terminal, interruption: signal };
  const reason = args.reason ?? 'drill: a real switch and the way back';
  const moveArgs: Args = { ...only(args), reason, yes: true };
  terminal.progress(`drill: ${verb}`);
  const startedMs = clock.elapsedMs();
  const { document } = await runMove(verb, MOVES[verb], moveArgs, around);
  const read = moveDocumentSchema.parse(document);
  const wallMs = Math.round(clock.elapsedMs() - startedMs);
  const moved = (read.timings ?? []).findIndex(({ step }) => TIMED_MOVES.has(step));
  const beforeMoved = (read.timings ?? []).slice(0, moved + 1).reduce((sum, timing) => sum + timing.wallMs, 0);
  const pauses = read.changed.flatMap(({ pauseMs }) => pauseMs ?? []);
  const leg: Leg = {
    verb,
    exitCode: read.exitCode,
    changed: read.changed.length,
    wallMs,
    movedMs: moved === -1 ? wallMs : beforeMoved,
    pauseMs: spreadOf(pauses),
  };
  return { leg, document: read };
}

/** What a move takes of the drill's own command line. */
function only(args: Args): Args {
  const { stack, project, connection, parallel } = args;
  return {
    ...(stack === undefined ? {} : { stack }),
    ...(project === undefined ? {} : { project }),
    ...(connection === undefined ? {} : { connection }),
    ...(parallel === undefined ? {} : { parallel }),
    ...(args['change-id'] === undefined ? {} : { 'change-id': args['change-id'] }),
    ...(args['no-commit'] === undefined ? {} : { 'no-commit': args['no-commit'] }),
  };
}

/** Those of which a message of the present epoch has arrived in time. */
async function provenWithin(context: Context, watchMs: number): Promise<ReadonlySet<string>> {
  const proven = new Set<string>();
  await Promise.all(
    context.gateways.map((gateway) => {
      const names = context.selected.filter(({ shard }) => shard === gateway.shard).map(({ name }) => name);
      return new StatusWatch(gateway).until(
        (now) => {
          for (const name of names) {
            const status = now.get(name);
            if (status !== undefined && status.observed?.epoch === status.epoch) proven.add(name);
          }
          return names.every((name) => proven.has(name));
        },
        watchMs,
        context.interruption,
      );
    }),
  );
  return proven;
}

async function statusesOf(context: Context): Promise<ReadonlyMap<string, ConnectionStatus>> {
  const answers = await Promise.all(
    context.selected.map(async ({ name, shard }) => ({
      name,
      result: await gatewayOf(context, shard).connection(name),
    })),
  );
  return new Map(
    answers.map(({ name, result }) => {
      if (result.ok) return [name, result.value];
      const { code, message, next } = result.error;
      throw new VerbStop(EXIT.failed, { code, message: `${name}: ${message}`, next });
    }),
  );
}

function complaintAbout(name: string, ran: readonly Ran[], legs: number): string | null {
  for (const { leg, document } of ran) {
    const { refused, aborted, failed } = document;
    const found = [...refused, ...aborted, ...failed].find((one) => one.name === name || one.name === null);
    if (found !== undefined) return `${leg.verb}: ${found.message}`;
  }
  return ran.length < legs ? 'its way back was not made' : null;
}
