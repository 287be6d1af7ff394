// The one error when no engine can be had: what was tried, why each way failed, and what a person can do about it.
import { join } from 'node:path';
import { OLDEST_FITTING } from './probe.ts';

export type Attempt = { readonly way: string; readonly reason: string };

export class EngineUnavailable extends Error {
  override readonly name = 'EngineUnavailable';
  readonly attempts: readonly Attempt[];

  constructor(attempts: readonly Attempt[], cacheDir: string) {
    super(describe(attempts, cacheDir));
    this.attempts = attempts;
  }
}

function describe(attempts: readonly Attempt[], cacheDir: string): string {
  const tried = attempts.map(({ way, reason }) => `  - ${way}: ${reason.replaceAll('\n', '\n      ')}`);
  return [
    'There is no Pulumi engine to work with. Tried, in this order:',
    ...tried,
    'One of these helps:',
    `  - install Pulumi 3.${OLDEST_FITTING.minor} or newer (https://www.pulumi.com/docs/install/): pulumi and pulumi-language-nodejs on PATH`,
    '  - CUTOVER_PULUMI=/path/to/pulumi, with pulumi-language-nodejs beside it',
    '  - Go 1.22 or newer on PATH and a Go module proxy within reach (GOPROXY): it is then built here in a few minutes',
    `  - copy ${join(cacheDir, 'engine')} from a machine of the same platform where this works`,
  ].join('\n');
}
