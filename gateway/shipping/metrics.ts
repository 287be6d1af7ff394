/** Shipping in the Prometheus text format. What is not known is left out, so that it cannot be taken for zero. */
import { Gauge, type Registry } from 'prom-client';
import { SHIPPING_STATES, type ShippingStatus } from './status.ts';

export function shippingMetrics(registry: Registry, status: () => ShippingStatus | null): void {
  const plain = (name: string, help: string, value: (status: ShippingStatus) => number | null): void => {
    const gauge: Gauge = new Gauge({
      name: `cutover_shipping_${name}`,
      help,
      registers: [registry],
      collect: () => {
        const present = status();
        const figure = present === null ? null : value(present);
        // Without labels prom-client shows 0 for a gauge that was never set.
        if (figure === null) gauge.remove();
        else gauge.set(figure);
      },
    });
  };
  plain('shipped_offset', 'Records up to this offset are in the database', (one) => one.shippedUpTo);
  plain('durable_offset', 'Records up to this offset are on disk', (one) => one.durableUpTo);
  plain('lag_records', 'Durable records that are not in the database', (one) => one.lagRecords);
  plain('lag_seconds', 'Age of the oldest record that is not in the database', (one) => one.lagSeconds);
  plain('failures_total', 'Failed attempts to reach or write the database', (one) => one.failures);
  plain('missing_records_total', 'Records purged before they could be shipped', (one) => one.missingRecords);
  const state: Gauge<'state'> = new Gauge({
    name: 'cutover_shipping_state',
    help: '1 for the state that shipping is in',
    labelNames: ['state'],
    registers: [registry],
    collect: () => {
      state.reset();
      const present = status();
      if (present === null) return;
      for (const one of SHIPPING_STATES) state.set({ state: one }, present.state === one ? 1 : 0);
    },
  });
}
