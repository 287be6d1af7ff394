/**
 * `compare --replay DIR`: old messages through a platform outside the live path. They are sent to it one at a time, its outputs
 * are taken at a port of this process, and compared with what legacy sent then (`DIR/outputs`), or, with `--twice`, with
 * what the same platform sends for the same messages once more.
 */

import { createHash } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { readPayloads } from '../../adapters/message-files.ts';
import { listenMllp, type MllpListener, MllpSender } from '../../adapters/mllp.ts';
import { compareReplay, compareRuns, type Replayed, type ReplayResult } from '../../core/compare/replay.ts';
import { suggestionsAsYaml, suggestRules } from '../../core/compare/suggest.ts';
import type { CompareModeDocument } from '../../core/compare-document.ts';
import { counted } from '../../core/count-words.ts';
import { parseDurationMs } from '../../core/duration.ts';
import { fieldText } from '../../core/hl7/message.ts';
import type { Connection } from '../../core/inventory.ts';
import type { Context } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import { formatTable } from '../runner/table.ts';
import type { Printed } from '../runner/verb.ts';
import { type Address, livePlaceAt } from './live-address.ts';
import { definitionsOf, todayOf } from './standing.ts';

const WITHIN_MS = 5_000;
const ANSWER_LIMIT_MS = 30_000;
/** They are in memory, with what comes of them. */
const MESSAGES_LIMIT = 100_000;
const PROPOSED_DAYS = 90;
const USAGE = 'cutover compare --replay DIR --to HOST:PORT --capture PORT --connection NAME';

export async function replay(context: Context, args: Args): Promise<Printed> {
  const [connection, ...others] = context.selected;
  if (connection === undefined || others.length > 0) throw usage('--replay needs one connection', USAGE);
  const target = await targetOf(context, args);
  const withinMs = args.within === undefined ? WITHIN_MS : parseDurationMs(args.within);
  if (withinMs === null) throw usage('--within is a whole number and a unit: 500ms, 5s', USAGE);
  if (args.capture === undefined) throw usage('--replay needs --capture: the port where its outputs come', USAGE);
  const definitions = await definitionsOf(context);
  const folder = resolve(context.cwd, args.replay ?? '');
  const inputs = await payloadsOf(folder, 'inputs');
  const recorded = args.twice === true ? [] : await payloadsOf(folder, 'outputs');
  const around = {
    rules: definitions.rulesOf(connection.name),
    correlate: connection.correlate,
    digestOf: (payload: Uint8Array): string => createHash('sha256').update(payload).digest('hex'),
  };
  const captured: Buffer[] = [];
  const listener = await listen(target.host, args.capture, (message) => void captured.push(message));
  const sender = new MllpSender(target.host, target.port);
  const pass = (): Promise<readonly Replayed[]> => sendAll(sender, inputs, { captured, withinMs, connection });
  try {
    const first = await pass();
    const result =
      args.twice === true ? compareRuns(first, await pass(), around) : compareReplay(first, recorded, around);
    const expires = new Date(Date.parse(todayOf(context)) + PROPOSED_DAYS * 86_400_000).toISOString().slice(0, 10);
    const proposed = args.twice === true ? suggestRules(result.pairs, around.rules, expires) : [];
    return printed(first, result, proposed, args.twice === true);
  } finally {
    sender.close();
    await listener.close();
  }
}

type Waiting = { readonly captured: Buffer[]; readonly withinMs: number; readonly connection: Connection };

/** The next one goes when the outputs of this one are there: what comes in its time is its own. */
async function sendAll(
  sender: MllpSender,
  inputs: readonly Uint8Array[],
  { captured, withinMs, connection }: Waiting,
): Promise<readonly Replayed[]> {
  const replayed: Replayed[] = [];
  for (const input of inputs) {
    captured.length = 0;
    const answer = await sender.exchange(input, ANSWER_LIMIT_MS);
    const code = answer === null ? '' : (fieldText(answer, 'MSA-1') ?? '');
    const answered = code === 'AA' || code === 'CA';
    const untilMs = performance.now() + withinMs;
    const isWaiting = (): boolean => connection.outputs !== 'one' || captured.length === 0;
    while (answered && isWaiting() && performance.now() < untilMs) await new Promise((done) => setTimeout(done, 5));
    replayed.push({ input, answered, outputs: [...captured] });
  }
  return replayed;
}

/** On this machine alone where the platform is on it too. */
async function listen(platformHost: string, port: number, onMessage: (message: Buffer) => void): Promise<MllpListener> {
  try {
    const isLocal = /^(127\.|localhost$|::1$)/.test(platformHost);
    return await listenMllp(isLocal ? '127.0.0.1' : '0.0.0.0', port, (message) => {
      onMessage(message);
      return Buffer.from(
        `MSH|^~\\&|CUTOVER|REPLAY|||||ACK|R${fieldText(message, 'MSH-10') ?? ''}|P|2.5\rMSA|AA|${fieldText(message, 'MSH-10') ?? ''}\r`,
        'latin1',
      );
    });
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
    throw usage(`port ${port} cannot be listened on (${code})`, 'name a free one with --capture PORT');
  }
}

/** Never an address of the live path: a replay there would reach destinations. */
async function targetOf({ inventory }: Context, { to }: Args): Promise<Address> {
  const [, host, digits] = /^(.+):(\d{1,5})$/.exec(to ?? '') ?? [];
  const port = Number(digits);
  if (host === undefined || port < 1 || port > 65_535)
    throw usage('--replay needs --to HOST:PORT: where the platform listens for it', USAGE);
  const of = await livePlaceAt(inventory, { host, port });
  if (of === null) return { host, port };
  throw new VerbStop(EXIT.refused, {
    code: 'live-address',
    message: `${host}:${port} is ${of}: old messages are not sent into the live path`,
    next: [
      'set up a test channel of the platform: its input at an address of its own, its output to the --capture port',
    ],
  });
}

async function payloadsOf(folder: string, name: string): Promise<readonly Uint8Array[]> {
  const path = join(folder, name);
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) {
    const what = name === 'inputs' ? 'the messages that legacy got' : 'what legacy sent for them';
    throw usage(`there is no ${path}`, `put ${what} there, one or many a file`);
  }
  const payloads: Uint8Array[] = [];
  const tooLarge = (file: string): never => {
    throw usage(`${file} is too large`, 'cut it');
  };
  for await (const { payload } of readPayloads(path, tooLarge)) {
    if (payloads.length >= MESSAGES_LIMIT)
      throw usage(`${path} has more than ${MESSAGES_LIMIT} messages`, 'replay them in parts');
    payloads.push(payload);
  }
  if (payloads.length === 0) throw usage(`there is no message in ${path}`, 'messages begin with MSH');
  return payloads;
}

function printed(
  replayed: readonly Replayed[],
  { compared, matched, differences }: ReplayResult,
  proposed: ReturnType<typeof suggestRules>,
  isTwice: boolean,
): Printed {
  const answered = replayed.filter((one) => one.answered).length;
  const open = differences.filter(({ rule }) => rule === undefined);
  const ok = compared > 0 && answered === replayed.length && open.length === 0;
  const warnings =
    answered === replayed.length
      ? []
      : [`${counted(replayed.length - answered, 'message was', 'messages were')} not accepted by the platform`];
  const next = isTwice
    ? 'what differs is what the platform changes from run to run: judge the proposals, put them into stacks/rules'
    : 'correct the mapping, or accept what does no harm in stacks/rules';
  const document: CompareModeDocument = {
    verb: 'compare',
    mode: 'replay',
    ok,
    exitCode: ok ? EXIT.done : EXIT.refused,
    replay: {
      messages: replayed.length,
      answered,
      outputs: replayed.reduce((sum, { outputs }) => sum + outputs.length, 0),
      compared,
      matched,
      differences: [...differences],
    },
    ...(isTwice ? { suggestions: proposed.map((each) => ({ ...each, codes: [...each.codes] })) } : {}),
    warnings,
    nextSteps: open.length === 0 ? [] : [next],
  };
  const rows = differences.map(({ path, code, kind, shape, count, rule }) => [
    `${count} ×`,
    code === null ? path : `${path} of ${code}`,
    shape === '' ? kind : `${kind}: ${shape}`,
    rule ?? '',
  ]);
  const yaml = proposed.some(({ rule }) => rule !== null) ? ['', suggestionsAsYaml(proposed)] : [];
  const lines = [
    `${counted(replayed.length, 'message')}, ${answered} accepted, ${counted(compared, 'pair')} of outputs, ${matched} matched`,
    ...formatTable(rows, '  '),
    ...warnings.map((each) => `! ${each}`),
    ...yaml,
    ok
      ? 'GREEN: the outputs are the same'
      : isTwice
        ? 'RED: the platform sends something else the second time'
        : 'RED: not the same as recorded',
  ];
  return { document, text: `${lines.join('\n')}\n`, exitCode: ok ? EXIT.done : EXIT.refused };
}
