/**
 * What an import makes of whatever it reads: flows, one for each future connection, and an account of every connector
 * or row that was there. Nothing is dropped without an entry.
 */
import type { Framing } from '../inventory.ts';

export type Place = { readonly file: string; readonly line: number };

/** `isCertain`: written there, rather than guessed from a name. */
export type Guess<T> = { readonly value: T; readonly isCertain: boolean };

export type Endpoint = {
  readonly host: string;
  readonly port: number;
  /** Null: the standard one. */
  readonly framing: Framing | null;
  readonly usesTls: boolean;
};

export type Flow = {
  /** Stays the same from export to export: what a rerun recognises it by. */
  readonly key: string;
  readonly place: Place;
  /** As its owner calls it, for comments and reports. */
  readonly label: string;
  /** The name that it should get, where its source says one. */
  readonly name: string | null;
  readonly practice: Guess<string>;
  readonly direction: Guess<'orders' | 'results'>;
  /** Flows of one feed have the same key. Null: it has none, its platform polls (origin: platform). */
  readonly feedKey: string | null;
  readonly feedLabel: string;
  /** How often its platform polls; null: it has a feed, or nothing says it. */
  readonly pollsEveryMs: number | null;
  /** Where the legacy platform takes the messages; host null: the export does not say it. */
  readonly legacy: Omit<Endpoint, 'host'> & { readonly host: string | null };
  /** Null: as legacy, at the host that the command line says. */
  readonly new: { readonly host: string; readonly port: number } | null;
  readonly destination: Endpoint;
  /** The source's patience; null: unknown. */
  readonly ackTimeoutMs: number | null;
  /** The legacy platform's patience at its leg; null: unknown, or for ever. */
  readonly legAckTimeoutMs: number | null;
  /** False: something between may filter, so an input need not yield an output. */
  readonly alwaysYields: boolean;
  /** Null: its source does not say. */
  readonly effects: readonly string[] | null;
  readonly owners: Readonly<Record<string, string>>;
  readonly wave: string | null;
};

export type Outcome =
  | { readonly kind: 'taken'; readonly as: string }
  | { readonly kind: 'decision'; readonly reason: string; readonly remedy: string }
  | { readonly kind: 'left-out'; readonly reason: string };

/** One connector of an export, or one row of a list. */
export type Account = {
  readonly place: Place;
  readonly channel: string;
  readonly connector: string;
  /** As in `TCP Listener`, or `row`. */
  readonly kind: string;
  readonly outcome: Outcome;
  /** What was read of it, for whoever decides. */
  readonly facts: Readonly<Record<string, string>>;
};

/** Something that was assumed, or that the inventory cannot say. */
export type Question = {
  readonly code: string;
  readonly place: Place;
  readonly about: string;
  readonly message: string;
  readonly remedy: string;
};

export type Reading = {
  readonly file: string;
  /** As in `Mirth Connect 3.8.1, full server backup`. */
  readonly kind: string;
  /** Connectors or rows, as a counter of its own saw them go by. */
  readonly counted: number;
  readonly flows: readonly Flow[];
  readonly accounts: readonly Account[];
  readonly questions: readonly Question[];
  /** Parts of the document that hold no connector, and were not looked at. */
  readonly notLookedAt: readonly { readonly what: string; readonly count: number; readonly line: number }[];
};
