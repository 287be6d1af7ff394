/**
 * For tests of monitoring: a real worker beside a real gateway, and a real Prometheus that scrapes both and has the rules of
 * this product. Only times are shorter than in production: how long a cause must last, and ages in seconds.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { freePorts } from '../adapters/test-ports.ts';

const ROOT = resolve(import.meta.dirname, '..');
export const HAS_PROMETHEUS = spawnSync('prometheus', ['--version']).status === 0;

const FOR_SECONDS = 2;
const AGE_SECONDS = 5;

const ruleSchema = z.object({
  alert: z.string(),
  expr: z.string(),
  for: z.string().optional(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()),
});
const printedSchema = z.object({
  groups: z.array(z.object({ name: z.string(), rules: z.array(ruleSchema) })),
  metrics: z.array(z.string()),
});

/** What `npm run alerts` prints. */
export function printedAlerts(shards: number): z.output<typeof printedSchema> {
  const args = [join(ROOT, 'infra/monitoring/print.ts'), '--json', '--shards', String(shards)];
  return printedSchema.parse(JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })));
}

/** The same rules, that fire sooner. */
function sooner({ groups }: Pick<z.output<typeof printedSchema>, 'groups'>): object {
  const rules = groups.flatMap((group) => group.rules);
  const hurried = rules.map((rule) => ({
    ...rule,
    expr: rule.expr.replace(/(_lag_seconds > )\d+/, `$1${AGE_SECONDS}`),
    ...(rule.for === undefined ? {} : { for: `${FOR_SECONDS}s` }),
  }));
  return { groups: [{ name: 'cutover', rules: hurried }] };
}

export type Worker = { readonly port: number; readonly child: ChildProcess };

export async function startWorker(inventory: string, databaseUrl: string): Promise<Worker> {
  const args = ['--inventory', inventory, '--project', ROOT, '--settle', '1s'];
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, DATABASE_URL: databaseUrl };
  const child = spawn(process.execPath, [join(ROOT, 'proof/main.ts'), ...args], {
    env,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const [line] = await once(createInterface(child.stdout), 'line');
  return { port: z.object({ port: z.int() }).parse(JSON.parse(String(line))).port, child };
}

export type Firing = { readonly alert: string; readonly connection: string | null };

export class Prometheus {
  readonly folder: string;
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(folder: string, port: number, child: ChildProcess) {
    this.folder = folder;
    this.port = port;
    this.#child = child;
  }

  /** `history`: in the OpenMetrics text format, of before. `alertmanager`: host and port of one. */
  static async start(options: {
    readonly shards: number;
    readonly gateways: readonly number[];
    readonly worker: number;
    readonly history?: string;
    readonly alertmanager?: string;
  }): Promise<Prometheus> {
    const folder = await mkdtemp(join(tmpdir(), 'cutover-prometheus-'));
    const [port = 0] = await freePorts(1);
    const data = join(folder, 'data');
    await mkdir(data);
    if (options.history !== undefined) {
      await writeFile(join(folder, 'history'), options.history);
      execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', join(folder, 'history'), data]);
    }
    await writeFile(join(folder, 'rules.yml'), JSON.stringify(sooner(printedAlerts(options.shards))));
    const at = (ports: readonly number[]) => [{ targets: ports.map((one) => `127.0.0.1:${one}`) }];
    const config = {
      global: { scrape_interval: '1s', scrape_timeout: '1s', evaluation_interval: '1s' },
      rule_files: ['rules.yml'],
      ...(options.alertmanager === undefined
        ? {}
        : { alerting: { alertmanagers: [{ static_configs: [{ targets: [options.alertmanager] }] }] } }),
      scrape_configs: [
        {
          job_name: 'gateway',
          scheme: 'https',
          tls_config: { insecure_skip_verify: true },
          static_configs: at(options.gateways),
        },
        { job_name: 'worker', static_configs: at([options.worker]) },
      ],
    };
    await writeFile(join(folder, 'prometheus.yml'), JSON.stringify(config));
    const args = [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${data}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ];
    return new Prometheus(folder, port, spawn('prometheus', args, { stdio: 'ignore' }));
  }

  async firing(): Promise<Firing[]> {
    const shape = z.object({
      data: z.object({
        alerts: z.array(z.object({ state: z.string(), labels: z.record(z.string(), z.string()) })),
      }),
    });
    const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/alerts`);
    const { data } = shape.parse(await response.json());
    return data.alerts
      .filter(({ state }) => state === 'firing')
      .map(({ labels }) => ({ alert: labels.alertname ?? '', connection: labels.connection ?? null }));
  }

  /** Of an instant query: the value of each series. */
  async values(query: string): Promise<number[]> {
    const shape = z.object({
      data: z.object({ result: z.array(z.object({ value: z.tuple([z.number(), z.string()]) })) }),
    });
    const response = await fetch(`http://127.0.0.1:${this.port}/api/v1/query?query=${encodeURIComponent(query)}`);
    return shape.parse(await response.json()).data.result.map(({ value }) => Number(value[1]));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode === null) {
      this.#child.kill('SIGTERM');
      await once(this.#child, 'exit');
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}

/** Of one counter that has risen by `perMinute` from `fromMs` to `toMs`. */
export function history(
  labels: Readonly<Record<string, string>>,
  { fromMs, toMs, perMinute }: { readonly fromMs: number; readonly toMs: number; readonly perMinute: number },
): string {
  const named = Object.entries(labels)
    .map(([name, value]) => `${name}="${value}"`)
    .join(',');
  const minutes = Math.floor((toMs - fromMs) / 60_000);
  return Array.from({ length: minutes }, (_, index) => {
    const atSeconds = (fromMs + index * 60_000) / 1000;
    return `cutover_messages_total{${named}} ${index * perMinute} ${atSeconds}\n`;
  }).join('');
}

export async function end({ child }: Worker, signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill(signal);
  await exited;
}
