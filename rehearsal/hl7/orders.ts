/** Synthetic orders: ORM^O01 up to version 2.4, OML^O21 from 2.5 on (HL7 v2 chapter 4). */
import { type Envelope, headerOf } from './envelope.ts';
import type { Random } from './random.ts';
import { escapeText, segment, timestamp, toBytes } from './segments.ts';
import { COMMENTS, PANELS, patientOf, physicianOf } from './vocabulary.ts';

export function orderMessage(random: Random, envelope: Envelope): Buffer {
  const { sender, sequence, at } = envelope;
  const isOml = sender.version === '2.5' || sender.version === '2.5.1';
  const type = isOml ? 'OML^O21^OML_O21' : sender.version === '2.4' ? 'ORM^O01^ORM_O01' : 'ORM^O01';
  const placer = `${sender.facility}-${String(sequence).padStart(6, '0')}`;
  const physician = physicianOf(random);
  const segments = [
    headerOf(envelope, type),
    segment('PID', patientOf(random, sender.facility, sender.charset).fields),
    segment('PV1', { 1: '1', 2: 'O', 3: `${sender.facility}^^^REHEARSAL`, 8: physician }),
    segment('IN1', { 1: '1', 2: 'TESTPLAN', 3: 'ZZ-0001', 4: escapeText('Sample Insurance & Co') }),
  ];
  const tests = random.integer(1, 3);
  for (let index = 1; index <= tests; index++) {
    const panel = random.pick(PANELS);
    // Tests of one order share its placer number and are told apart by a suffix.
    const number = index === 1 ? placer : `${placer}.${index}`;
    segments.push(
      segment('ORC', { 1: random.chance(0.97) ? 'NW' : 'CA', 2: number, 4: placer, 9: timestamp(at), 12: physician }),
      segment('OBR', {
        1: String(index),
        2: number,
        4: `${panel.code}^${escapeText(panel.name)}^LN`,
        5: random.chance(0.1) ? 'S' : 'R',
        7: timestamp(at),
        16: physician,
      }),
    );
    if (random.chance(0.3)) segments.push(segment('NTE', { 1: '1', 2: 'P', 3: escapeText(random.pick(COMMENTS)) }));
    segments.push(
      segment('DG1', { 1: '1', 3: random.pick(['Z00.00^Checkup^I10', 'E11.9^Diabetes^I10~R73.9^Glucose^I10']) }),
    );
  }
  segments.push(
    segment('ZOR', { 1: '1', 2: `SITE^${sender.facility}`, 3: random.pick(['FASTING~WALKIN', 'WALKIN', '']) }),
  );
  return toBytes(segments, sender.charset);
}
