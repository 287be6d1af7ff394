/** Starts another part of the product as a process of its own and passes on signals, output and exit code. */
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { productFile } from './product-folder.ts';

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** The child is in the terminal's foreground too: it gets Ctrl-C itself, so only other senders' signals are passed on. */
export async function runProcess(entry: string, argv: readonly string[]): Promise<number> {
  const child = spawn(process.execPath, [productFile(entry), ...argv], { stdio: 'inherit' });
  const pass = (signal: NodeJS.Signals): void => {
    if (signal === 'SIGINT' && process.stdin.isTTY === true) return;
    child.kill(signal);
  };
  for (const signal of SIGNALS) process.on(signal, pass);
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (code, signal) => resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])));
    });
  } finally {
    for (const signal of SIGNALS) process.off(signal, pass);
  }
}
