/**
 * `node infra/testing/cluster/main.ts`: prepares the API server for the tests that need a real one; progress on stderr. Exit: 0 it is
 * ready; 3 it cannot be had here, and why.
 */
import { prepareCluster } from './prepare.ts';

const NOT_HERE = 3;

const prepared = await prepareCluster(process.env, (line) => process.stderr.write(`cluster: ${line}\n`));
if (!prepared.ok) {
  process.stderr.write(`cluster: skipped: ${prepared.reason.split('\n')[0]}\n`);
  process.exitCode = NOT_HERE;
}
