/**
 * Synthetic results, ORU^R01 (HL7 v2 chapter 7). An order gets a preliminary result, then a final one, sometimes a
 * corrected one: three messages with one placer number, told apart by OBR-25, whose order matters to the reader.
 */
import { type Envelope, headerOf, usesStructureName } from './envelope.ts';
import { pdfBase64 } from './pdf.ts';
import type { Random } from './random.ts';
import { escapeText, segment, timestamp, toBytes } from './segments.ts';
import { type Analyte, COMMENTS, PANELS, type Panel, type Patient, patientOf, physicianOf } from './vocabulary.ts';

const OPEN_ORDERS_LIMIT = 8;
const CORRECTED_SHARE = 0.1;
const PDF_SHARE = 0.03;
const COPIED_SHARE = 0.2;

type Status = 'P' | 'F' | 'C';
type OpenOrder = {
  readonly placer: string;
  readonly filler: string;
  readonly panels: readonly Panel[];
  readonly patient: Patient;
  readonly physician: string;
  /** The practice that gets a copy of every result of this order. */
  readonly copyTo: string | null;
  next: Status;
};

/** Keeps the orders whose last result is still to come. */
export type ResultStream = { next(envelope: Envelope): Buffer };

export function resultStream(random: Random, copiesTo: readonly string[]): ResultStream {
  const open: OpenOrder[] = [];
  let orders = 0;
  return {
    next: (envelope) => {
      const goesOn = open.length >= OPEN_ORDERS_LIMIT || (open.length > 0 && random.chance(0.5));
      const known = goesOn ? open[random.integer(0, open.length - 1)] : undefined;
      const order = known ?? beginOrder(random, envelope, ++orders, copiesTo);
      if (known === undefined) open.push(order);
      const message = resultMessage(random, envelope, order);
      const following = statusAfter(random, order.next);
      if (following === null) open.splice(open.indexOf(order), 1);
      else order.next = following;
      return message;
    },
  };
}

function statusAfter(random: Random, status: Status): Status | null {
  if (status === 'P') return 'F';
  return status === 'F' && random.chance(CORRECTED_SHARE) ? 'C' : null;
}

function beginOrder(random: Random, envelope: Envelope, number: number, copiesTo: readonly string[]): OpenOrder {
  const { sender } = envelope;
  const label = String(number).padStart(6, '0');
  return {
    placer: `${sender.receivingFacility}-${label}`,
    filler: `LAB-${sender.receivingFacility}-${label}`,
    panels: Array.from({ length: random.chance(0.25) ? 2 : 1 }, () => random.pick(PANELS)),
    patient: patientOf(random, sender.receivingFacility, sender.charset),
    physician: physicianOf(random),
    copyTo: copiesTo.length > 0 && random.chance(COPIED_SHARE) ? random.pick(copiesTo) : null,
    next: random.chance(0.4) ? 'P' : 'F',
  };
}

function resultMessage(random: Random, envelope: Envelope, order: OpenOrder): Buffer {
  const { sender, at } = envelope;
  const status = order.next;
  const segments = [
    headerOf(envelope, usesStructureName(sender.version) ? 'ORU^R01^ORU_R01' : 'ORU^R01'),
    segment('PID', order.patient.fields),
    segment('PV1', { 1: '1', 2: 'O', 3: `${sender.receivingFacility}^^^REHEARSAL`, 8: order.physician }),
    segment('ORC', { 1: 'RE', 2: order.placer, 3: order.filler, 12: order.physician }),
  ];
  order.panels.forEach((panel, index) => {
    segments.push(
      segment('OBR', {
        1: String(index + 1),
        2: order.placer,
        3: order.filler,
        4: `${panel.code}^${escapeText(panel.name)}^LN`,
        7: timestamp(at),
        16: order.physician,
        22: timestamp(at),
        25: status,
        ...(order.copyTo === null ? {} : { 28: `${order.copyTo}^COPY` }),
      }),
      ...panel.analytes.map((analyte, at) => observation(random, analyte, at + 1, status)),
    );
    if (random.chance(0.4)) segments.push(segment('NTE', { 1: '1', 2: 'L', 3: escapeText(random.pick(COMMENTS)) }));
  });
  if (status === 'F' && random.chance(PDF_SHARE)) segments.push(report(random, order));
  segments.push(segment('ZLR', { 1: '1', 2: `BENCH${random.integer(1, 9)}`, 3: 'AUTO~REVIEWED' }));
  return toBytes(segments, sender.charset);
}

function observation(random: Random, analyte: Analyte, index: number, status: Status): string {
  const spread = analyte.high - analyte.low;
  const value = Math.max(0, analyte.low - spread * 0.2 + random.next() * spread * 1.4);
  const flag = value < analyte.low ? 'L' : value > analyte.high ? 'H' : '';
  return segment('OBX', {
    1: String(index),
    2: 'NM',
    3: `${analyte.code}^${escapeText(analyte.name)}^LN`,
    5: value.toFixed(analyte.decimals),
    6: analyte.unit.replace('^', '\\S\\'),
    7: `${analyte.low}-${analyte.high}`,
    8: flag,
    11: status,
  });
}

function report(random: Random, order: OpenOrder): string {
  const document = pdfBase64(random, `Synthetic report ${order.filler}`);
  return segment('OBX', {
    1: '99',
    2: 'ED',
    3: '11502-2^Laboratory report^LN',
    5: `LAB^Application^PDF^Base64^${document}`,
    11: 'F',
  });
}
