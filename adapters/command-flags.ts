/** Flags of the commands that a developer runs (benchmarks, simulation, chaos): `--help`, and one line where one is wrong. */
import { wholeNumber as wholeNumberIn } from '../core/whole-number.ts';

const USAGE_EXIT = 2;

/**
 * `usage`: the command line with all its flags; `parse`: what reads them, and throws where one is wrong; `help`: what the flags
 * mean. Ends the process where help is asked for (0) or a flag is wrong (2).
 */
export function readFlags<Values>(usage: string, parse: () => Values, help = ''): Values {
  if (process.argv.includes('--help') || process.argv.includes('-h')) {
    process.stdout.write(`usage: ${usage}\n${help}`);
    process.exit(0);
  }
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    // What Node's parser says after its first sentence is advice of several lines.
    const isOfParser = 'code' in error;
    return refuse(isOfParser ? (error.message.split(/\.[ \n]/)[0] ?? error.message) : error.message, usage);
  }
}

/** A whole number from `least` on; several have commas between them. */
export function wholeNumbers(usage: string, flag: string, text: string, least = 1): number[] {
  const numbers = text.split(',').map((one) => wholeNumberIn(one, Number.MAX_SAFE_INTEGER, least));
  if (numbers.every((one) => one !== null)) return numbers;
  return refuse(`--${flag} is '${text}'; it must be a whole number from ${least} on`, usage);
}

export function wholeNumber(usage: string, flag: string, text: string, least = 1): number {
  const [one, ...more] = wholeNumbers(usage, flag, text, least);
  if (one !== undefined && more.length === 0) return one;
  return refuse(`--${flag} is '${text}'; it must be one whole number from ${least} on`, usage);
}

/** Some of `all`, with commas between them. */
export function someOf<Name extends string>(usage: string, flag: string, text: string, all: readonly Name[]): Name[] {
  const names = text.split(',');
  const unknown = names.find((name) => !all.some((one) => one === name));
  if (unknown !== undefined) return refuse(`--${flag} names '${unknown}'; there are ${all.join(', ')}`, usage);
  return all.filter((one) => names.includes(one));
}

export function refuse(message: string, usage: string): never {
  process.stderr.write(`${message}\nusage: ${usage}\n`);
  process.exit(USAGE_EXIT);
}
