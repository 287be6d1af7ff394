/** Inventory, programme, traffic and measured times in; the plan of the programme out. */
import type { Inventory } from '../inventory.ts';
import { type Scheduled, scheduleWaves } from './calendar.ts';
import { type Measured, needsOf } from './measured.ts';
import type { PlannedWave, ProgrammePlan } from './plan-document.ts';
import type { Programme } from './programme.ts';
import { type RedItem, redToday } from './red-today.ts';
import { messagesPerDay, sumProfiles } from './sum-profiles.ts';
import type { TrafficProfile } from './traffic.ts';
import { planWaves, type Risk, type Wave } from './waves.ts';

export type PlanInput = {
  readonly stack: string;
  readonly inventory: Inventory;
  readonly programme: Programme;
  readonly measured: Measured | null;
  /** By connection; null where nothing is known of it. */
  readonly traffic: (connection: string) => TrafficProfile | null;
  readonly trafficSource: string | null;
  /** What is wrong with other files of the project that the inventory names. */
  readonly amiss: readonly RedItem[];
  readonly nowMs: number;
};

export function makePlan(input: PlanInput): ProgrammePlan {
  const { inventory, programme, measured, traffic } = input;
  const { connections } = inventory;
  const { waves, problems } = planWaves(connections, {
    pilot: programme.pilot,
    largestWave: programme.largestWave,
    risk: programme.risk,
    messagesPerDay: (name) => perDay(traffic(name)),
  });
  const reserves = { verifyMs: programme.verification, rollbackAtLeastMs: programme.rollbackAtLeast };
  const scheduled = scheduleWaves({
    waves,
    programme,
    fromMs: input.nowMs,
    needsOf: (wave) => needsOf(namesOf(wave).length, measured, reserves),
    profileOf: (wave) => sumProfiles(namesOf(wave).map(traffic)),
  });
  const unknown = connections.map(({ name }) => name).filter((name) => traffic(name) === null);
  const known = sumProfiles(connections.flatMap(({ name }) => traffic(name) ?? []));
  const red = [
    ...problems.map((problem) => ({ ...problem, connections: [] })),
    ...redToday(connections),
    ...input.amiss,
    ...redOfData(input, unknown),
  ];
  const planned = scheduled.map((each) => toPlannedWave(each, programme));
  return {
    ok: red.length === 0 && planned.every((wave) => wave.red.length === 0),
    stack: input.stack,
    timeZone: programme.timeZone,
    measured,
    traffic: {
      source: input.trafficSource,
      messages: known?.messages ?? 0,
      unknown,
      hours: known?.hours.map(({ perHour }) => perHour) ?? [],
    },
    waves: planned,
    red,
    warnings: unknownPilots(input),
    nextSteps: nextSteps(planned, red),
  };
}

function perDay(profile: TrafficProfile | null): number | null {
  return profile === null ? null : messagesPerDay(profile);
}

function namesOf(wave: Wave): string[] {
  return wave.units.flatMap((unit) => unit.connections.map(({ name }) => name));
}

function redOfData({ measured, trafficSource }: PlanInput, unknown: string[]): RedItem[] {
  const items: RedItem[] = [];
  if (measured === null) {
    const message = 'how long a switch and a rollback take was not measured: 20 min each are assumed';
    const remedy = 'cutover rehearse --json > rehearsal.json, then plan --measured rehearsal.json';
    items.push({ code: 'not-measured', message, connections: [], remedy });
  }
  if (unknown.length > 0) {
    const message = trafficSource === null ? 'no traffic was observed' : `no traffic was observed in ${trafficSource}`;
    const remedy = 'give old message files with --traffic DIR, or let the gateway ship its journal (DATABASE_URL)';
    items.push({ code: 'traffic-unknown', message, connections: unknown, remedy });
  }
  return items;
}

function toPlannedWave({ wave, needs, night, quiet, passedOver }: Scheduled, programme: Programme): PlannedWave {
  const practices = unique(wave.units.flatMap((unit) => unit.practices));
  const figures = wave.units.map((unit) => unit.messagesPerDay);
  const known = figures.filter((figure) => figure !== null);
  const red: string[] = [];
  if (night === null) {
    red.push(
      passedOver.length === 0
        ? 'no night: its connections have no window, or none in common'
        : `no night within 200 days: ${passedOver[0]?.reason}`,
    );
  } else if (quiet?.verdict === 'red') red.push(quiet.reason);
  return {
    name: wave.name,
    connections: namesOf(wave),
    practices,
    vendors: unique(wave.units.flatMap((unit) => unit.vendors)),
    risk: worst(wave.units.map((unit) => unit.risk)),
    messagesPerDay: known.length === figures.length ? known.reduce((sum, figure) => sum + figure, 0) : null,
    needs,
    night:
      night === null
        ? null
        : {
            date: night.window.date,
            timeZone: night.window.timeZone,
            opensAt: iso(night.window.openMs),
            closesAt: iso(night.window.closeMs),
            startsAt: iso(night.startMs),
            doneAt: iso(night.doneMs),
            lastStartAt: iso(night.lastStartMs),
            lastSafeAt: iso(night.lastSafeMs),
            spareMs: night.spareMs,
          },
    quiet,
    people: peopleOf(wave, programme),
    passedOver: [...passedOver],
    red,
  };
}

/** Everyone whom the inventory names for these connections, and the bridge. */
function peopleOf(wave: Wave, programme: Programme): PlannedWave['people'] {
  const people = new Map<string, { role: string; who: string }>();
  const add = (role: string, who: string): void => void people.set(`${role} ${who}`, { role, who });
  for (const who of programme.bridge) add('bridge', who);
  for (const { owners } of wave.units.flatMap((unit) => unit.connections)) {
    for (const [role, name] of Object.entries(owners)) {
      const contact = programme.vendors[name]?.contact;
      add(role, contact === undefined ? name : `${name} (${contact})`);
    }
  }
  return [...people.values()];
}

function worst(risks: readonly Risk[]): Risk {
  return risks.includes('high') ? 'high' : risks.includes('medium') ? 'medium' : 'low';
}

function unknownPilots({ inventory, programme }: PlanInput): string[] {
  const practices = new Set(inventory.connections.map(({ practice }) => practice));
  return programme.pilot
    .filter((practice) => !practices.has(practice))
    .map((practice) => `the programme's pilot '${practice}' is no practice of the inventory`);
}

function nextSteps(waves: readonly PlannedWave[], red: readonly RedItem[]): string[] {
  const steps = red.map(({ remedy }) => remedy);
  const first = waves.find(({ night }) => night !== null);
  if (red.length === 0 && first !== undefined) steps.push(`cutover parallel --wave ${first.name}`);
  return unique(steps);
}

function unique(items: readonly string[]): string[] {
  return [...new Set(items)];
}

function iso(atMs: number): string {
  return new Date(atMs).toISOString();
}
