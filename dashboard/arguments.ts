/** The command line of `cutover dashboard`. */
import { parseArgs } from 'node:util';
import { sayWrongFlag } from '../core/flag-words.ts';

export type DashboardOptions = {
  readonly project: string;
  readonly stack: string | null;
  readonly inventory: string | null;
  readonly host: string;
  readonly port: number;
  readonly notifies: boolean;
  readonly acts: boolean;
};

export const HELP = `cutover dashboard: the war room, one page that says in three seconds whether all is fine. It reads, and changes
nothing unless --actions is given.

  --stack NAME       the stack; default: CUTOVER_STACK, or the only one with the routes layer
  --inventory FILE   instead of the stack's own
  --project DIR      the project folder; default: this one
  --host HOST        address to listen on; default 127.0.0.1. Others need CUTOVER_DASHBOARD_TOKEN
  --port N           default 7480; 0: any
  --actions          operators can log in with a token of their own and hold, release, switch and roll back; on this
                     machine only (from elsewhere: ssh -L 7480:127.0.0.1:7480 HOST)
  --notify           tell the receivers of stacks/NAME/notify.yaml of reds, waves that are through, and moves that no verb made;
                     on one server only
  --help

Environment: CUTOVER_ADMIN_TOKEN and CUTOVER_ADMIN_CA reach the gateways (a token of the role \`operate\` is enough),
DATABASE_URL the comparisons and pauses; CUTOVER_DASHBOARD_TOKEN is what a page must show: http://HOST:PORT/?token=…
It prints one JSON line when it serves: {"ready":true,"url":"…"}.
`;

export type Parsed =
  | { readonly kind: 'run'; readonly options: DashboardOptions }
  | { readonly kind: 'help' }
  | { readonly kind: 'usage'; readonly message: string };

const DEFAULT_PORT = 7480;
const OPTIONS = {
  stack: { type: 'string' },
  inventory: { type: 'string' },
  project: { type: 'string' },
  host: { type: 'string' },
  port: { type: 'string' },
  notify: { type: 'boolean' },
  actions: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

export function parseArguments(argv: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Parsed {
  try {
    const { values } = parseArgs({
      args: [...argv],
      options: OPTIONS,
    });
    if (values.help === true) return { kind: 'help' };
    const port = values.port === undefined ? DEFAULT_PORT : Number(values.port);
    if (!Number.isInteger(port) || port < 0 || port > 65_535)
      return { kind: 'usage', message: `--port is '${values.port}'; it must be 0 to 65535` };
    return {
      kind: 'run',
      options: {
        project: values.project ?? cwd,
        stack: values.stack ?? env.CUTOVER_STACK ?? null,
        inventory: values.inventory ?? null,
        host: values.host ?? '127.0.0.1',
        port,
        notifies: values.notify === true,
        acts: values.actions === true,
      },
    };
  } catch (error) {
    return { kind: 'usage', message: sayWrongFlag(error, Object.keys(OPTIONS)) };
  }
}
