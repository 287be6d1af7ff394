/**
 * Compiled code is kept from run to run, beside the Pulumi engine: for this process and, through the environment, for
 * those that it starts (the engine's program and provider, the gateway). A folder that cannot be written costs time only.
 */
import { enableCompileCache } from 'node:module';
import { join } from 'node:path';
import { cacheFolder } from '../../adapters/cache-folder.ts';
import { makeFolder } from '../../adapters/make-folder.ts';

export function keepCompiledCode(): void {
  const { env } = process;
  if (env.NODE_DISABLE_COMPILE_CACHE !== undefined) return;
  const folder = env.NODE_COMPILE_CACHE || join(cacheFolder(env), 'compiled');
  try {
    makeFolder(folder);
  } catch {
    env.NODE_DISABLE_COMPILE_CACHE = '1';
    return;
  }
  env.NODE_COMPILE_CACHE = folder;
  enableCompileCache(folder);
}
