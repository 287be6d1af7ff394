/** Every fault by its name. */
import { controlDies } from './control-dies.ts';
import { diskFull } from './disk-full.ts';
import type { Fault } from './fault.ts';
import { gatewayDies } from './gateway-dies.ts';
import { gatewayFrozen } from './gateway-frozen.ts';
import type { FaultName } from './names.ts';
import { onCandidate } from './on-candidate.ts';
import { backendDown, databaseDown } from './records-down.ts';
import { worstNight } from './worst-night.ts';

export const FAULTS: Readonly<Record<FaultName, Fault>> = {
  drift: onCandidate('drift'),
  slow: onCandidate('slow'),
  nak: onCandidate('nak'),
  drop: onCandidate('drop'),
  duplicate: onCandidate('duplicate'),
  'candidate-down': onCandidate('candidate-down'),
  'control-dies': controlDies,
  'gateway-dies': gatewayDies,
  'gateway-frozen': gatewayFrozen,
  'disk-full': diskFull,
  'database-down': databaseDown,
  'backend-down': backendDown,
  'worst-night': worstNight({ isBehind: false }),
  'legacy-behind': worstNight({ isBehind: true }),
};
