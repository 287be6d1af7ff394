/**
 * Which connections move together. The orders and results of a practice never split, and all connections of a shared feed
 * stay together as long as a wave holds them: an LIS feed that serves the whole lab moves practice by practice. The pilot goes first, then low risk before high, one vendor's practices in one wave
 * where they fit. A wave that a person wrote into the inventory stays as it is, and is judged.
 */
import { counted } from '../count-words.ts';
import type { Connection } from '../inventory.ts';

/** What `import` writes, and what `plan` may fill in. */
export const UNPLANNED = 'unplanned';
export const PILOT = 'pilot';

export type Risk = 'low' | 'medium' | 'high';
const RISK_ORDER: Readonly<Record<Risk, number>> = { low: 0, medium: 1, high: 2 };

/** What moves as one. */
export type Unit = {
  readonly connections: readonly Connection[];
  readonly practices: readonly string[];
  readonly vendors: readonly string[];
  readonly risk: Risk;
  /** Null: not known. */
  readonly messagesPerDay: number | null;
};

export type Wave = { readonly name: string; readonly units: readonly Unit[] };

export type WaveProblem = {
  readonly code: 'split' | 'too-large' | 'no-pilot' | 'feed-over-waves';
  readonly message: string;
  readonly remedy: string;
};
const MOVE = 'change `wave` in the inventory';

export type WavePlan = { readonly waves: readonly Wave[]; readonly problems: readonly WaveProblem[] };

export type WaveWishes = {
  readonly pilot: readonly string[];
  readonly largestWave: number;
  /** By practice; others are judged by what the inventory says of them. */
  readonly risk: Readonly<Record<string, Risk>>;
  readonly messagesPerDay: (connection: string) => number | null;
};

export function vendorOf(connection: Connection): string | null {
  return connection.owners.emr ?? null;
}

export function planWaves(connections: readonly Connection[], wishes: WaveWishes): WavePlan {
  const units = unitsOf(connections, wishes);
  const problems = units.flatMap(splitOf);
  const placed = new Map<string, Unit[]>();
  const open: Unit[] = [];
  for (const unit of units) {
    const wave = unit.connections.find((item) => item.wave !== UNPLANNED)?.wave;
    if (wave === undefined) open.push(unit);
    else placed.set(wave, [...(placed.get(wave) ?? []), unit]);
  }
  fillPilot(placed, open, wishes);
  packOthers(placed, open, wishes.largestWave);
  const waves = [...placed].map(([name, members]) => ({ name, units: members })).sort(byName);
  if (connections.length > 0 && !placed.has(PILOT)) {
    const message = `no wave is named '${PILOT}': the first one is the pilot, whatever its size`;
    problems.push({ code: 'no-pilot', message, remedy: MOVE });
  }
  for (const { name, units: members } of waves) {
    const size = sizeOf(members);
    if (size <= wishes.largestWave) continue;
    const message = `wave ${name} has ${counted(size, 'connection')}, more than ${wishes.largestWave}`;
    problems.push({ code: 'too-large', message, remedy: MOVE });
  }
  return { waves, problems: [...problems, ...feedsOverWaves(waves, problems)] };
}

export function sizeOf(units: readonly Unit[]): number {
  return units.reduce((sum, unit) => sum + unit.connections.length, 0);
}

/** Practices and feeds as one graph: what hangs together is a unit, where a wave holds it. In the inventory's order. */
function unitsOf(connections: readonly Connection[], wishes: WaveWishes): Unit[] {
  const parent = new Map<string, string>();
  const rootOf = (key: string): string => {
    let root = key;
    for (let next = parent.get(root); next !== undefined && next !== root; next = parent.get(root)) root = next;
    return root;
  };
  for (const { practice, feed } of connections) {
    const a = rootOf(`practice ${practice}`);
    parent.set(a, a);
    // Without a feed it hangs together with its own practice only.
    const b = feed === null ? a : rootOf(`feed ${feed}`);
    if (a !== b) parent.set(b, a);
  }
  const groups = Map.groupBy(connections, ({ practice }) => rootOf(`practice ${practice}`));
  return [...groups.values()].flatMap((members) => {
    const fits = members.length <= wishes.largestWave;
    const parts = fits ? [members] : [...Map.groupBy(members, ({ practice }) => practice).values()];
    return parts.map((part) => toUnit(part, wishes));
  });
}

/** While one of its practices switches, the others of the feed wait, unless nothing is held. */
function feedsOverWaves(waves: readonly Wave[], known: readonly WaveProblem[]): WaveProblem[] {
  if (known.some(({ code }) => code === 'split')) return [];
  const placed = waves.flatMap(({ name, units }) =>
    units.flatMap(({ connections }) => connections.map((item) => ({ item, wave: name }))),
  );
  return [...Map.groupBy(placed, ({ item }) => item.feed)].flatMap(([feed, members]): WaveProblem[] => {
    const over = new Set(members.map(({ wave }) => wave)).size;
    if (feed === null || over < 2 || members.every(({ item }) => item.changeOver === 'at-offset')) return [];
    const message = `feed ${feed} serves ${members.length} connections, more than a wave holds: they move in ${over} waves, and each switch holds all of them`;
    const remedy = 'write `changeOver: at-offset` for them (it needs `correlate`): no switch holds the others';
    return [{ code: 'feed-over-waves', message, remedy }];
  });
}

function toUnit(connections: readonly Connection[], wishes: WaveWishes): Unit {
  const practices = [...new Set(connections.map(({ practice }) => practice))];
  const vendors = [...new Set(connections.flatMap((item) => vendorOf(item) ?? []))].sort();
  const traffic = connections.map(({ name }) => wishes.messagesPerDay(name));
  const isKnown = traffic.every((figure) => figure !== null);
  const risks = practices.map((practice) => wishes.risk[practice] ?? riskOf(connections));
  const [risk = 'low'] = risks.sort((a, b) => RISK_ORDER[b] - RISK_ORDER[a]);
  const messagesPerDay = isKnown ? traffic.reduce((sum, figure) => sum + (figure ?? 0), 0) : null;
  return { connections, practices, vendors, risk, messagesPerDay };
}

/** What makes a switch or its way back harder: effects that nobody classified, outputs that cannot be told apart. */
function riskOf(connections: readonly Connection[]): Risk {
  if (connections.some((item) => item.unclassifiedEffects.length > 0)) return 'high';
  const isOfOneKind = connections.every((item) => item.correlate !== null && item.outputs === 'one');
  return isOfOneKind ? 'low' : 'medium';
}

function splitOf(unit: Unit): WaveProblem[] {
  const waves = [...new Set(unit.connections.map(({ wave }) => wave).filter((wave) => wave !== UNPLANNED))];
  if (waves.length < 2) return [];
  const feeds = [...new Set(unit.connections.flatMap(({ feed }) => feed ?? []))];
  const what =
    unit.practices.length === 1
      ? `the orders and results of ${unit.practices[0]}`
      : `practices that share a feed (${unit.practices.slice(0, 3).join(', ')}${unit.practices.length > 3 ? ', …' : ''}; feeds ${feeds.slice(0, 2).join(', ')})`;
  const message = `${what} are split over the waves ${waves.join(' and ')}: they move together, so give them one`;
  return [{ code: 'split', message, remedy: MOVE }];
}

function fillPilot(placed: Map<string, Unit[]>, open: Unit[], wishes: WaveWishes): void {
  const wanted = open.filter((unit) => unit.practices.some((practice) => wishes.pilot.includes(practice)));
  if (wanted.length === 0 && placed.has(PILOT)) return;
  const chosen = wanted.length > 0 ? wanted : easiest(open);
  if (chosen.length === 0) return;
  placed.set(PILOT, [...(placed.get(PILOT) ?? []), ...chosen]);
  for (const unit of chosen) open.splice(open.indexOf(unit), 1);
}

/** One unit with both directions, of least risk, smallest, and with traffic to learn from. */
function easiest(open: readonly Unit[]): Unit[] {
  const hasBoth = (unit: Unit): boolean => new Set(unit.connections.map(({ direction }) => direction)).size === 2;
  const isSilent = (unit: Unit): boolean => unit.messagesPerDay === 0;
  const sorted = open.toSorted(
    (a, b) =>
      Number(hasBoth(b)) - Number(hasBoth(a)) ||
      RISK_ORDER[a.risk] - RISK_ORDER[b.risk] ||
      a.connections.length - b.connections.length ||
      Number(isSilent(a)) - Number(isSilent(b)),
  );
  return sorted.slice(0, 1);
}

/** First fit in order of risk, vendor and traffic; a unit larger than a wave gets one of its own. */
function packOthers(placed: Map<string, Unit[]>, open: readonly Unit[], largest: number): void {
  const sorted = open.toSorted(
    (a, b) =>
      RISK_ORDER[a.risk] - RISK_ORDER[b.risk] ||
      (a.vendors[0] ?? '').localeCompare(b.vendors[0] ?? '') ||
      (a.messagesPerDay ?? 0) - (b.messagesPerDay ?? 0),
  );
  let wave: Unit[] = [];
  let number = 0;
  const nextName = (): string => {
    do number++;
    while (placed.has(`wave-${number}`));
    return `wave-${number}`;
  };
  for (const unit of sorted) {
    if (wave.length > 0 && sizeOf(wave) + unit.connections.length > largest) {
      placed.set(nextName(), wave);
      wave = [];
    }
    wave = [...wave, unit];
  }
  if (wave.length > 0) placed.set(nextName(), wave);
}

const COLLATOR = new Intl.Collator('en', { numeric: true });

function byName(a: Wave, b: Wave): number {
  return Number(b.name === PILOT) - Number(a.name === PILOT) || COLLATOR.compare(a.name, b.name);
}
