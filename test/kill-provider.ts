/**
 * Loaded into every process of a verb (`NODE_OPTIONS=--import`) by the tests that kill: the provider among them ends itself
 * with SIGKILL at one point of its talk with a gateway, once. What it leaves behind is what a kill at that moment leaves.
 */
import { subscribe } from 'node:diagnostics_channel';
import { writeFileSync } from 'node:fs';

/** `CUTOVER_TEST_KILL`: where to note that it struck, the method of the request, and undici's name of the moment. */
const [file = '', method = '', moment = ''] = (process.env.CUTOVER_TEST_KILL ?? '').split('|');

if (process.argv[1]?.endsWith('/infra/provider/provider.ts')) {
  subscribe(`undici:request:${moment}`, (message) => {
    const { request } = Object(message);
    if (request.method === method && isFirst()) process.kill(process.pid, 'SIGKILL');
  });
}

/** A verb may start a second provider, to heal what the first one left. */
function isFirst(): boolean {
  try {
    writeFileSync(file, '', { flag: 'wx' });
    return true;
  } catch {
    return false;
  }
}
