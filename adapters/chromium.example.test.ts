/** The pictures of the documentation are taken outside of the tests' own loader, which forgives more than Node does. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';

test('Node alone can load what starts a browser', () => {
  const file = new URL('./chromium.example.ts', import.meta.url).href;
  const { status, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', `await import('${file}')`], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
});
