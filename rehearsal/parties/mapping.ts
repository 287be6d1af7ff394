/**
 * What a simulated platform makes of a message: the same meaning, with the harmless differences that two products
 * always show (name of the sending application, precision of MSH-7, a Z-segment of one's own, a fresh MSH-10). Works
 * on latin1 text, where each byte is one character, so that every byte it does not mean to change stays.
 */
import { PLATFORM_SEGMENT, readHeader } from '../hl7/reading.ts';

export type PlatformName = 'legacy' | 'new';

const APPLICATION_NAMES: Readonly<Record<PlatformName, string>> = { legacy: 'LEGACY-ENGINE', new: 'NEW-ENGINE' };

/** Which platform made an output. */
export function platformOf(message: Buffer): PlatformName | 'unknown' {
  const application = readHeader(message).fields[3];
  if (application === APPLICATION_NAMES.legacy) return 'legacy';
  return application === APPLICATION_NAMES.new ? 'new' : 'unknown';
}

export type MappingRule = {
  readonly platform: PlatformName;
  readonly regeneratesControlId: boolean;
  /** Fault: what the new platform sends means something else. */
  readonly drift: boolean;
};

export function mapMessage(message: Buffer, rule: MappingRule, controlId: string, at: Date): Buffer {
  const { fields, end } = readHeader(message);
  const header = [...fields];
  header[3] = APPLICATION_NAMES[rule.platform];
  header[7] = rule.platform === 'legacy' ? toSeconds(at) : toMilliseconds(at);
  if (rule.regeneratesControlId) header[10] = controlId;
  const separator = header[1] ?? '|';
  const [name = 'MSH', , ...rest] = header;
  let body = message.toString('latin1', end);
  if (rule.drift) body = drifted(body);
  if (rule.platform === 'new') body += `${PLATFORM_SEGMENT}${separator}1${separator}MAPPED\r`;
  return Buffer.from([name, ...rest].join(separator) + body, 'latin1');
}

/** A mapping gone wrong as it happens in the field: a flag lost, a priority overwritten. */
function drifted(body: string): string {
  return body.replace(/\rOBX\|([^\r]*)\|[LH]\|/, '\rOBX|$1||').replace(/\|R\|(\d{14})\|/, '|A|$1|');
}

function toSeconds(at: Date): string {
  return at.toISOString().replace(/[-:T]/g, '').slice(0, 14);
}

function toMilliseconds(at: Date): string {
  return `${at.toISOString().replace(/[-:TZ]/g, '')}+0000`;
}
