/** Writes docs/cli.md from the verbs and their flags. `--check` only says whether the file is what the code would write. */
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { referenceOf } from './runner/reference.ts';
import { VERBS } from './verbs/index.ts';

const file = fileURLToPath(new URL('../docs/cli.md', import.meta.url));
const text = referenceOf(VERBS);
const present = await readFile(file, 'utf8').catch(() => '');
if (present !== text && !process.argv.includes('--check')) await writeFile(file, text);
else if (present !== text) {
  process.stderr.write('docs/cli.md differs from the code → npm run cli-docs\n');
  process.exitCode = 1;
}
