/**
 * The inventory and the routes of the example stack `production`: 250 connections of 125 practices, on two shards; 25
 * practices get their results over one shared feed of the LIS. `npm run example` writes them anew.
 */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';

const FIRSTS =
  'alder ash bay birch bright canyon cedar cliff crest dune east elm fern glen harbor hazel hill lake linden maple meadow north oak pine river';
const SECONDS = 'brook field gate side view';
const WAVES = [
  { name: 'pilot', practices: 5 },
  { name: 'wave-1', practices: 20 },
  { name: 'wave-2', practices: 40 },
  { name: 'wave-3', practices: 60 },
];
const SHARED_FROM = 100;
/** Practices up to here are on shard 0. */
const SECOND_SHARD_FROM = 63;
const EMR_VENDORS = ['meridian-emr', 'clearchart', 'openclinic', 'practice-suite'];

const HEADER = `# An example of the size that this product is made for: 250 connections of 125 practices, in four waves, on two gateways.
# Every name, address and port is invented. Written by infra/testing/example-inventory.ts; your own you write yourself.
deployment: lab-prod-1
target: production
gateways:
  - { shard: 0, admin: "https://gateway.integration.internal:7443" }
  - { shard: 1, admin: "https://gateway.integration.internal:7444" }
defaults:
  window: { days: [sat, sun], from: "22:00", to: "04:00", timeZone: America/Chicago }
  effects: [] # someone has looked at every channel: none sends mail, writes files or fills tables
feeds:
  - { name: lis-results, port: 21450, shard: 1, ackTimeout: 30s, platforms: { legacy: { host: legacy.integration.internal, port: 31450 }, new: { host: new.integration.internal, port: 32450 } } }
connections:
`;

/** `admins`: other addresses of the gateways' admin API, by shard. */
export function exampleInventory(practicesCount = 125, admins: readonly string[] = []): string {
  const practices = FIRSTS.split(' ').flatMap((first) => SECONDS.split(' ').map((second) => `${first}${second}`));
  const header = admins.reduce(
    (text, admin, shard) => text.replace(`gateway.integration.internal:${7443 + shard}`, new URL(admin).host),
    HEADER,
  );
  const few = practices.slice(0, practicesCount);
  return header + few.flatMap((practice, index) => [orders(practice, index), results(practice, index)]).join('');
}

function orders(practice: string, index: number): string {
  const feed = ownFeed(21_000 + index, 31_000 + index, 32_000 + index, shardOf(index), 10);
  return connection(practice, 'orders', index, feed, {
    legs: `{ legacy: { port: ${22_000 + index} }, new: { port: ${23_000 + index} } }`,
    destination: `{ host: lis.integration.internal, port: ${33_000 + index} }`,
    extra: '',
  });
}

function results(practice: string, index: number): string {
  const isShared = index >= SHARED_FROM;
  const application = practice.toUpperCase();
  const match = `match: { MSH-5: ${application} }`;
  const feed = isShared ? 'lis-results' : ownFeed(21_200 + index, 31_200 + index, 32_200 + index, shardOf(index), 30);
  return connection(practice, 'results', index, feed, {
    legs: `{ legacy: { port: 22450, ${match} }, new: { port: 23450, ${match} } }`,
    destination: `{ host: emr.${practice}.example, port: 6661 }`,
    extra: isShared ? `    applies: { MSH-5: ${application} }\n` : '',
  });
}

function ownFeed(port: number, legacy: number, next: number, shard: number, ackTimeoutSeconds: number): string {
  return `{ port: ${port}, shard: ${shard}, ackTimeout: ${ackTimeoutSeconds}s, platforms: { legacy: { host: legacy.integration.internal, port: ${legacy} }, new: { host: new.integration.internal, port: ${next} } } }`;
}

function shardOf(index: number): number {
  return index < SECOND_SHARD_FROM ? 0 : 1;
}

function connection(
  practice: string,
  direction: 'orders' | 'results',
  index: number,
  feed: string,
  { legs, destination, extra }: { readonly legs: string; readonly destination: string; readonly extra: string },
): string {
  const vendor = EMR_VENDORS[index % EMR_VENDORS.length];
  return `  - name: ${practice}-${direction}
    direction: ${direction}
    practice: ${practice}
    wave: ${waveOf(index)}
    owners: { legacy: prior-team, new: integration-team, emr: ${vendor}, lab: lab-ops }
    feed: ${feed}
    legs: ${legs}
    weightKey: [PID-3.1]
    destination: ${destination}
    correlate: [MSH-10]
${extra}`;
}

function waveOf(index: number): string {
  let passed = 0;
  for (const { name, practices } of WAVES) {
    passed += practices;
    if (index < passed) return name;
  }
  throw new Error(`no wave has a place for practice ${index}`);
}

const ROUTES_HEADER = `# What changes in the example \`production\`: the route of every connection. An entry names the epoch that it creates;
# \`npx cutover parallel\`, \`switch\`, … write it. Written by infra/testing/example-inventory.ts.
config:
  lab-cutover:layer: routes
  lab-cutover:routes:
`;

/** Every connection in `legacy`, or as `entry` has it. */
export function exampleRoutes(inventory: string, entry = '{phase: legacy, epoch: 1}'): string {
  const names = [...inventory.matchAll(/^ {2}- name: (\S+)$/gm)].map(([, name]) => name);
  return `${ROUTES_HEADER}${names.map((name) => `    ${name}: ${entry}\n`).join('')}`;
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  const stacks = resolve(import.meta.dirname, '../../stacks');
  writeFileSync(resolve(stacks, 'production/inventory.yaml'), exampleInventory());
  writeFileSync(resolve(stacks, 'Pulumi.production.yaml'), exampleRoutes(exampleInventory()));
}
