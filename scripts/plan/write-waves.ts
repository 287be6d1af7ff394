/** The planned waves into the inventory: one value a connection, in place, so that comments and layout survive. */
import { readFile } from 'node:fs/promises';
import { isMap, isSeq, parseDocument } from 'yaml';
import { replaceFile } from '../../adapters/stack-file.ts';
import type { ProgrammePlan } from '../../core/planning/plan-document.ts';
import { type Replacement, replaceValues } from '../../core/yaml-splice.ts';

/** How many connections got another wave. */
export async function writeWaves(file: string, plan: ProgrammePlan): Promise<number> {
  const text = await readFile(file, 'utf8');
  const connections = parseDocument(text).get('connections', true);
  if (!isSeq(connections)) return 0;
  const waveOf = new Map(plan.waves.flatMap((wave) => wave.connections.map((name) => [name, wave.name] as const)));
  const replacements = connections.items.flatMap((item, index): Replacement[] => {
    if (!isMap(item)) return [];
    const wave = waveOf.get(String(item.get('name')));
    return wave === undefined || item.get('wave') === wave
      ? []
      : [{ path: ['connections', index, 'wave'], value: wave }];
  });
  if (replacements.length > 0) await replaceFile(file, replaceValues(text, replacements).text);
  return replacements.length;
}
