/**
 * What a message shows of its interface: type, segments, filled fields, codes of orders and observations. A parallel run
 * has covered a connection as far as it has seen what history shows. Names only, never values of a patient.
 */

import { shownCode } from '../compare/value-class.ts';
import { parseFieldPath } from '../hl7/path.ts';
import { fieldsOf, type Message, readMessage } from '../hl7/reader.ts';
import { shownSegment } from '../hl7/segments.ts';
import { valuesAt } from '../hl7/values.ts';

const ORDER_CODE = parseFieldPath('OBR-4.1');
const OBSERVATION_CODE = parseFieldPath('OBX-3.1');
const TYPE = parseFieldPath('MSH-9.1');
const TRIGGER = parseFieldPath('MSH-9.2');
/** Tables 0076 and 0003: three letters, and a letter with two digits. Anything else there may be anything. */
const TYPE_CODE = /^[A-Z]{3}$/;
const TRIGGER_CODE = /^([A-Z][A-Z0-9]\d)?$/;
/** A message of more segments shows nothing new by its last ones. */
const SEGMENTS_LIMIT = 2000;

/** Each once, as `segment ZLR`, `field OBX-5`, `order 58410-2`, `observation 718-7`, `type ORU^R01`. */
export function featuresOf(payload: Uint8Array): readonly string[] {
  const message = readMessage(payload);
  return message === null ? ['type unreadable'] : [...readFeatures(message)];
}

function readFeatures(message: Message): Set<string> {
  const features = new Set<string>();
  for (const segment of message.segments.slice(0, SEGMENTS_LIMIT)) {
    const fields = fieldsOf(message, segment);
    const shown = shownSegment(segment.name);
    features.add(`segment ${shown}`);
    fields.forEach((field, index) => {
      if (index > 0 && field.end > field.start) features.add(`field ${shown}-${index}`);
    });
    if (segment.name === 'MSH') {
      const parts = [TYPE, TRIGGER].map((path) => valuesAt(message, segment, fields, path)[0] ?? '');
      const isType = TYPE_CODE.test(parts[0] ?? '') && TRIGGER_CODE.test(parts[1] ?? '');
      features.add(`type ${isType ? parts.join('^') : 'odd'}`);
    }
    const path = segment.name === 'OBR' ? ORDER_CODE : segment.name === 'OBX' ? OBSERVATION_CODE : null;
    if (path === null) continue;
    const code = shownCode(valuesAt(message, segment, fields, path)[0] ?? '');
    if (code !== null) features.add(`${segment.name === 'OBR' ? 'order' : 'observation'} ${code}`);
  }
  return features;
}

export type Coverage = {
  /** What history shows. */
  readonly known: number;
  /** Of these, what was seen. */
  readonly seen: number;
  /** Shown by history and never seen, sorted. */
  readonly unseen: readonly string[];
  /** 0 to 1; null where there is no history to hold it against. */
  readonly share: number | null;
};

export function coverageOf(history: ReadonlySet<string>, seen: ReadonlySet<string>): Coverage {
  const unseen = [...history].filter((feature) => !seen.has(feature)).sort();
  const count = history.size - unseen.length;
  return { known: history.size, seen: count, unseen, share: history.size === 0 ? null : count / history.size };
}
