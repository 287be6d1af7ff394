/** Lists in every charset and separator are read; workbooks that were made to unpack to anything are refused beforehand. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32, deflateRawSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readListFile } from './list-files.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-list-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** An archive of one entry that says it has `claimedBytes`, and has `bytes` of zeros. */
function archive(bytes: number, claimedBytes: number): Buffer {
  const content = Buffer.alloc(bytes);
  const packed = deflateRawSync(content, { level: 9 });
  const name = Buffer.from('xl/workbook.xml');
  const common = Buffer.alloc(26);
  common.writeUInt16LE(20, 0);
  common.writeUInt16LE(8, 4);
  common.writeUInt32LE(crc32(content), 10);
  common.writeUInt32LE(packed.length, 14);
  common.writeUInt32LE(claimedBytes, 18);
  common.writeUInt16LE(name.length, 22);
  const local = Buffer.concat([Buffer.from('PK\u0003\u0004', 'latin1'), common, name, packed]);
  const central = Buffer.concat([Buffer.from('PK\u0001\u0002\u0014\u0000', 'latin1'), common, Buffer.alloc(14), name]);
  const end = Buffer.alloc(18);
  end.writeUInt16LE(1, 4);
  end.writeUInt16LE(1, 6);
  end.writeUInt32LE(central.length, 8);
  end.writeUInt32LE(local.length, 12);
  return Buffer.concat([local, central, Buffer.from('PK\u0005\u0006', 'latin1'), end]);
}

async function refusalOf(content: Buffer): Promise<string> {
  const file = join(folder, 'list.xlsx');
  await writeFile(file, content);
  const read = await readListFile(file, null);
  return read.ok ? 'it was read' : read.message;
}

describe('a workbook', () => {
  const BOMB_BYTES = 300 * 1024 * 1024;

  it('that unpacks to 300 MB is refused, also where it lies about its size', async () => {
    expect(await refusalOf(archive(BOMB_BYTES, BOMB_BYTES))).toContain('unpacks to more than');
    expect(await refusalOf(archive(BOMB_BYTES, 1000))).toMatch(/damaged|unpacks to more than/);
  });

  it('that is none, or damaged, is refused', async () => {
    expect(await refusalOf(Buffer.from('name,port\n'))).toContain('no workbook');
    expect(await refusalOf(archive(10, 10))).toContain('no workbook that can be read');
  });
});

describe('a list of text', () => {
  const TEXT = 'Praxis;Ziel\r\n"Köln; Süd";lis\r\n';
  const ROW = { Praxis: 'Köln; Süd', Ziel: 'lis' };
  it.each<[string, Buffer, object]>([
    ['UTF-8 with a mark', Buffer.from(`\ufeff${TEXT}`), ROW],
    [
      'UTF-16, as a spreadsheet program saves text',
      Buffer.from(`\ufeff${TEXT.replaceAll(';', '\t')}`, 'utf16le'),
      { ...ROW, Praxis: 'Köln\t Süd' },
    ],
    ['UTF-16 the other way round', Buffer.from(`\ufeff${TEXT}`, 'utf16le').swap16(), ROW],
    ['the Windows code page', Buffer.from(TEXT, 'latin1'), ROW],
    ['a separator that its first line names', Buffer.from(`sep=;\r\n${TEXT}`), ROW],
    ['bars', Buffer.from('Praxis|Ziel|a,b\n"Köln; Süd"|lis|\n'), { ...ROW, 'a,b': '' }],
    [
      'commas in a quoted header',
      Buffer.from('"Praxis";"Ziel";"a,b,c,d"\n"Köln; Süd";lis;\n'),
      { ...ROW, 'a,b,c,d': '' },
    ],
    ['line ends of old machines', Buffer.from(TEXT.replaceAll('\r\n', '\r')), ROW],
  ])('in %s is read', async (_what, bytes, row) => {
    const file = join(folder, 'list.csv');
    await writeFile(file, bytes);
    const read = await readListFile(file, null);
    expect(read).toMatchObject({ ok: true, value: { rows: [{ cells: row }] } });
  });

  it('with two columns of one name is refused, and one in another charset says which was assumed', async () => {
    const file = join(folder, 'list.csv');
    await writeFile(file, 'port;host;port\n1;a;2\n');
    expect(await readListFile(file, null)).toMatchObject({
      ok: false,
      message: "it is no CSV: it has two columns 'port'",
    });
    await writeFile(file, Buffer.from(TEXT, 'latin1'));
    expect(await readListFile(file, null)).toMatchObject({ value: { kind: 'list (CSV, read as windows-1252)' } });
  });

  it.each([
    ['list.csv', 'a;b\n1;2;3\n', 2],
    ['list.yaml', '- a: 1\n- b: [\n', 2],
    ['list.yaml', 'a: 1\n', 1],
  ])('%s that is broken is refused with its line', async (name, text, line) => {
    const file = join(folder, name);
    await writeFile(file, text);
    const read = await readListFile(file, null);
    expect(read.ok).toBe(false);
    if (!read.ok) expect(read.line).toBeGreaterThanOrEqual(line);
  });
});
