/**
 * Keeps the engine's short-lived objects out of old memory (ADR 36). To be imported before anything else. The flag is V8's,
 * and holds for all threads of the process.
 */
import { setFlagsFromString } from 'node:v8';

setFlagsFromString('--no-allocation-site-pretenuring');
