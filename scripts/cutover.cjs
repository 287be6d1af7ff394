#!/usr/bin/env node
/**
 * What `npx cutover` starts: plain enough for any Node, so that a Node that cannot run TypeScript is told what to do
 * instead of failing on the first file.
 */
const NEEDED = 24;
const { version, versions } = process;
if (Number(versions.node.split('.')[0]) >= NEEDED) import('./cutover.ts');
else {
  process.stderr.write(
    `! cutover takes Node ${NEEDED} or newer; this is ${version} (${process.execPath})\n` +
      '  next: npm ci, which brings the right one, then: npx cutover … in this folder\n',
  );
  process.exitCode = 2;
}
