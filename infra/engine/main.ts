// `node infra/engine/main.ts`: ensures the engine; one JSON document on stdout, progress on stderr.
// Exit codes: 0 here it is; 1 none can be had; 130 interrupted.
import { ensureEngine } from './engine.ts';
import { EngineUnavailable } from './engine-unavailable.ts';

const INTERRUPTED = 130;

const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => interruption.abort());

try {
  const engine = await ensureEngine({
    onProgress: (line) => process.stderr.write(`engine: ${line}\n`),
    signal: interruption.signal,
  });
  process.stdout.write(`${JSON.stringify({ ok: true, ...engine })}\n`);
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  const interrupted = interruption.signal.aborted;
  const attempts = error instanceof EngineUnavailable ? error.attempts : [];
  process.stderr.write(`${interrupted ? 'engine: interrupted' : message}\n`);
  process.stdout.write(`${JSON.stringify({ ok: false, interrupted, message, attempts })}\n`);
  process.exitCode = interrupted ? INTERRUPTED : 1;
}
