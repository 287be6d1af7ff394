/**
 * The reader beside another one: `@medplum/core` splits the same messages, thousands of them with any delimiters, and both
 * have to find the same leaves. What it cannot do (other lengths of MSH-2, batches, offsets, charsets) is tested beside.
 */
import { Hl7Message, type Hl7Segment } from '@medplum/core';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  componentsOf,
  fieldsOf,
  isDelimiterField,
  type Message,
  readMessage,
  repetitionsOf,
  type Segment,
  subcomponentsOf,
  textOf,
} from './reader.ts';

/** `segment-field.repetition.component.subcomponent: text`, in order. */
function ours(message: Message): string[] {
  return message.segments.flatMap((segment, place) =>
    fieldsOf(message, segment).flatMap((field, number) =>
      number === 0 || isDelimiterField(segment, number) ? [] : leavesOf(message, `${place}-${number}`, field),
    ),
  );
}

function leavesOf(message: Message, at: string, field: Pick<Segment, 'start' | 'end'>): string[] {
  return repetitionsOf(message, field).flatMap((repetition, r) =>
    componentsOf(message, repetition).flatMap((component, c) =>
      subcomponentsOf(message, component).map((leaf, s) => `${at}.${r}.${c}.${s}: ${textOf(message, leaf)}`),
    ),
  );
}

function theirs(message: Hl7Message): string[] {
  return message.segments.flatMap((segment: Hl7Segment, place) =>
    segment.fields.flatMap((field, index) => {
      // Its fields of an MSH begin with the name, and the delimiter that is MSH-1 is none of them.
      const number = segment.name === 'MSH' ? index + 1 : index;
      if (index === 0 || (segment.name === 'MSH' && number <= 2)) return [];
      return field.components.flatMap((repetition, r) =>
        repetition.flatMap((component, c) =>
          component
            .split(message.context.subcomponentSeparator)
            .map((leaf, s) => `${place}-${number}.${r}.${c}.${s}: ${leaf}`),
        ),
      );
    }),
  );
}

const DELIMITERS = [...'|^~\\&!#$%*+/:;<=>?@'];
const delimiters = fc.shuffledSubarray(DELIMITERS, { minLength: 5, maxLength: 5 });
const text = fc.string({ unit: fc.constantFrom(...'AZaz09 .-"\'ÄßéЖ日\t'.split(''), ...DELIMITERS), maxLength: 12 });
const segment = fc.record({
  name: fc.constantFrom('PID', 'OBX', 'ZLR', 'NTE', 'IN1'),
  fields: fc.array(text, { maxLength: 12 }),
});

function written(
  [field = '|', component = '^', repetition = '~', escapes = '\\', sub = '&']: readonly string[],
  body: readonly { readonly name: string; readonly fields: readonly string[] }[],
): string {
  const header = [
    'MSH',
    component + repetition + escapes + sub,
    'LAB',
    'MAIN',
    'EMR',
    'NORTH',
    '20260301',
    '',
    `ORU${component}R01`,
    'ID1',
    'P',
    '2.5.1',
    '',
    '',
    '',
    '',
    '',
    'UNICODE UTF-8',
  ];
  return [header, ...body.map(({ name, fields }) => [name, ...fields])].map((parts) => parts.join(field)).join('\r');
}

test.each([
  ['the delimiters of the standard', fc.constant(['|', '^', '~', '\\', '&'])],
  ['any other five', delimiters],
])('given messages with %s, then both readers find the same leaves', (_, chosen) => {
  let leaves = 0;
  fc.assert(
    fc.property(chosen, fc.array(segment, { minLength: 1, maxLength: 12 }), (given, body) => {
      const message = written(given, body);
      const read = readMessage(Buffer.from(message, 'utf8'));
      if (read === null) throw new Error('it is a message');
      const found = ours(read);
      leaves += found.length;
      expect(found).toEqual(theirs(Hl7Message.parse(message)));
    }),
    { numRuns: 3000 },
  );
  expect(leaves).toBeGreaterThan(100_000);
});
