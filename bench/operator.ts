/**
 * `npm run bench:operator [-- --connections N]`: how long the verbs of the night take over the whole estate, against
 * a real gateway and the real Pulumi engine on a file backend, beside a bare `pulumi up` with default flags. No
 * traffic: what is measured is the operator's side, from the command to the recorded read-back.
 */
import { execFile } from 'node:child_process';
import { delimiter } from 'node:path';
import { parseArgs } from 'node:util';
import type { EpochRecord } from '../core/admin-api.ts';
import { moveDocumentSchema } from '../core/documents.ts';
import { type Estate, STACK_HEAD, startEstate } from '../test/verbs-estate.ts';
import { REPOSITORY } from '../test/verbs-harness.ts';

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

const { values } = parseArgs({
  options: { connections: { type: 'string', default: '250' }, json: { type: 'boolean', default: false } },
});
const count = Number(values.connections);
const rows: Row[] = [];
const estate = await startEstate(count);
try {
  rows.push(await verb(estate, 'sync --all', null));
  rows.push(await verb(estate, 'parallel --all', BUDGET_MS));
  rows.push(await verb(estate, 'switch --all', BUDGET_MS));
  rows.push(await verb(estate, 'rollback --all --reason bench', BUDGET_MS));
  rows.push(await verb(estate, 'status', BUDGET_MS));
  rows.push(await bareUp(estate));
} finally {
  await estate.stop();
}
process.stdout.write(values.json ? `${JSON.stringify({ connections: count, rows })}\n` : table(rows));
if (rows.some(isOver)) process.exitCode = 1;

async function verb({ project, admin, names }: Estate, line: string, budgetMs: number | null): Promise<Row> {
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
  return { what: `cutover ${line}`, wallMs, spreadMs, budgetMs, detail: timings.join(', ') };
}

/** Every route at once, as an engineer would without the verbs: from parallel to switched. */
async function bareUp({ project, admin, names, env, routes }: Estate): Promise<Row> {
  const engine = await findEngine();
  const lines = [...(await routes()).values()].map(
    ({ name, epoch }) => `    ${name}: { phase: switched, epoch: ${epoch + 1} }\n`,
  );
  const salt = /^encryptionsalt:.*\n/m.exec(await project.readStack())?.[0] ?? '';
  await project.writeStack(`${salt}${STACK_HEAD}  lab-cutover:routes:\n${lines.join('')}`);
  process.stderr.write('pulumi up --yes\n');
  const before = Date.now();
  await new Promise<void>((resolve, reject) => {
    const command = execFile(
      engine.pulumi,
      ['up', '--yes', '--stack', 'test', '--non-interactive', '--color', 'never'],
      {
        cwd: project.folder,
        env: {
          ...process.env,
          ...env,
          PATH: [...engine.binDirs, process.env.PATH ?? ''].join(delimiter),
          PULUMI_HOME: `${project.folder}/pulumi-home`,
          PULUMI_BACKEND_URL: `file://${project.folder}/backend`,
          PULUMI_CONFIG_PASSPHRASE: '',
          PULUMI_SKIP_UPDATE_CHECK: '1',
        },
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout) => (error === null ? resolve() : reject(new Error(`${error.message}\n${stdout.slice(-4_000)}`))),
    );
    command.stdin?.end();
  });
  const wallMs = Date.now() - before;
  const spreadMs = await spreadOf(admin, names, before);
  return { what: 'pulumi up --yes (bare)', wallMs, spreadMs, budgetMs: null, detail: '' };
}

function findEngine(): Promise<{ pulumi: string; binDirs: string[] }> {
  return new Promise((resolve, reject) => {
    execFile(process.execPath, [`${REPOSITORY}/infra/engine/main.ts`], (error, stdout) => {
      if (error === null) resolve(JSON.parse(stdout));
      else reject(error);
    });
  });
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
