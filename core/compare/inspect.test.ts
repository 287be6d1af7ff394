import { expect, test } from 'vitest';
import { compileContract } from '../contracts/compile.ts';
import { contractSchema } from '../contracts/contract.ts';
import { contractArea, inspectOutput } from './inspect.ts';

const OUTPUT = Buffer.from('MSH|^~\\&|LAB||||||ORU^R01|ID1\rOBX|1|NM|718-7\r');

function contractOf(fields: object) {
  const compiled = compileContract('small', contractSchema.parse({ messages: ['ORU^R01'], fields }));
  if (!compiled.ok) throw new Error('it is a contract');
  return compiled.contract;
}

test('given an output, then what occurs in it is seen, and without a contract nothing is held against it', () => {
  const areas = new Set(inspectOutput(OUTPUT, null).map(({ area }) => area));
  expect([...areas]).toEqual(['coverage']);
});

test('given a contract, then it was looked at even where nothing breaks it, and another contract is another area', () => {
  const [kept, broken] = [contractOf({}), contractOf({ 'OBX-5': { required: true } })];
  const seen = (contract: ReturnType<typeof contractOf>): string[] =>
    inspectOutput(OUTPUT, contract).flatMap(({ area, name }) => (area === contractArea(contract) ? [name] : []));
  expect(seen(kept)).toEqual(['inspected']);
  expect(seen(broken)).toEqual(['inspected', 'OBX-5: required']);
  expect(contractArea(kept)).not.toBe(contractArea(broken));
});
