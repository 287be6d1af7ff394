/** Every fault by its name. */
import { controlDies } from './control-dies.ts';
import { diskFull } from './disk-full.ts';
import type { Fault } from './fault.ts';
import { gatewayDies } from './gateway-dies.ts';
import type { FaultName } from './names.ts';
import { onCandidate } from './on-candidate.ts';
import { backendDown, databaseDown } from './records-down.ts';

export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  drift: onCandidate('drift'),
  slow: onCandidate('slow'),
  nak: onCandidate('nak'),
  drop: onCandidate('drop'),
  duplicate: onCandidate('duplicate'),
  'candidate-down': onCandidate('candidate-down'),
  'control-dies': controlDies,
  'gateway-dies': gatewayDies,
  'disk-full': diskFull,
  'database-down': databaseDown,
  'backend-down': backendDown,
};
