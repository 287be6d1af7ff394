/** What a start reads from files and the environment: each is as it has to be, or the process ends and says what is wrong. */
import { readFile } from 'node:fs/promises';
import { renamedOf } from '../core/former-names.ts';
import { type Inventory, parseInventory } from '../core/inventory.ts';
import { formatProblem } from '../core/located-yaml.ts';
import { parseStackConfig, type StackConfig, underPresentNames } from '../core/stack-config.ts';
import { codeOf, Ending, EXIT } from './ending.ts';

export async function readInventory(file: string): Promise<Inventory> {
  const text = await readText(file, 'the inventory');
  const parsed = parseInventory(text, file);
  if (parsed.ok) return parsed.value;
  throw new Ending(EXIT.usage, parsed.problems.map(formatProblem));
}

/** The routes of a stack file: what the backup may not know. */
export async function readKnown(file: string, { connections }: Inventory): Promise<StackConfig['routes']> {
  const parsed = parseStackConfig(await readText(file, 'the stack file'), file);
  if (parsed.ok) return underPresentNames(parsed.value, renamedOf(connections)).routes;
  throw new Ending(EXIT.usage, parsed.problems.map(formatProblem));
}

/** A name that was asked for must be set; DATABASE_URL may be absent, then nothing is shipped. The value is never shown. */
export function databaseUrlIn(env: NodeJS.ProcessEnv, asked: string | null): string | null {
  const name = asked ?? 'DATABASE_URL';
  const url = env[name] ?? '';
  if (url === '' && asked === null) return null;
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol === 'postgres:' || protocol === 'postgresql:') return url;
  const what = url === '' ? 'is not set' : 'holds no PostgreSQL URL';
  throw new Ending(EXIT.usage, [`the environment variable ${name} ${what} → ${name}=postgresql://user@host/database`]);
}

/** Throws Ending. `what`: for the person who named it. */
export async function readText(file: string, what: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new Ending(EXIT.usage, [`${file}: cannot read ${what} (${codeOf(error)}) → name a readable file`]);
  }
}
