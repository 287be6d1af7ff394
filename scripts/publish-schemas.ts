/**
 * Writes the JSON Schemas under docs/schemas/: of what users edit (for their editors) and of what verbs print with
 * `--json`. `--check` only says whether the files are what the code would write.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { contractJsonSchema } from '../core/contracts/contract.ts';
import { documentJsonSchemas } from '../core/documents.ts';
import { edgeConfigJsonSchema } from '../core/edge/edge-config.ts';
import { inventoryJsonSchema } from '../core/inventory.ts';
import { notifyJsonSchema } from '../core/notice/receivers.ts';
import { programmeJsonSchema } from '../core/planning/programme.ts';
import { platformConfigJsonSchema } from '../core/platform-config.ts';
import { attestationJsonSchema } from '../core/reconcile/attestation.ts';
import { outsideMapJsonSchema } from '../core/reconcile/outside-map.ts';
import { rulesJsonSchema } from '../core/rules/rule.ts';
import { stackConfigJsonSchema } from '../core/stack-config.ts';

const folder = fileURLToPath(new URL('../docs/schemas/', import.meta.url));
const schemas: Readonly<Record<string, object>> = {
  'inventory.schema.json': inventoryJsonSchema(),
  'stack-config.schema.json': stackConfigJsonSchema(),
  'notify-file.schema.json': notifyJsonSchema(),
  'programme.schema.json': programmeJsonSchema(),
  'rules.schema.json': rulesJsonSchema(),
  'contract.schema.json': contractJsonSchema(),
  'edge-config.schema.json': edgeConfigJsonSchema(),
  'outside.schema.json': outsideMapJsonSchema(),
  'attestation.schema.json': attestationJsonSchema(),
  'platform-config.schema.json': platformConfigJsonSchema(),
  ...documentJsonSchemas(),
};

const isCheck = process.argv.includes('--check');
const stale: string[] = [];
await mkdir(folder, { recursive: true });
for (const [name, schema] of Object.entries(schemas)) {
  const file = `${folder}${name}`;
  const text = `${JSON.stringify(schema, null, 2)}\n`;
  const present = await readFile(file, 'utf8').catch(() => '');
  if (present === text) continue;
  stale.push(name);
  if (!isCheck) await writeFile(file, text);
}
if (isCheck && stale.length > 0) {
  process.stderr.write(`docs/schemas: ${stale.join(', ')} differ from the code → npm run schemas\n`);
  process.exitCode = 1;
}
