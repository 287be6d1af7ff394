/** What befalls the gateway and its peers in a simulated night: each fault, as it strikes a feed and one of its legs. */
import { otherPlatform, type Platform } from '../../core/platform.ts';
import type { Fault, Strike, Target } from './faults.ts';
import type { GatewayProcess } from './gateway-process.ts';
import type { Platform as PlatformParty } from './parties/platform.ts';
import type { Setting } from './setting.ts';

export const BREAKS = ['break-source', 'break-platform', 'break-leg', 'break-destination'] as const;

const PARTITION_FROM_MS = 200;
const PARTITION_SPAN_MS = 6000;
const STILL_FROM_MS = 500;
const STILL_SPAN_MS = 3000;
const STUCK_LONG_SPAN_MS = 10_000;
const DEAD_FROM_MS = 500;
const DEAD_SPAN_MS = 4000;
/** Long enough for the copies that wait to fill the disk. */
const DEAD_LONG_SPAN_MS = 20_000;

export class Accidents {
  readonly #setting: Setting;
  readonly #process: GatewayProcess;

  constructor(setting: Setting, process: GatewayProcess) {
    this.#setting = setting;
    this.#process = process;
  }

  strikeOf(fault: Fault): Strike {
    const { disk } = this.#setting;
    switch (fault) {
      case 'crash-process':
      case 'crash-machine':
        return (_, state) => this.#process.crash(state, fault === 'crash-machine');
      case 'restart':
        return (_, state) => this.#process.stop(state);
      case 'failed-sync':
        return () => disk.failNext('sync');
      case 'torn-write':
        return () => disk.failNext('write');
      case 'break-source':
      case 'break-platform':
      case 'break-leg':
      case 'break-destination':
        return (target) => this.#break(fault, target);
      case 'partition':
        return (target) => this.#partition(target);
      case 'dead-platform':
        return (target) => this.#die(target);
      case 'stalled-candidate':
        return (target) => this.#stall(target);
      case 'stuck-outputs':
        return (target) => this.#stick(target);
    }
  }

  #break(kind: (typeof BREAKS)[number], target: Target): void {
    const { network, faults } = this.#setting;
    if (!network.breakOne(this.#portsOf(kind, target))) return;
    const isOneLegs = kind === 'break-platform' || kind === 'break-leg';
    faults.note(kind, isOneLegs ? target : { feed: target.feed });
  }

  #portsOf(kind: (typeof BREAKS)[number], { feed, leg }: Target): readonly number[] {
    const site = this.#setting.sites.find(({ name }) => name === feed);
    if (site === undefined) return [];
    const { ports, connections } = site;
    switch (kind) {
      case 'break-source':
        return [ports.feed];
      case 'break-platform':
        return [ports[leg]];
      case 'break-leg':
        return [leg === 'legacy' ? ports.legacyLeg : ports.newLeg];
      case 'break-destination':
        return connections.map(({ destination }) => destination);
    }
  }

  /** Nothing comes through on one connection for a while, and nobody is told. */
  #partition(target: Target): void {
    const { world, network, faults, chronicle } = this.#setting;
    const forMs = PARTITION_FROM_MS + world.roll(PARTITION_SPAN_MS);
    const first = world.roll(BREAKS.length);
    for (const kind of [...BREAKS.slice(first), ...BREAKS.slice(0, first)]) {
      const ports = this.#portsOf(kind, target);
      if (!network.stallOne(ports, forMs)) continue;
      faults.note('partition', { feed: target.feed });
      chronicle.note(`${target.feed}: nothing comes through to port ${ports[0]} for ${forMs} ms`);
      return;
    }
  }

  /** Only a platform that no source waits for: what a slow one may cost its neighbours is what is looked at. */
  #stall({ feed }: Target): void {
    const { world, faults, chronicle } = this.#setting;
    const primary = this.#process.engine?.feeds.get(feed)?.primary ?? 'legacy';
    const platform = this.#platform(feed, otherPlatform(primary));
    if (platform === undefined) return;
    platform.stalledUntilMs = world.now + STILL_FROM_MS + world.roll(STILL_SPAN_MS);
    faults.note('stalled-candidate', { feed, leg: platform.name });
    chronicle.note(`${feed}: ${platform.name} stands still`);
  }

  #stick({ feed, leg }: Target): void {
    const { world, faults, chronicle, options } = this.#setting;
    const platform = this.#platform(feed, leg);
    if (platform === undefined) return;
    const spanMs = options.cancels ? STUCK_LONG_SPAN_MS : STILL_SPAN_MS;
    platform.wedgedUntilMs = world.now + STILL_FROM_MS + world.roll(spanMs);
    faults.note('stuck-outputs', { feed, leg });
    chronicle.note(`${feed}: the outputs of ${leg} are stuck`);
  }

  #die({ feed, leg }: Target): void {
    const { world, faults, chronicle, options } = this.#setting;
    const platform = this.#platform(feed, leg);
    if (platform === undefined || platform.isDead) return;
    faults.note('dead-platform', { feed, leg });
    chronicle.note(`${feed}: ${leg} dies`);
    platform.die();
    const spanMs = options.roomSegments === null ? DEAD_SPAN_MS : DEAD_LONG_SPAN_MS;
    world.after(DEAD_FROM_MS + world.roll(spanMs), () => platform.live());
  }

  #platform(feed: string, name: Platform): PlatformParty | undefined {
    const { feeds } = this.#setting.parties;
    return feeds.find((party) => party.name === feed)?.platforms.find((one) => one.name === name);
  }
}
