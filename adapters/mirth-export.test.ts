/** Exports of several versions and forms, read to the last connector; and files that were made to do harm. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Reading } from '../core/import/flow.ts';
import { readExport } from '../core/import/mirth/read-export.ts';
import { type ExampleChannel, type ExampleForm, exportText } from './mirth-export.example.ts';
import { EXPORT_LIMITS, readMirthExport } from './mirth-export.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-export-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function readText(
  text: string,
  variables: Record<string, string> = {},
  includeDisabled = false,
): Promise<Reading> {
  const file = join(folder, 'export.xml');
  await writeFile(file, text);
  const pieces = await readMirthExport(file);
  if (!pieces.ok) throw new Error(`${pieces.line}: ${pieces.message}`);
  const reading = readExport('export.xml', pieces.value, {
    includeDisabled,
    variables: new Map(Object.entries(variables)),
  });
  expect(reading.accounts).toHaveLength(reading.counted);
  return reading;
}

const LAB: readonly ExampleChannel[] = [
  {
    id: 'c1',
    name: 'Northside Orders',
    port: '6661',
    senders: [
      { name: 'LIS', port: '7001' },
      { name: 'archive', transport: 'File Writer' },
    ],
  },
  {
    id: 'c2',
    name: 'LIS Results',
    port: '6700',
    rules: 1,
    senders: [
      { name: 'to Northside', host: 'emr.northside', port: '9001' },
      { name: 'to Harbor', host: 'emr.harbor', port: '9002' },
      { name: 'to Closed Clinic', host: 'gone', port: '9003', isEnabled: false },
    ],
  },
  {
    id: 'c3',
    name: 'Harbor ORM in',
    port: '6662',
    senders: [{ name: 'on', transport: 'Channel Writer', channelId: 'c4' }],
  },
  { id: 'c4', name: 'Harbor ORM out', source: 'Channel Reader', senders: [{ name: 'LIS', port: '7002' }] },
  { id: 'c5', name: 'Old Results', isEnabled: false },
  { id: 'c6', name: 'Nightly files', source: 'File Reader' },
];

describe('exports of every version and form', () => {
  const versions = ['3.0.3', '3.4.2', '3.5.1', '3.12.0', '4.5.2'] as const;
  const forms: readonly ExampleForm[] = ['list', 'group', 'backup'];
  it.each(
    versions.flatMap((version) => forms.map((form) => [version, form] as const)),
  )('%s as %s', async (version, form) => {
    const reading = await readText(exportText(LAB, version, form));
    expect(reading.counted).toBe(15);
    expect(reading.kind).toContain(version);
    const made = reading.flows.map(({ label, practice, direction, destination, feedLabel, alwaysYields }) => [
      label,
      practice.value,
      direction.value,
      `${destination.host}:${destination.port}`,
      feedLabel,
      alwaysYields,
    ]);
    expect(made).toEqual([
      ['Northside Orders → LIS', 'northside', 'orders', 'lis.internal:7001', 'Northside Orders', true],
      ['LIS Results → to Northside', 'northside', 'results', 'emr.northside:9001', 'LIS Results', false],
      ['LIS Results → to Harbor', 'harbor', 'results', 'emr.harbor:9002', 'LIS Results', false],
      ['Harbor ORM out → LIS', 'harbor', 'orders', 'lis.internal:7002', 'Harbor ORM in', true],
    ]);
    expect(reading.flows[0]?.effects).toEqual(['File Writer: archive']);
    expect(reading.flows.map(({ legAckTimeoutMs }) => legAckTimeoutMs)).toEqual([5000, 5000, 5000, 5000]);
    const outcomes = Object.fromEntries(
      reading.accounts.map(({ channel, connector, outcome }) => [`${channel}/${connector}`, outcome.kind]),
    );
    expect(outcomes).toMatchObject({
      'LIS Results/to Closed Clinic': 'left-out',
      'Old Results/sourceConnector': 'left-out',
      'Nightly files/sourceConnector': 'decision',
      'Nightly files/to LIS': 'decision',
      'Harbor ORM in/on': 'taken',
    });
    if (form === 'backup') expect(reading.accounts[0]?.facts).toMatchObject({ group: 'Lab', tags: 'critical' });
  });

  it('says on which line a connector stands', async () => {
    const text = exportText(LAB, '3.8.0', 'list');
    const reading = await readText(text);
    for (const { place, connector } of reading.accounts) {
      expect(
        text
          .split('\n')
          .slice(place.line - 1, place.line + 2)
          .join(' '),
      ).toContain(`<name>${connector}</name>`);
    }
  });

  it('disabled ones are taken on request', async () => {
    const reading = await readText(exportText(LAB, '3.8.0', 'list'), {}, true);
    expect(reading.flows.map(({ label }) => label)).toContain('Old Results → to LIS');
  });
});

describe('what a channel can have', () => {
  const one = (channel: Partial<ExampleChannel>, variables = {}): Promise<Reading> =>
    readText(exportText([{ id: 'x', name: 'Northside Orders', ...channel }], '4.4.0', 'channel'), variables);

  it.each<[string, Partial<ExampleChannel>, string]>([
    [
      'a listener that dials',
      { listener: { serverMode: 'false', remoteAddress: 'emr', remotePort: '1' } },
      'client mode',
    ],
    [
      'a sender that listens',
      { senders: [{ name: 'd', settings: { serverMode: 'true', localAddress: '0.0.0.0', localPort: '1' } }] },
      'server mode',
    ],
    ['a variable that nobody knows', { port: '${ordersPort}' }, '${ordersPort}'],
    ['a framing that the gateway has not', { frame: ['', '0D'] }, 'one start byte and two end bytes'],
    ['no port', { port: 'abc' }, "'abc' is no port"],
    [
      'nothing to send to',
      { senders: [{ name: 'd', transport: 'File Writer' }] },
      'no destination that could be switched',
    ],
  ])('%s is named, not dropped', async (_what, channel, reason) => {
    const reading = await one(channel);
    const reasons = reading.accounts.flatMap(({ outcome }) => (outcome.kind === 'decision' ? [outcome.reason] : []));
    expect(reasons.join('; ')).toContain(reason);
  });

  it('variables come from the backup, or from a file', async () => {
    const channel: ExampleChannel = {
      id: 'x',
      name: 'Northside Orders',
      port: '${in}',
      senders: [{ name: 'd', host: "${configurationMap.get('lis')}", port: '${out}' }],
    };
    const reading = await readText(exportText([channel], '4.4.0', 'backup', { in: '6661', lis: 'lis.example' }), {
      out: '7009',
    });
    expect(reading.flows[0]).toMatchObject({
      legacy: { port: 6661 },
      destination: { host: 'lis.example', port: 7009 },
    });
  });

  it('other frame bytes, TLS, no answer, an unknown charset, threads: taken, and asked about', async () => {
    const plugin =
      '<com.mirth.connect.plugins.ssl.model.SSLConnectorPluginProperties><enabled>true</enabled></com.mirth.connect.plugins.ssl.model.SSLConnectorPluginProperties>';
    const reading = await one({
      frame: ['02', '030D'],
      plugin,
      answer: 'None',
      senders: [{ name: 'd', settings: { threadCount: '4', ignoreResponse: 'true' } }],
      isEnabled: null,
    });
    expect(reading.flows[0]?.legacy).toMatchObject({ framing: { start: 2, end: [3, 13] }, usesTls: true });
    expect(reading.questions.map(({ code }) => code).sort()).toEqual([
      'answers-nothing',
      'charset',
      'enabled-unknown',
      'ignores-answers',
      'threads',
      'tls',
    ]);
  });

  it('release 2 of MLLP is named, not dropped', async () => {
    const text = exportText([{ id: 'x', name: 'Northside Orders' }], '4.4.0', 'channel');
    const reading = await readText(text.replace('<useMLLPv2>false', '<useMLLPv2>true'));
    expect(reading.accounts[0]?.outcome).toMatchObject({
      kind: 'decision',
      reason: expect.stringContaining('release 2'),
    });
  });

  it('scripts are searched for what they do beside', async () => {
    const script =
      "var c = DatabaseConnectionFactory.createDatabaseConnection('d','u','n','p'); router.routeMessage('X', msg); destinationSet.removeAll();";
    const reading = await one({ script });
    expect(reading.flows[0]?.effects).toEqual([
      'script (database): Northside Orders',
      'script (routing): Northside Orders',
    ]);
    expect(reading.flows[0]?.alwaysYields).toBe(false);
  });

  it('two listeners that reach one sender are a decision', async () => {
    const to = (id: string): ExampleChannel => ({
      id,
      name: `${id} orders`,
      port: id === 'a' ? '1' : '2',
      senders: [{ name: 'on', transport: 'Channel Writer', channelId: 'z' }],
    });
    const text = exportText(
      [to('a'), to('b'), { id: 'z', name: 'out', source: 'Channel Reader', senders: [{ name: 'LIS' }] }],
      '4.4.0',
      'list',
    );
    const reading = await readText(text);
    expect(reading.flows).toEqual([]);
    expect(
      reading.accounts.map(({ outcome }) => (outcome.kind === 'decision' ? outcome.reason : outcome.kind)),
    ).toContain('2 listeners reach it (a orders, b orders); a connection has one feed');
  });

  it('channels that write to each other in a circle end', async () => {
    const text = exportText(
      [
        {
          id: 'a',
          name: 'a orders',
          senders: [{ name: 'on', transport: 'Channel Writer', channelId: 'b' }, { name: 'LIS' }],
        },
        {
          id: 'b',
          name: 'b',
          source: 'Channel Reader',
          senders: [
            { name: 'back', transport: 'Channel Writer', channelId: 'a' },
            { name: 'self', transport: 'Channel Writer', channelId: 'b' },
          ],
        },
      ],
      '4.4.0',
      'list',
    );
    expect((await readText(text)).flows).toHaveLength(1);
  });
});

describe('hostile files', () => {
  async function refusal(text: string): Promise<string> {
    const file = join(folder, 'hostile.xml');
    await writeFile(file, text);
    const read = await readMirthExport(file);
    if (read.ok) throw new Error('it was read');
    return read.message;
  }

  it.each([
    [
      'an entity bomb',
      '<!DOCTYPE a [<!ENTITY x "ha"><!ENTITY y "&x;&x;&x;&x;">]><channel><name>&y;</name></channel>',
      'DOCTYPE',
    ],
    ['an external entity', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><channel/>', 'DOCTYPE'],
    ['an entity of nobody', '<channel><name>&secret;</name></channel>', 'well-formed'],
    ['an element that never ends', '<channel><name>x</name>', 'well-formed'],
    ['two documents in one', '<channel></channel><channel></channel>', 'more than one document'],
    ['a deep nest', `${'<a>'.repeat(300)}${'</a>'.repeat(300)}`, 'nested deeper'],
    ['an attribute without end', `<channel version="${'9'.repeat(3_000_000)}"></channel>`, 'well-formed'],
    ['no XML at all', 'channel', 'well-formed'],
    ['nothing', '', 'empty'],
  ])('%s is refused', async (_what, text, message) => {
    expect(await refusal(text)).toContain(message);
  });

  it('bytes that are no UTF-8 are refused', async () => {
    const file = join(folder, 'latin1.xml');
    await writeFile(file, Buffer.from('<channel><name>Universit\xe4t</name></channel>', 'latin1'));
    expect(await readMirthExport(file)).toMatchObject({ ok: false, message: 'it is not UTF-8' });
  });

  it('500 MB are refused by their size; within the limit, one endless text and a million channels take bounded memory', async () => {
    const file = join(folder, 'large.xml');
    const handle = await open(file, 'w');
    await handle.truncate(500 * 1024 * 1024);
    await handle.close();
    expect(await readMirthExport(file)).toMatchObject({
      ok: false,
      message: expect.stringContaining('524288000 bytes'),
    });
    const before = process.memoryUsage().rss;
    const write = async (head: string, piece: string, times: number): Promise<void> => {
      const out = await open(file, 'w');
      await out.write(head);
      for (let index = 0; index < times; index++) await out.write(piece);
      await out.close();
    };
    await write('<channel><preprocessingScript>', 'x'.repeat(1024 * 1024), 100);
    expect(await readMirthExport(file)).toMatchObject({ ok: false, message: expect.stringContaining('characters') });
    await write('<serverConfiguration><alerts>', 'y'.repeat(1024 * 1024), 100);
    expect(await readMirthExport(file)).toMatchObject({ ok: false, message: expect.stringContaining('well-formed') });
    await write('<list>', '<channel><sourceConnector></sourceConnector></channel>'.repeat(1000), 100);
    expect(await readMirthExport(file)).toMatchObject({
      ok: false,
      message: expect.stringContaining(`${EXPORT_LIMITS.channels} channels`),
    });
    expect(process.memoryUsage().rss - before).toBeLessThan(250 * 1024 * 1024);
  });
});
