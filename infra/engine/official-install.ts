// Process started by official.ts: installs the CLI that belongs to @pulumi/pulumi below the folder given.
import { PulumiCommand } from '@pulumi/pulumi/automation/index.js';

const [root] = process.argv.slice(2);
if (root === undefined) throw new Error('usage: official-install.ts FOLDER');
try {
  await PulumiCommand.install({ root });
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
