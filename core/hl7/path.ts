/** HL7 field paths as people write them: `MSH-10`, `PID-3.1`, `OBX-5.1.2` (segment, field, component, subcomponent). */

export const FIELD_PATH_PATTERN = /^[A-Z][A-Z0-9]{2}-[1-9]\d{0,2}(\.[1-9]\d{0,2}){0,2}$/;

export type FieldPath = {
  readonly segment: string;
  readonly field: number;
  /** 0: the whole field. */
  readonly component: number;
  /** 0: the whole component. */
  readonly subcomponent: number;
};

const parsedPaths = new Map<string, FieldPath>();
const PARSED_PATHS_LIMIT = 1000;

/** Throws a TypeError for a text that is no field path: schemas check before. */
export function parseFieldPath(text: string): FieldPath {
  const known = parsedPaths.get(text);
  if (known !== undefined) return known;
  if (!FIELD_PATH_PATTERN.test(text)) throw new TypeError(`not an HL7 field path: ${text}`);
  const [segment = '', rest = ''] = text.split('-');
  const [field = 0, component = 0, subcomponent = 0] = rest.split('.').map(Number);
  const path: FieldPath = { segment, field, component, subcomponent };
  if (parsedPaths.size < PARSED_PATHS_LIMIT) parsedPaths.set(text, path);
  return path;
}
