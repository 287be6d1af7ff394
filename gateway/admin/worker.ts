/** The thread of the admin API: TLS, HTTP and the text of the figures are made here, away from the traffic's thread. */
import { parentPort, workerData } from 'node:worker_threads';
import { AdminHttps } from './https.ts';
import type { Answer, FromWorker, Question, ToWorker, WorkerOptions } from './messages.ts';
import { scrapesOf } from './scrapes.ts';

const port = parentPort;
if (port === null) throw new Error("the admin API's worker is started by the gateway");
const options: WorkerOptions = workerData;

const waiting = new Map<number, (answer: Answer) => void>();
let asked = 0;
const scrapes = scrapesOf(() => ask({ about: 'figures' }));
const server = new AdminHttps(options, {
  ask: async (question) => {
    const answer = await ask(question);
    if ('figures' in answer) throw new Error(`figures were not asked for: ${question.about}`);
    return answer;
  },
  metrics: () => scrapes.ask(),
  failed: (method, problem) => {
    const { name, message } = problem instanceof Error ? problem : { name: 'unknown', message: '' };
    tell({ kind: 'failed', method, name, error: message });
  },
});

port.on('message', (message: ToWorker) => {
  switch (message.kind) {
    case 'answer':
      waiting.get(message.id)?.(message.answer);
      waiting.delete(message.id);
      return;
    case 'renew':
      return tell({ kind: 'renewed', id: message.id, problem: problemOf(() => server.renew(message.renewed)) });
    case 'close':
      return void server.close(message.boundMs).then(() => process.exit());
  }
});

try {
  tell({ kind: 'listening', port: await server.listen(options.port, options.address) });
} catch (error) {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown';
  tell({ kind: 'not-listening', message: error instanceof Error ? error.message : String(error), code });
  process.exit();
}

function ask(question: Question): Promise<Answer> {
  const { promise, resolve } = Promise.withResolvers<Answer>();
  waiting.set(++asked, resolve);
  tell({ kind: 'question', id: asked, question });
  return promise;
}

function problemOf(work: () => void): string | null {
  try {
    work();
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

function tell(message: FromWorker): void {
  port?.postMessage(message);
}
