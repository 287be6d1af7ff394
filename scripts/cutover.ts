/**
 * The command `cutover`, as cutover.cjs starts it: one verb a file in verbs/, everything they share in runner/. Loaded
 * after the compile cache is on: loading code is a good part of what a verb's time goes to.
 */
import { keepCompiledCode } from './runner/compile-cache.ts';

keepCompiledCode();
await import('./runner/main.ts');
