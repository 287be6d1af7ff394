/**
 * `node gateway/testing/records-main.ts DATA_DIR`: every record of a data directory that nobody serves, a line of JSON each,
 * without what peers sent. For tests that judge from outside what the journal says.
 */
import { resolve } from 'node:path';
import { identityIn, journalDirOf } from '../data-dir.ts';
import { diskFiles } from '../journal/files.ts';
import { recordsIn } from '../journal/repair.ts';

const [folder = '.'] = process.argv.slice(2);
const identity = await identityIn(resolve(folder));
if (identity === null) throw new Error(`${folder} is no data directory`);
const { shard, incarnation } = identity;
for await (const { offset, meta } of recordsIn({
  dir: journalDirOf(resolve(folder)),
  shard,
  incarnation,
  files: diskFiles,
  keys: [],
  nowMs: 0,
})) {
  process.stdout.write(`${JSON.stringify({ offset, meta })}\n`);
}
