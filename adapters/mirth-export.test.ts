/** Exports of several versions and forms, read to the last connector; and files that were made to do harm. */
import { mkdtemp, open, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Reading } from '../core/import/flow.ts';
import { readExport } from '../core/import/mirth/read-export.ts';
import { withoutRepeats } from '../core/import/repeats.ts';
import { type ExampleChannel, type ExampleForm, exportText } from './mirth-export.example.ts';
import { EXPORT_LIMITS, firstLineOf, readMirthExport } from './mirth-export.ts';

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
      ['Nightly files → to LIS', 'nightly-files', 'orders', 'lis.internal:7001', 'Nightly files', true],
    ]);
    expect(reading.flows[0]?.effects).toEqual(['File Writer: archive']);
    expect(reading.flows.map(({ legAckTimeoutMs }) => legAckTimeoutMs)).toEqual([5000, 5000, 5000, 5000, 5000]);
    // What polls has no feed.
    expect(reading.flows.map(({ feedKey, pollsEveryMs }) => [feedKey === null, pollsEveryMs])).toEqual([
      ...Array.from({ length: 4 }, () => [false, null]),
      [true, 30_000],
    ]);
    const outcomes = Object.fromEntries(
      reading.accounts.map(({ channel, connector, outcome }) => [`${channel}/${connector}`, outcome.kind]),
    );
    expect(outcomes).toMatchObject({
      'LIS Results/to Closed Clinic': 'left-out',
      'Old Results/sourceConnector': 'left-out',
      'Nightly files/sourceConnector': 'taken',
      'Nightly files/to LIS': 'taken',
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
    ).toContain('2 channels reach it (a orders, b orders); a connection has one source');
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

describe('exports as they really come', () => {
  it('control characters that the engine writes as references do not make it unreadable; other references do', async () => {
    const text = exportText(LAB, '3.9.1', 'list').replaceAll(
      'return message;',
      "return '&#x0;&#xb;' + msg + '&#x1C;&#28;&#xd;';",
    );
    expect((await readText(text)).flows).toHaveLength(5);
    const file = join(folder, 'odd.xml');
    await writeFile(file, text.replace('&#x0;', '&#xffff;'));
    expect(await readMirthExport(file)).toMatchObject({ ok: false });
  });

  it('a channel without connectors is named', async () => {
    const bare = '<channel version="4.5.0"><id>e</id><name>Empty one</name></channel>';
    const reading = await readText(exportText(LAB, '4.5.0', 'list').replace('</list>', `${bare}</list>`));
    expect(reading.notLookedAt.map(({ what }) => what)).toEqual(["channel 'Empty one', which has no connectors"]);
  });

  it('connectors of release 2 and of plug-ins that nobody here knows are named by what they call themselves', async () => {
    const reading = await readText(`<list><channel><id>x</id><name>Old</name><version>2.2.1.5861</version>
      <sourceConnector><name>sourceConnector</name><properties><property name="DataType">LLP Listener</property></properties><transportName>LLP Listener</transportName></sourceConnector>
      <destinationConnectors><connector><name>to LIS</name><transportName>LLP Sender</transportName></connector><connector/></destinationConnectors></channel></list>`);
    expect(reading.accounts.map(({ kind, outcome }) => `${kind}: ${outcome.kind}`)).toEqual([
      'LLP Listener: decision',
      'LLP Sender: decision',
      'unknown: decision',
    ]);
    expect(reading.kind).toContain('2.2.1.5861');
  });

  it('a connector whose properties have no class is known by its transport', async () => {
    const reading = await readText(`<channel version="4.5.2"><id>x</id><name>Northside Orders</name>
      <sourceConnector><name>sourceConnector</name><transportName>TCP Listener</transportName><properties>
        <listenerConnectorProperties><host>0.0.0.0</host><port>6661</port></listenerConnectorProperties></properties></sourceConnector>
      <destinationConnectors><connector><name>LIS</name><transportName>TCP Sender</transportName><properties>
        <remoteAddress>10.0.0.5</remoteAddress><remotePort>7000</remotePort></properties></connector></destinationConnectors></channel>`);
    expect(reading.flows).toMatchObject([{ destination: { host: '10.0.0.5', port: 7000 } }]);
  });

  it('a writer to a channel that is not in the export is an effect that somebody must classify', async () => {
    const senders = [{ name: 'LIS' }, { name: 'on', transport: 'Channel Writer', channelId: 'elsewhere' }];
    const reading = await readText(exportText([{ id: 'x', name: 'Northside Orders', senders }], '4.5.2', 'channel'));
    expect(reading.flows[0]?.effects).toEqual(['a channel that the export does not have: on']);
  });

  const sender = fc.record({
    name: fc.constantFrom('LIS', 'to Harbor', '', 'ä&<'),
    port: fc.constantFrom('7001', '${p}', '', '99999'),
    transport: fc.constantFrom('TCP Sender', 'Channel Writer', 'File Writer', 'JavaScript Writer'),
    channelId: fc.constantFrom('a', 'b', 'c', 'none', ''),
    isEnabled: fc.boolean(),
    settings: fc.constantFrom({}, { serverMode: 'true' }, { threadCount: '3' }),
  });
  const channel = fc.record({
    id: fc.constantFrom('a', 'b', 'c', ''),
    name: fc.constantFrom('Northside Orders', 'LIS Results', ''),
    port: fc.constantFrom('6661', '${q}', 'x'),
    isEnabled: fc.constantFrom(true, false, null),
    source: fc.constantFrom('TCP Listener', 'Channel Reader', 'File Reader'),
    senders: fc.array(sender, { maxLength: 4 }),
    frame: fc.constantFrom<readonly [string, string]>(['0B', '1C0D'], ['', '0A']),
  });
  const version = fc.constantFrom(
    '3.0.3' as const,
    '3.4.2' as const,
    '3.5.1' as const,
    '3.12.0' as const,
    '4.5.2' as const,
    '4.6.0' as const,
  );
  const form = fc.constantFrom<ExampleForm>('list', 'group', 'backup');

  it('for any channels, in any version and form: every connector is accounted for, and every flow stands at one that was taken', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(channel, { maxLength: 6 }),
        version,
        form,
        fc.boolean(),
        async (channels, as, in_, all) => {
          const reading = await readText(exportText(channels, as, in_), {}, all);
          expect(reading.counted).toBe(channels.reduce((sum, { senders }) => sum + 1 + senders.length, 0));
          const [unique] = withoutRepeats([reading]);
          const taken = new Set(
            unique?.accounts.filter(({ outcome }) => outcome.kind === 'taken').map(({ place }) => place.line),
          );
          expect(unique?.accounts).toHaveLength(reading.counted);
          for (const { place } of unique?.flows ?? []) expect(taken.has(place.line)).toBe(true);
          const keys = unique?.flows.map(({ key }) => key) ?? [];
          expect(new Set(keys).size).toBe(keys.length);
        },
      ),
      { numRuns: 200 },
    );
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

  it('bytes that are neither UTF-8 nor UTF-16 are refused', async () => {
    const file = join(folder, 'latin1.xml');
    await writeFile(file, Buffer.from('<channel><name>Universit\xe4t</name></channel>', 'latin1'));
    expect(await readMirthExport(file)).toMatchObject({ ok: false, message: expect.stringContaining('UTF-8') });
  });

  it('UTF-16 as a shell of Windows saves it, a byte order mark, comments, instructions and CDATA are read', async () => {
    const text =
      '<?xml version="1.0"?><!-- saved --><?php echo 1; ?><channel version="4.5.2"><id>a</id><name><![CDATA[Universität <1>]]></name><sourceConnector><name>s</name></sourceConnector></channel>';
    const littleEndian = Buffer.from(`\uFEFF${text}`, 'utf16le');
    const forms = [Buffer.from(text), Buffer.from(`\uFEFF${text}`), littleEndian, Buffer.from(littleEndian).swap16()];
    const file = join(folder, 'form.xml');
    for (const form of forms) {
      await writeFile(file, form);
      expect(await firstLineOf(file)).toMatch(/^<\?xml/);
      expect(await readMirthExport(file)).toMatchObject({
        ok: true,
        value: { counted: 1, channels: [{ name: 'Universität <1>' }] },
      });
    }
  });

  it.each([
    ['attributes of one element', '<channel', (index: number) => ` b${index}=""`, 'attributes'],
    ['sections', '<serverConfiguration>', (index: number) => `<s${index}/>`, 'different sections'],
    ['empty channels', '<list>', (index: number) => `<channel><name>c${index}</name></channel>`, 'channels'],
  ])('without end, many %s are refused early', async (_what, head, piece, message) => {
    const pieces = Array.from({ length: 200_000 }, (_, index) => piece(index));
    expect(await refusal(head + pieces.join(''))).toContain(message);
  });

  it('many large channels are refused before they fill the memory', async () => {
    const file = join(folder, 'wide.xml');
    const channel = `<channel><sourceConnector><properties>${'<a/>'.repeat(300)}</properties></sourceConnector></channel>`;
    await writeFile(file, `<list>${channel.repeat(4)}`);
    const read = await readMirthExport(file, { ...EXPORT_LIMITS, elements: 1_000 });
    expect(read).toMatchObject({ ok: false, message: 'its channels have more than 1000 elements' });
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
