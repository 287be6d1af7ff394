/** The faults that can be asked for, and what each does, as --help says it. */

export const FAULT_SUMMARIES = {
  drift: "the new platform's mapping goes wrong during the parallel run",
  slow: 'the new platform becomes slow during the parallel run',
  nak: 'the new platform refuses every fourth message during the parallel run',
  drop: 'the new platform swallows every third message during the parallel run',
  duplicate: 'the new platform sends every fourth message twice during the parallel run',
  'candidate-down': 'the new platform is down for a while during the parallel run',
  'control-dies': 'the new platform is killed mid-message after the switch; forced rollback',
  'gateway-dies': 'kill -9 of the gateway under load after the switch; it starts again on its data directory',
  'gateway-frozen':
    'a gateway freezes under load after the switch and wakes up; frozen again, it is killed and taken over',
  'database-down': 'PostgreSQL is stopped before the rollback',
  'disk-full': 'the disk of a gateway is full for a while after the switch',
  'backend-down': 'the Pulumi backend is out of reach before the rollback',
  'worst-night': 'the new platform is killed, PostgreSQL and the Pulumi backend are gone; it comes back with its queue',
  'legacy-behind': 'the same, with legacy up to 10,000 messages behind when it is needed',
} as const;

export type FaultName = keyof typeof FAULT_SUMMARIES;

export function isFaultName(text: string): text is FaultName {
  return Object.hasOwn(FAULT_SUMMARIES, text);
}

export const FAULT_NAMES: readonly FaultName[] = Object.keys(FAULT_SUMMARIES).filter(isFaultName);
