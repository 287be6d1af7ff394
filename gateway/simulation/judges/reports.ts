/** The judge of what the gateway reports, at the end of a night: its counters and routes are what the disk says (rules 10, 14). */
import type { ConnectionEngine } from '../../engine/connection.ts';
import type { Evidence } from './evidence.ts';

/** Counters and routes of the engine are what the disk says. Only where nothing is under way. */
export function judgeReports(evidence: Evidence): void {
  const { engine, disk, violate } = evidence;
  for (const [name, connection] of engine.connections) {
    const told = engine.status(name)?.counters;
    const counted = countOnDisk(evidence, connection);
    for (const [counter, value] of Object.entries(counted)) {
      const said = Object.entries(told ?? {}).find(([key]) => key === counter)?.[1];
      if (said !== value) violate(10, `${name}: reports ${counter} ${said}, the journal has ${value}`);
    }
    const last = disk.view.epochs.get(name)?.at(-1)?.record;
    if (last !== undefined && last.epoch !== connection.route.epoch)
      violate(14, `${name}: at epoch ${connection.route.epoch}, the journal says ${last.epoch}`);
  }
}

function countOnDisk({ disk }: Evidence, { config }: ConnectionEngine): Record<string, number> {
  const counts = {
    received: 0,
    accepted: 0,
    unanswered: 0,
    outputs: 0,
    delivered: 0,
    destinationRejected: 0,
    captured: 0,
    parked: 0,
    suppressed: 0,
    maybeSent: 0,
    answeredAgain: 0,
  };
  for (const { offset, meta } of disk.view.all()) {
    switch (meta.t) {
      case 'input':
        if (meta.feed !== config.feed) break;
        counts.received++;
        // What a crash left without a verdict was not answered either.
        if (!disk.view.inputVerdicts.has(offset)) counts.unanswered++;
        break;
      case 'input-verdict':
        if (meta.feed !== config.feed) break;
        if (meta.verdict === 'positive') counts.accepted++;
        if (meta.verdict === 'lost') counts.unanswered++;
        break;
      case 'output':
        if (meta.connection !== config.name) break;
        counts.outputs++;
        if (meta.role === 'capture') counts.captured++;
        if (meta.role === 'park') counts.parked++;
        if (meta.role === 'suppress') counts.suppressed++;
        break;
      case 'output-verdict':
        if (meta.connection !== config.name || meta.verdict === 'lost') break;
        if (meta.verdict === 'positive') counts.delivered++;
        else counts.destinationRejected++;
        break;
      case 'list':
        if (meta.connection !== config.name) break;
        if (meta.list === 'maybeSent' || meta.list === 'answeredAgain') counts[meta.list]++;
        break;
      default:
        break;
    }
  }
  return counts;
}
