/** What `status` says after its table about connections that were switched: what is on watch, what has to go back, the morning. */
import type { StatusDocument } from '../../core/documents.ts';
import { readableTime } from '../../core/readable-time.ts';
import { nameList } from './name-list.ts';
import { formatTable } from './table.ts';

export function formatNight({ onWatch = [], stops = [], sharedCause = null, morning }: StatusDocument): string {
  const shared = sharedCause === null ? [] : [`■ most of them stop for one cause, ${sharedCause}: take the wave back`];
  const lines = [
    ...stops.map(({ name, reason }) => `■ stop ${name}: ${reason}`),
    ...shared,
    ...onWatch.map(
      ({ practice, directions, unproven }) =>
        `… on watch: ${practice}, no real message yet of ${directions.join(' and ')} (${nameList(unproven)})`,
    ),
    ...(morning === undefined ? [] : formatMorning(morning)),
  ];
  return lines.length === 0 ? '' : `\n${lines.join('\n')}\n`;
}

const HEADER = ['practice', 'connection', 'since', 'in', 'delivered', 'rejected', 'unanswered', 'open', 'pause', ''];

function formatMorning({ connections, roster }: NonNullable<StatusDocument['morning']>): string[] {
  const sorted = connections.toSorted((a, b) => (a.practice + a.name < b.practice + b.name ? -1 : 1));
  const rows = sorted.map((line) => [
    line.practice,
    line.name,
    readableTime(`${line.since.slice(0, 16)}Z`),
    String(line.received),
    String(line.delivered),
    String(line.rejected + line.destinationRejected),
    String(line.unanswered),
    String(line.decisions + line.parked + line.maybeSent),
    line.pauseMs === null ? '?' : `${Math.round(line.pauseMs)} ms`,
    line.proven ? 'proven' : 'not proven',
  ]);
  const none = 'the first morning: nothing selected was switched by a verb of this project';
  return [
    ...(rows.length === 0 ? [none] : ['since the switch:', ...formatTable([HEADER, ...rows])]),
    ...roster.map(({ name, role, phone, wave }) => `call: ${name}, ${role}, ${phone} (${wave})`),
  ];
}
