/** An inventory as a lab writes it, and how its tests ask what is wrong with an altered copy. */
import { type Inventory, parseInventory } from './inventory.ts';
import type { Located } from './located-yaml.ts';

export const FILE = 'stacks/production/inventory.yaml';

/** One connection with a feed of its own, two on a shared feed whose legs share their ports. */
export const GOOD = `deployment: lab-prod-1
target: production
gateways:
  - { shard: 0, admin: "https://10.20.0.10:7443" }
  - { shard: 1, admin: "https://10.20.0.11:7443" }
defaults:
  window: { days: [sat, sun], from: "22:00", to: "04:00", timeZone: America/Chicago }
feeds:
  - { name: lis-results, port: 21900, shard: 1, ackTimeout: 10s, platforms: { legacy: { host: legacy.internal, port: 31900 }, new: { host: new.internal, port: 32900 } } }
connections:
  - name: northside-orders
    previousNames: [north-orders]
    direction: orders
    practice: northside
    wave: pilot
    owners: { legacy: prior-team, new: integration-team, emr: northside-vendor, lab: lab-ops }
    feed:
      port: 21001
      ackTimeout: 10s
      retry: { within: 30m, ignore: [MSH-7, ZMS-1] }
      platforms: { legacy: { host: legacy.internal, port: 31001, answer: msa2 }, new: { host: new.internal, port: 32001, answerTimeout: 3s } }
    legs: { legacy: { port: 22001, ackTimeout: 20s }, new: { port: 23001, framing: { start: 2, end: [3, 13] } } }
    weightKey: [PID-3.1]
    destination: { host: lis.internal, port: 33001, connections: 1 }
    contract: lab-orders
    correlate: [MSH-10]
    outputs: one
    capture: { wait: 500ms }
    effects:
      - { kind: e-mail, handling: gated, by: route-4 }
      - { kind: table-write }
  - name: northside-results
    direction: results
    practice: northside
    wave: pilot
    feed: lis-results
    applies: { MSH-5: NORTHSIDE }
    legs: { legacy: { port: 22900, match: { MSH-5: NORTHSIDE } }, new: { port: 23900, match: { MSH-5: NORTHSIDE } } }
    destination: { host: emr.northside, port: 34001 }
  - name: southside-results
    direction: results
    practice: southside
    wave: second
    feed: lis-results
    outputs: zero-or-one
    settle: 250ms
    legs: { legacy: { port: 22900, match: { MSH-5: SOUTHSIDE } }, new: { port: 23900, match: { MSH-5: SOUTHSIDE } } }
    destination: { host: emr.southside, port: 34002 }
`;

export function read(text: string): Inventory {
  const parsed = parseInventory(text, FILE);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  return parsed.value;
}

export function problemsOf(text: string): readonly Located[] {
  const parsed = parseInventory(text, FILE);
  return parsed.ok ? [] : parsed.problems;
}

export function lineOf(text: string, part: string): number {
  const at = text.indexOf(part);
  if (at < 0) throw new Error(`the inventory has no '${part}'`);
  return text.slice(0, at).split('\n').length;
}
