/** What the admin API's thread and the traffic's thread tell each other. */
import type { Figures } from '../families.ts';
import type { Caller, Credential } from './credentials.ts';

/** PEM. */
export type AdminServerTls = {
  readonly certificate: string;
  readonly key: string;
  /** Authorities that a client's certificate must come from; absent: none is asked for. */
  readonly clientAuthorities?: string | null;
};

/** What can change while it serves. */
export type Renewable = { readonly tls: AdminServerTls; readonly credentials: readonly Credential[] };

export type WorkerOptions = Renewable & {
  readonly port: number;
  readonly address: string;
  readonly readLimitMs: number;
};

/** Only the traffic's thread can answer: health too, which is that thread's. */
export type Question =
  | { readonly about: 'call'; readonly call: Call }
  | { readonly about: 'alive' | 'ready' | 'figures' };
export type Call = {
  readonly method: string;
  /** Decoded, without the leading `v1`. */
  readonly path: readonly string[];
  readonly query: string;
  readonly caller: Caller;
  readonly body: string;
};

/** `text`: JSON. */
export type TextReply = { readonly status: number; readonly text: string; readonly allow?: readonly string[] };
export type Answer = TextReply | { readonly figures: Figures };

export type ToWorker =
  | { readonly kind: 'answer'; readonly id: number; readonly answer: Answer }
  | { readonly kind: 'renew'; readonly id: number; readonly renewed: Renewable }
  | { readonly kind: 'close'; readonly boundMs: number };

export type FromWorker =
  | { readonly kind: 'listening'; readonly port: number }
  | { readonly kind: 'not-listening'; readonly message: string; readonly code: string }
  | { readonly kind: 'question'; readonly id: number; readonly question: Question }
  /** `problem`: it goes on with what it had. */
  | { readonly kind: 'renewed'; readonly id: number; readonly problem: string | null }
  | { readonly kind: 'failed'; readonly method: string; readonly name: string; readonly error: string };
