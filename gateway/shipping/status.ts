/** How shipping stands, as the worker reports it and as metrics and retention see it. */

/**
 * `connecting`: not reached yet. `shipping`: behind, working on it. `current`: nothing waits. `failing`: tries again later.
 * `refused`: the database cannot take this journal until a person has looked.
 */
export const SHIPPING_STATES = ['connecting', 'shipping', 'current', 'failing', 'refused'] as const;
export type ShippingState = (typeof SHIPPING_STATES)[number];

export type ShipperReport = {
  readonly state: ShippingState;
  /** Null: the database has not said yet. */
  readonly shippedUpTo: number | null;
  /** When the oldest record that waits was written, where it is known; null also when none waits. */
  readonly waitingSinceMs: number | null;
  readonly failures: number;
  /** Records that the journal had purged before they could be shipped. */
  readonly missingRecords: number;
};

export type ShippingStatus = {
  readonly state: ShippingState;
  readonly shippedUpTo: number | null;
  readonly durableUpTo: number;
  /** Null: unknown. */
  readonly lagRecords: number | null;
  readonly lagSeconds: number;
  readonly failures: number;
  readonly missingRecords: number;
};

/** A line for the log: never content, never a URL. */
export type ShippingLog = {
  readonly level: 'info' | 'warn' | 'error';
  readonly event: string;
  readonly facts: Readonly<Record<string, string | number>>;
};
