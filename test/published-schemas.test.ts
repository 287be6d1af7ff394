/** The JSON Schemas under docs/schemas are valid, and editors that use them accept what the product accepts. */
import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';

const root = fileURLToPath(new URL('..', import.meta.url));

async function schema(name: string): Promise<object> {
  return JSON.parse(await readFile(`${root}docs/schemas/${name}`, 'utf8'));
}

function compile(document: object): (value: unknown) => boolean {
  return new Ajv2020({ strict: false, validateFormats: false }).compile(document);
}

describe('published schemas', () => {
  it('each of them compiles', async () => {
    const names = await readdir(`${root}docs/schemas`);
    expect(names.length).toBeGreaterThan(4);
    for (const name of names) expect(typeof compile(await schema(name)), name).toBe('function');
  });

  it.each([
    ['inventory.schema.json', 'stacks/local/inventory.yaml'],
    ['stack-config.schema.json', 'stacks/Pulumi.local.yaml'],
    ['rules.schema.json', 'stacks/rules/transport.yaml'],
    ['contract.schema.json', 'stacks/contracts/lab-orders.yaml'],
    ['contract.schema.json', 'stacks/contracts/lab-results.yaml'],
  ])('%s accepts %s, and refuses it with a misspelt key', async (name, file) => {
    const isValid = compile(await schema(name));
    const example: Record<string, unknown> = parse(await readFile(`${root}${file}`, 'utf8'));
    expect(isValid(example)).toBe(true);
    const [first = ''] = Object.keys(example);
    const { [first]: value, ...rest } = example;
    expect(isValid({ ...rest, [`${first}x`]: value })).toBe(false);
  });
});
