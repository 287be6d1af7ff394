/** What a verb file exports: data and one decision; the runner does the rest. */
import type { Order, Plan, Snapshot, Verdict } from '../../core/plan.ts';
import type { Context, Surroundings } from './context.ts';
import type { Args, FlagName } from './flags.ts';
import type { ExitCode } from './stop.ts';

type Described = {
  /** One line, as in the list of verbs. */
  readonly summary: string;
  /** Command lines that work as they stand. */
  readonly examples: readonly string[];
};

/** Changes routes: lease, snapshot, decide, Plan, steps, result. */
export type MoveVerb = Described & {
  readonly kind: 'move';
  readonly flags: readonly FlagName[];
  readonly order: Order;
  /** What a person at a terminal is asked before anything changes; without a terminal all but `nothing` needs --yes. */
  readonly confirm: 'nothing' | 'yes' | 'typed';
  /** Judges the command line beyond single flags; throws a VerbStop. */
  readonly check?: (args: Args) => void;
  readonly decide: (snapshot: Snapshot, args: Args) => Verdict;
  /** Asks again, before anything changes, what a planned move rests on: what speaks against it, by connection. */
  readonly preflight?: (context: Context, plan: Plan) => Promise<Snapshot['barred']>;
};

export type Printed = {
  readonly document: object;
  /** For people, on stdout. */
  readonly text: string;
  readonly exitCode: ExitCode;
  /** Once the result is printed and every lease is given back: it changes neither the result nor the exit code. */
  readonly afterwards?: () => Promise<void>;
};

/** Reads, or does something that is no move, and prints the outcome. */
export type TaskVerb = Described & {
  readonly kind: 'task';
  readonly flags: readonly FlagName[];
  /** Without a selection: everything. */
  readonly selectsAll: boolean;
  /** A word that says what it does anyway; it may be left out. */
  readonly word?: { readonly name: string; readonly choices: readonly string[] };
  readonly check?: (args: Args) => void;
  readonly perform: (context: Context, args: Args) => Promise<Printed>;
};

/** `word`: empty where the verb takes none. */
export type PlainCall = { readonly word: string; readonly verbs: Readonly<Record<string, Verb>> };

/** Needs no project that holds: it looks for itself. */
export type PlainVerb = Described & {
  readonly kind: 'plain';
  readonly flags: readonly FlagName[];
  /** The word after the verb, where it takes one. */
  readonly word?: { readonly name: string; readonly choices: readonly string[] };
  readonly perform: (around: Surroundings, args: Args, call: PlainCall) => Promise<Printed>;
};

/** Starts another part of the product as a process; the rest of the command line is its own. */
export type ProcessVerb = Described & {
  readonly kind: 'process';
  /** From the product's folder. */
  readonly entry: string;
};

export type Verb = MoveVerb | TaskVerb | PlainVerb | ProcessVerb;
