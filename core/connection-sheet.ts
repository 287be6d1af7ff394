/** The sheet of one connection, for whoever is on call and has never seen it: where it goes, whose it is, what is odd. */
import type { Connection, Feed, Inventory, Peer } from './inventory.ts';
import { PLATFORMS } from './platform.ts';

/** Who has to be named before a connection can be handed over; the four parties of the programme. */
export const PARTIES = ['legacy', 'new', 'emr', 'lab'] as const;

const WITHOUT_FEED = [
  [
    'source',
    'none: a platform polls it (origin: platform). Only the owner may run; it is switched by stop, empty, start',
  ],
];

function sourceOf(feed: Feed): string[][] {
  return [
    ['source connects to', `port ${feed.port}${describeSecurity(feed)}`],
    ['legacy', addressOf(feed.platforms.legacy)],
    ['new', addressOf(feed.platforms.new)],
  ];
}

function tellingOf({ ackTimeoutMs }: Feed, { outputs, correlate }: Connection): string[][] {
  return [
    ['the sender waits', ackTimeoutMs === null ? 'unknown; counts as 5 s' : `${ackTimeoutMs / 1000} s`],
    ['outputs an input', outputs],
    ['told apart by', correlate?.join(', ') ?? 'order alone'],
  ];
}

export function connectionSheet(inventory: Inventory, connection: Connection): string {
  const feed = inventory.feeds.find(({ name }) => name === connection.feed) ?? null;
  const shared = feed?.connections.filter((name) => name !== connection.name) ?? [];
  const gateway = inventory.gateways.find(({ shard }) => shard === connection.shard);
  return [
    `# ${connection.name}`,
    '',
    `${connection.direction} of ${connection.practice}, wave ${connection.wave}`,
    '',
    ...table(['who', 'name'], [...PARTIES.map((party) => [party, ownerOf(connection, party)]), ...others(connection)]),
    '',
    ...table(
      ['where', 'what'],
      [
        ['gateway', `shard ${connection.shard}, admin ${gateway?.admin ?? 'unknown'}`],
        ...(feed === null ? WITHOUT_FEED : sourceOf(feed)),
        ...PLATFORMS.map((platform) => [`${platform} sends its output to`, `port ${connection.legs[platform].port}`]),
        ['destination', addressOf(connection.destination)],
      ],
    ),
    '',
    ...table(
      ['how', ''],
      [
        ...(feed === null ? [] : tellingOf(feed, connection)),
        ['shared with', shared.length === 0 ? 'nobody' : shared.join(', ')],
        ['side effects not classified', unclassifiedOf(connection)],
      ],
    ),
    '',
    '## Known edge cases',
    '',
    ...(connection.edgeCases.length === 0
      ? ['None written down. Ask the prior team before access changes hands.']
      : connection.edgeCases.map((text) => `- ${text}`)),
    '',
    '## At night',
    '',
    '```sh',
    `cutover status --connection ${connection.name}`,
    `cutover rollback --connection ${connection.name} --reason "WHAT IS WRONG"`,
    '```',
    '',
  ].join('\n');
}

function unclassifiedOf({ unclassifiedEffects, effectsAreKnown }: Connection): string {
  if (!effectsAreKnown) return 'unknown: nobody has said';
  return unclassifiedEffects.join(', ') || 'none';
}

/** Parties of a connection that nobody is named for. */
export function unnamedParties(connection: Connection): readonly string[] {
  return PARTIES.filter((party) => connection.owners[party] === undefined);
}

function ownerOf(connection: Connection, party: string): string {
  return connection.owners[party] ?? '**nobody is named**';
}

function others({ owners }: Connection): string[][] {
  const known: readonly string[] = PARTIES;
  return Object.entries(owners).filter(([party]) => !known.includes(party));
}

function addressOf({ host, port, tls }: Peer): string {
  return `${host}:${port}${tls === null ? '' : ', TLS'}`;
}

function describeSecurity({ tls }: Feed): string {
  return tls === null ? '' : ', TLS';
}

function table(head: readonly [string, string], rows: readonly (readonly string[])[]): string[] {
  return [`| ${head.join(' | ')} |`, '| --- | --- |', ...rows.map((row) => `| ${row.join(' | ')} |`)];
}
