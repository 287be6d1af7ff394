/** What every synthetic message begins with: who sends it, when, under which id, in which charset. */
import { type Charset, headerSegment, timestamp } from './segments.ts';

export const VERSIONS = ['2.3', '2.3.1', '2.4', '2.5', '2.5.1'] as const;
export type Version = (typeof VERSIONS)[number];

/** What stays the same for all messages of one connection. */
export type Sender = {
  readonly application: string;
  readonly facility: string;
  readonly receivingApplication: string;
  readonly receivingFacility: string;
  readonly version: Version;
  readonly charset: Charset;
};

export type Envelope = {
  readonly sender: Sender;
  /** Counts from 1 in the connection; travels in MSH-13, which both platforms keep. */
  readonly sequence: number;
  readonly controlId: string;
  readonly at: Date;
};

export function headerOf(envelope: Envelope, type: string): string {
  const { sender } = envelope;
  return headerSegment({
    3: sender.application,
    4: sender.facility,
    5: sender.receivingApplication,
    6: sender.receivingFacility,
    7: timestamp(envelope.at),
    9: type,
    10: envelope.controlId,
    11: 'P',
    12: sender.version,
    13: String(envelope.sequence),
    18: sender.charset,
  });
}

export function usesStructureName(version: Version): boolean {
  return version === '2.4' || version === '2.5' || version === '2.5.1';
}
