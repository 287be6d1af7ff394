/** The flags of `npm run bench:gateway`: what is measured, how long, and whether it can be on this machine. */
import { parseArgs } from 'node:util';
import { readFlags, refuse, someOf, wholeNumber, wholeNumbers } from '../../adapters/command-flags.ts';
import { openFilesAllowed, SPARE_FILES } from './open-files.ts';
import { filesOf, VARIANTS, type VariantName, whyNot } from './variants.ts';

export const SECTIONS = ['throughput', 'equal-rate', 'pauses', 'recovery', 'idle', 'neighbours', 'soak'] as const;
export type Section = (typeof SECTIONS)[number];

const USAGE = 'npm run bench:gateway -- [--feeds N,N] [--sections S,S] [--only V,V] [--rounds N] [--seconds N] [more]';
const HELP = `
What the gateway costs on this machine, beside what else can stand in its place. Progress goes to stderr, figures to stdout.

  --feeds 1,16,250      how many feeds are compared; the other sections take the largest number
  --sections S,S        some of throughput,equal-rate,pauses,recovery,idle (these by default) and neighbours,soak
  --only V,V            some of ${VARIANTS.join(',')}; what is not installed is left out, and said
  --rounds 3            of each; the acceptance of throughput wants 7
  --seconds 4           that a run is measured, after --warm-up 3
  --answer-ms 0,50      pauses: what the platforms take for an answer, one table each
  --slice-ms 3000       neighbours: how long a slice is; --ill-ms 500: how long the neighbour has been ill when the first begins
  --ill TEXT            neighbours: only those with this in their names (candidate, database, scrapers), and the control
  --recovery-mib 16,64  recovery: sizes of the journal
  --idle 5000           idle: silent sockets, and feeds
  --messages 10000000   soak: how many
  --json                one document instead of tables

Exit: 0 measured; 1 a message was lost, doubled or out of order, or it could not be measured; 2 a flag is wrong. A bound that is not reached is
said and is no failure. bench/README.md says how each section is measured, and how long the long ones take.
`;

export type Options = {
  readonly feedCounts: readonly number[];
  readonly most: number;
  readonly sections: ReadonlySet<Section>;
  readonly names: readonly VariantName[];
  readonly rounds: number;
  readonly timing: { readonly warmUpMs: number; readonly measureMs: number };
  readonly answersMs: readonly number[];
  readonly sliceMs: number;
  readonly illMs: number;
  /** In the names of the neighbours that have their turn; empty: all. */
  readonly ill: string;
  readonly recoveryMib: readonly number[];
  readonly idle: number;
  readonly messages: number;
  readonly json: boolean;
};

export function readOptions(): Options {
  const values = readFlags(
    USAGE,
    () =>
      parseArgs({
        options: {
          feeds: { type: 'string', default: '1,16,250' },
          rounds: { type: 'string', default: '3' },
          seconds: { type: 'string', default: '4' },
          'warm-up': { type: 'string', default: '3' },
          only: { type: 'string', default: VARIANTS.join(',') },
          sections: { type: 'string', default: 'throughput,equal-rate,pauses,recovery,idle' },
          'answer-ms': { type: 'string', default: '0,50' },
          'slice-ms': { type: 'string', default: '3000' },
          'ill-ms': { type: 'string', default: '500' },
          ill: { type: 'string', default: '' },
          'recovery-mib': { type: 'string', default: '16,64' },
          idle: { type: 'string', default: '5000' },
          messages: { type: 'string', default: '10000000' },
          json: { type: 'boolean', default: false },
        },
      }).values,
    HELP,
  );
  const feedCounts = wholeNumbers(USAGE, 'feeds', values.feeds);
  const options: Options = {
    feedCounts,
    most: Math.max(...feedCounts),
    sections: new Set(someOf(USAGE, 'sections', values.sections, SECTIONS)),
    names: someOf(USAGE, 'only', values.only, VARIANTS),
    rounds: wholeNumber(USAGE, 'rounds', values.rounds),
    timing: {
      warmUpMs: wholeNumber(USAGE, 'warm-up', values['warm-up'], 0) * 1000,
      measureMs: wholeNumber(USAGE, 'seconds', values.seconds) * 1000,
    },
    answersMs: wholeNumbers(USAGE, 'answer-ms', values['answer-ms'], 0),
    sliceMs: wholeNumber(USAGE, 'slice-ms', values['slice-ms']),
    illMs: wholeNumber(USAGE, 'ill-ms', values['ill-ms'], 0),
    ill: values.ill,
    recoveryMib: wholeNumbers(USAGE, 'recovery-mib', values['recovery-mib']),
    idle: wholeNumber(USAGE, 'idle', values.idle),
    messages: wholeNumber(USAGE, 'messages', values.messages),
    json: values.json,
  };
  refuseTooManyFiles(options);
  return options;
}

/** Those that can be measured here with so many feeds; `told` hears of each that cannot. */
export async function namesFor(
  feeds: number,
  { names }: Options,
  told: (line: string) => void,
): Promise<VariantName[]> {
  const able: VariantName[] = [];
  for (const name of names) {
    const why = await whyNot(name, feeds);
    if (why === null) able.push(name);
    else told(`without ${name} at ${feeds} feeds: ${why}`);
  }
  return able;
}

/** Before anything has run: a process that may not open its sockets fails in the middle of a night's run. */
function refuseTooManyFiles({ sections, names, most, idle }: Options): void {
  const needs: { readonly what: string; readonly files: number }[] = [];
  if (sections.has('throughput') || sections.has('equal-rate')) {
    for (const name of names) needs.push({ what: `${name} at ${most} feeds`, files: filesOf(name, most) });
  }
  if (sections.has('pauses') || sections.has('neighbours')) {
    needs.push({ what: `pauses or neighbours at ${most} feeds`, files: filesOf('gateway-parallel', most) });
  }
  if (sections.has('idle')) needs.push({ what: `--idle ${idle}`, files: 2 * idle + SPARE_FILES });
  const allowed = openFilesAllowed();
  const [worst] = needs.filter(({ files }) => files > allowed).sort((a, b) => b.files - a.files);
  if (worst === undefined) return;
  const remedy = `allow more (\`ulimit -n ${worst.files}\`, as root), or leave it out (--only, --sections, --feeds, --idle)`;
  refuse(
    `${worst.what} takes ${worst.files} open files in one process, and ${allowed} are allowed here: ${remedy}`,
    USAGE,
  );
}
