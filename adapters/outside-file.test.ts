import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type OutsideMap, outsideMapSchema, readTimeMs } from '../core/reconcile/outside-map.ts';
import { newRowCounts, OutsideFileProblem, type OutsideRow, type RowCounts, readOutsideFile } from './outside-file.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'outside-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function read(name: string, text: string, map: unknown = {}): Promise<{ rows: OutsideRow[]; counts: RowCounts }> {
  const file = join(folder, name);
  await writeFile(file, text);
  const { lis }: OutsideMap = outsideMapSchema.parse({ lis: map });
  const counts = newRowCounts(lis);
  const rows: OutsideRow[] = [];
  for await (const row of readOutsideFile(file, lis, counts)) rows.push(row);
  return { rows, counts };
}

test('given the plainest CSV, then connection and id are read', async () => {
  const { rows } = await read('a.csv', '\ufeffconnection,id\nnorth,M1\nnorth,"M,2"\n');
  expect(rows.map(({ connection, id, atMs, digest }) => [connection, id, atMs, digest])).toEqual([
    ['north', 'M1', null, null],
    ['north', 'M,2', null, null],
  ]);
});

test('given columns, names and times of the system, then they become ours', async () => {
  const map = {
    delimiter: ';',
    columns: { connection: 'channel', id: 'control', at: 'got', digest: 'sum' },
    connections: { 'CH-12': 'north' },
    time: 'hl7',
    utcOffset: '-06:00',
    exclude: [{ name: 'tests', reason: 'training', where: { site: ['TEST', 'DEMO'] } }],
  };
  const text = [
    'channel;control;got;sum;site',
    'CH-12;M1;20260601120000;sha256:ABCDEF012345;A',
    'CH-12;M2;20260601120000+0000;;TEST',
    'south;;20260601;;A',
  ].join('\r\n');
  const { rows, counts } = await read('b.csv', text, map);
  expect(rows).toEqual([
    { row: 1, connection: 'north', id: 'M1', digest: 'abcdef012345', atMs: Date.UTC(2026, 5, 1, 18) },
  ]);
  expect(counts).toMatchObject({ rows: 3, withoutId: 1, excluded: [{ name: 'tests', count: 1 }] });
});

test('given NDJSON, then numbers and nothing are read as they are', async () => {
  const { rows } = await read('c.ndjson', '{"connection":"north","id":77}\n\n{"connection":"north","id":null}\n');
  expect(rows.map(({ id }) => id)).toEqual(['77']);
});

test('given NDJSON with a byte order mark and an id of more digits than a program keeps, then it is read to the last', async () => {
  const { rows } = await read('e.ndjson', '\ufeff{"connection":"north","id":20260601120000123}\r\n');
  expect(rows.map(({ id }) => id)).toEqual(['20260601120000123']);
});

test('given a CSV with a header alone, quotes with line ends, and columns twice that nobody asks for, then it is read', async () => {
  expect((await read('f.csv', 'connection,id\n')).rows).toEqual([]);
  const { rows } = await read('g.csv', 'connection,id,note,note\r\nnorth,"M\n1",a,b\r\nconstructor,M2,,\r\n');
  expect(rows.map(({ connection, id }) => [connection, id])).toEqual([
    ['north', 'M\n1'],
    ['constructor', 'M2'],
  ]);
});

test('an id is compared as bytes', async () => {
  const { rows } = await read('d.csv', 'connection,id\nnorth,M\u00fc\n');
  expect(rows[0]?.id).toBe('M\u00c3\u00bc');
});

test.each([
  ['there is no column', 'nowhere.csv', 'channel,id\nnorth,M1\n', {}],
  ['holds no time of kind', 'time.csv', 'connection,id,at\nnorth,M1,yesterday\n', { columns: { at: 'at' } }],
  ['line 2 is no JSON', 'broken.ndjson', '{"connection":"north","id":"M1"}\nM2\n', {}],
  ["there is no column 'id'", 'empty.csv', 'connection,control\n', {}],
  ["two columns 'id'", 'twice.csv', 'connection,id,id\nnorth,M1,M2\n', {}],
  ['holds no SHA-256', 'digest.csv', 'connection,id,sum\nnorth,M1,n/a\n', { columns: { digest: 'sum' } }],
  ['holds no SHA-256', 'short.csv', 'connection,id,sum\nnorth,M1,abcdef01234\n', { columns: { digest: 'sum' } }],
  ['holds no time of kind', 'us.csv', 'connection,id,at\nnorth,M1,01/06/2026\n', { columns: { at: 'at' } }],
  ['cannot be read', 'quotes.csv', 'connection,id\nnorth,"M1\n', {}],
])('given a file that is not as it should be, then it is refused: %s', async (message, name, text, map) => {
  const refused = read(name, text, map);
  await expect(refused).rejects.toThrow(OutsideFileProblem);
  await expect(refused).rejects.toThrow(message);
  await expect(refused).rejects.not.toThrow(/M1/);
});

test('times are read as their kind says', () => {
  const at = { time: 'iso', utcOffset: 'Z' } as const;
  expect(readTimeMs('2026-06-01 12:00:00', at)).toBe(Date.UTC(2026, 5, 1, 12));
  expect(readTimeMs('2026-06-01', { ...at, utcOffset: '-05:00' })).toBe(Date.UTC(2026, 5, 1, 5));
  expect(readTimeMs('2026-06-01T12:00:00,250-0530', at)).toBe(Date.UTC(2026, 5, 1, 17, 30, 0, 250));
  expect(readTimeMs('2026-06-01T12:00:00-05:00', at)).toBe(Date.UTC(2026, 5, 1, 17));
  expect(readTimeMs('1780315200', { ...at, time: 'epoch-s' })).toBe(1_780_315_200_000);
  expect(readTimeMs('1780315200000', { ...at, time: 'epoch-ms' })).toBe(1_780_315_200_000);
  expect(readTimeMs('20260601', { ...at, time: 'hl7' })).toBe(Date.UTC(2026, 5, 1));
  for (const wrong of ['', 'soon', '2026-13-01']) expect(readTimeMs(wrong, at)).toBeNull();
});
