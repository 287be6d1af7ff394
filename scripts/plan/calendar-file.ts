/** The plan as iCalendar (RFC 5545): one event a wave, from the start to the end of its window, with an alarm at the last safe moment. */

import ical, { ICalAlarmType, ICalCalendarMethod } from 'ical-generator';
import { counted } from '../../core/count-words.ts';
import type { ProgrammePlan } from '../../core/planning/plan-document.ts';
import { wallClockAt } from '../../core/planning/zone.ts';

/** `stamp`: when the plan was made. */
export function toCalendar(plan: ProgrammePlan, deployment: string, stamp: Date): string {
  const calendar = ical({
    name: `Cutover of ${deployment}`,
    prodId: { company: 'cutover', product: 'plan', language: 'EN' },
    method: ICalCalendarMethod.PUBLISH,
  });
  for (const { name, connections, practices, night, people, red } of plan.waves) {
    if (night === null) continue;
    const local = (at: string): string => `${wallClockAt(Date.parse(at), night.timeZone)} ${night.timeZone}`;
    const event = calendar.createEvent({
      id: `${plan.stack}-${name}@${deployment}`,
      stamp,
      start: new Date(night.startsAt),
      end: new Date(night.closesAt),
      summary: `Cutover ${name}: ${counted(connections.length, 'connection')}`,
      description: [
        `Practices: ${practices.join(', ')}`,
        `Window: ${local(night.opensAt)} to ${local(night.closesAt)}`,
        `Start by: ${local(night.lastStartAt)}`,
        `A rollback must begin by: ${local(night.lastSafeAt)}`,
        `There: ${people.map(({ role, who }) => `${role} ${who}`).join(', ')}`,
        ...red.map((reason) => `RED: ${reason}`),
      ].join('\n'),
    });
    event.createAlarm({
      type: ICalAlarmType.display,
      trigger: new Date(night.lastSafeAt),
      description: `Last safe moment to begin a rollback of ${name}`,
    });
  }
  // Every line of it ends (RFC 5545, 3.1), also the last one, which the library leaves open.
  return `${calendar.toString().trimEnd()}\r\n`;
}
