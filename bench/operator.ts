/**
 * `npm run bench:operator [-- --connections N --s3]`: how long the verbs of the night take over the whole estate, against
 * a real gateway and the real Pulumi engine on a file backend (and an S3-compatible one with
 * 50 ms added to each request), beside a bare `pulumi up` with default flags. No
 * traffic: what is measured is the operator's side, from the command to the recorded read-back.
 */
import { parseArgs } from 'node:util';
import { readFlags, wholeNumber } from '../adapters/command-flags.ts';
import type { EpochRecord } from '../core/admin-api.ts';
import { moveDocumentSchema } from '../core/documents.ts';
import { type Estate, STACK_HEAD, startEstate } from '../test/verbs-estate.ts';
import { runPulumi } from '../test/verbs-pulumi.ts';
import { startSlowS3 } from './slow-s3.ts';

type Row = {
  readonly what: string;
  readonly wallMs: number;
  /** From the first new epoch of this command to its last, by the gateway's clock; null: it moves nothing. */
  readonly spreadMs: number | null;
  readonly budgetMs: number | null;
  readonly detail: string;
};

const BUDGET_MS = 10_000;
const SPREAD_BUDGET_MS = 1_000;
const NIGHT: readonly (readonly [string, number | null])[] = [
  ['sync --all', null],
  ['parallel --all', BUDGET_MS],
  ['switch --all', BUDGET_MS],
  ['rollback --all --reason bench', BUDGET_MS],
  ['status', BUDGET_MS],
];

const USAGE = 'npm run bench:operator -- [--connections N] [--s3] [--json]';
const values = readFlags(
  USAGE,
  () =>
    parseArgs({
      options: {
        connections: { type: 'string', default: '250' },
        json: { type: 'boolean', default: false },
        s3: { type: 'boolean', default: false },
      },
    }).values,
);
const count = wholeNumber(USAGE, 'connections', values.connections);
const S3_DELAY_MS = 50;
const S3_PORT = 9_517;
const rows: Row[] = [];

const files = await startEstate(count);
try {
  rows.push(...(await night(files, 'file')));
  rows.push(await bareUp(files));
} finally {
  await files.stop();
}
const s3 = values.s3 ? await startSlowS3(S3_DELAY_MS, S3_PORT) : null;
if (s3 !== null) {
  const remote = await startEstate(count, { env: s3.env });
  try {
    rows.push(...(await night(remote, `s3 +${S3_DELAY_MS} ms`)));
  } finally {
    await remote.stop();
    await s3.stop();
  }
} else if (values.s3) process.stderr.write("without S3: moto_server is not installed (pip install 'moto[server]')\n");
process.stdout.write(values.json ? `${JSON.stringify({ connections: count, rows })}\n` : table(rows));
if (rows.some(isOver)) process.exitCode = 1;

async function night(estate: Estate, backend: string): Promise<Row[]> {
  const measured: Row[] = [];
  for (const [line, budgetMs] of NIGHT) measured.push(await verb(estate, line, backend, budgetMs));
  return measured;
}

async function verb(
  { project, admin, names }: Estate,
  line: string,
  backend: string,
  budgetMs: number | null,
): Promise<Row> {
  const args = line.split(' ');
  const isMove = args[0] !== 'status';
  process.stderr.write(`cutover ${line}\n`);
  const before = Date.now();
  const run = await project.cutover([...args, '--json', ...(isMove ? ['--yes'] : [])]);
  const wallMs = Date.now() - before;
  if (run.exitCode !== 0 && isMove) throw new Error(`${line} ended with ${run.exitCode}: ${run.stderr}${run.stdout}`);
  const document = isMove ? moveDocumentSchema.parse(JSON.parse(run.stdout)) : null;
  const timings = (document?.timings ?? []).map(({ step, wallMs }) => `${step} ${seconds(wallMs)}`);
  const spreadMs = await spreadOf(admin, names, before);
  return { what: `${backend}: ${line}`, wallMs, spreadMs, budgetMs, detail: timings.join(', ') };
}

/** Every route at once, as an engineer would without the verbs: from parallel to switched. */
async function bareUp({ project, admin, names, env, routes }: Estate): Promise<Row> {
  const lines = [...(await routes()).values()].map(
    ({ name, epoch }) => `    ${name}: { phase: switched, epoch: ${epoch + 1} }\n`,
  );
  const salt = /^encryptionsalt:.*\n/m.exec(await project.readStack())?.[0] ?? '';
  await project.writeStack(`${salt}${STACK_HEAD}  lab-cutover:routes:\n${lines.join('')}`);
  process.stderr.write('pulumi up --yes\n');
  const before = Date.now();
  const run = await runPulumi(project.folder, env, ['up', '--yes']);
  if (run.exitCode !== 0) throw new Error(`pulumi up ended with ${run.exitCode}: ${run.output.slice(-4_000)}`);
  const wallMs = Date.now() - before;
  const spreadMs = await spreadOf(admin, names, before);
  return { what: 'file: bare pulumi up --yes', wallMs, spreadMs, budgetMs: null, detail: '' };
}

async function spreadOf(admin: Estate['admin'], names: readonly string[], sinceMs: number): Promise<number | null> {
  const times: number[] = [];
  for (const name of names) {
    const read = await admin.epochs(name);
    const last: EpochRecord | undefined = read.ok ? read.value.at(-1) : undefined;
    const at = last === undefined ? 0 : Date.parse(last.at);
    if (at >= sinceMs) times.push(at);
  }
  return times.length === 0 ? null : Math.max(...times) - Math.min(...times);
}

function isOver({ wallMs, spreadMs, budgetMs }: Row): boolean {
  return budgetMs !== null && (wallMs > budgetMs || (spreadMs !== null && spreadMs > SPREAD_BUDGET_MS));
}

function table(rows: readonly Row[]): string {
  const lines = rows.map((row) => {
    const budget = row.budgetMs === null ? '' : `${isOver(row) ? 'OVER' : 'ok'} (${seconds(row.budgetMs)})`;
    const spread = row.spreadMs === null ? '' : `${row.spreadMs} ms`;
    return `${row.what.padEnd(32)} ${seconds(row.wallMs).padStart(8)}  ${spread.padStart(9)}  ${budget.padEnd(14)} ${row.detail}`;
  });
  const head = `${'command'.padEnd(32)} ${'wall'.padStart(8)}  ${'spread'.padStart(9)}  ${'budget'.padEnd(14)} steps`;
  return `${count} connections\n${[head, ...lines].join('\n')}\n`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
