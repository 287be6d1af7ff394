/** A verb as a process of its own, with the operator's own credential and name; never with those of the server. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const ENTRY = fileURLToPath(new URL('../scripts/cutover.ts', import.meta.url));
const OUTPUT_LIMIT_BYTES = 16 * 1024 * 1024;

/** Tokens by shard. */
export type Operator = { readonly tokens: ReadonlyMap<number, string>; readonly name: string };
export type VerbRun = { readonly exitCode: number | null; readonly document: unknown };

/** The environment of the server without any credential of its own. */
export function environmentOf(env: NodeJS.ProcessEnv, { tokens, name }: Operator): NodeJS.ProcessEnv {
  const kept = Object.entries(env).filter(([key]) => !/^CUTOVER_(ADMIN_(TOKEN|CERT|KEY)|DASHBOARD_TOKEN)/.test(key));
  const own = [...tokens].map(([shard, token]) => [`CUTOVER_ADMIN_TOKEN_${shard}`, token] as const);
  return { ...Object.fromEntries([...kept, ...own]), CUTOVER_OPERATOR: name };
}

/** What it prints with --json; null where it printed no document. */
export async function runVerb(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv): Promise<VerbRun> {
  const child = spawn(process.execPath, [ENTRY, ...args], { cwd, env, stdio: ['ignore', 'pipe', 'ignore'] });
  let stdout = '';
  child.stdout.on('data', (chunk: Buffer) => {
    if (stdout.length < OUTPUT_LIMIT_BYTES) stdout += chunk.toString();
  });
  const exitCode = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    return { exitCode, document: JSON.parse(stdout) };
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    return { exitCode, document: null };
  }
}
