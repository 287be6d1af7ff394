/** Which column of a list says what: by a mapping file, else by how people usually head such columns. */
import { z } from 'zod';
import { type Failed, parseYaml } from '../../located-yaml.ts';

export const LIST_FIELDS = [
  'name',
  'practice',
  'direction',
  'wave',
  'feed',
  'legacyHost',
  'legacyPort',
  'newHost',
  'newPort',
  'destinationHost',
  'destinationPort',
  'ackTimeout',
  'effects',
  'vendor',
  'lab',
  'legacyOwner',
  'newOwner',
] as const;
export type ListField = (typeof LIST_FIELDS)[number];

const mapped = z.union([
  z.string(),
  z.strictObject({ column: z.string(), values: z.record(z.string(), z.string()).default({}) }),
  z.strictObject({ value: z.string() }),
]);
const columnsSchema = z.strictObject({
  sheet: z.string().optional().describe('of a workbook; default: its first'),
  columns: z
    .partialRecord(z.enum(LIST_FIELDS), mapped)
    .describe('field → column, or a column with what its values mean, or one value for all'),
});
export type ColumnMapping = z.output<typeof columnsSchema>;

export const NO_MAPPING: ColumnMapping = { columns: {} };

export function parseColumns(
  text: string,
  file: string,
): { readonly ok: true; readonly value: ColumnMapping } | Failed {
  return parseYaml(text, file, columnsSchema);
}

const ALIASES: Readonly<Record<ListField, RegExp>> = {
  name: /^(connection|interface)?(name|id)$|^(connection|interface)$/,
  practice: /^(practice|site|clinic|facility|client|account)(name)?$/,
  direction: /^(direction|type|messagetype|interfacetype|flow)$/,
  wave: /^(wave|phase|group)$/,
  feed: /^(feed|sharedfeed)$/,
  legacyHost: /^(legacy|old|current)(host|ip|address|server)$/,
  legacyPort: /^(legacy|old|current|listener?|inbound)port$/,
  newHost: /^(new|target)(host|ip|address|server)$/,
  newPort: /^(new|target)port$/,
  destinationHost: /^(destination|dest|remote|receiver|outbound)?(host|ip|ipaddress|address)$/,
  destinationPort: /^(destination|dest|remote|receiver|outbound)?port$/,
  ackTimeout: /^(ack|response)?timeout$/,
  effects: /^(side)?effects?$/,
  vendor: /^(emr|ehr)?vendor$|^(emr|ehr)$/,
  lab: /^lab(owner|contact)?$/,
  legacyOwner: /^(legacy|old)owner$/,
  newOwner: /^(new)?owner$/,
};

/** Reads one field of a row; an empty text where the list does not have it. */
export type ReadField = (row: Readonly<Record<string, string>>, field: ListField) => string;

export type Columns = {
  readonly read: ReadField;
  /** Columns that nothing was made of. */
  readonly unused: readonly string[];
  /** Columns that the mapping names and the list lacks. */
  readonly missing: readonly string[];
};

export function columnsOf(header: readonly string[], mapping: ColumnMapping): Columns {
  const found = new Map<
    ListField,
    { column: string | null; values: Readonly<Record<string, string>>; value: string }
  >();
  const missing: string[] = [];
  for (const field of LIST_FIELDS) {
    const wish = mapping.columns[field];
    if (wish !== undefined && typeof wish === 'object' && 'value' in wish)
      found.set(field, { column: null, values: {}, value: wish.value });
    else if (wish !== undefined) {
      const { column, values } = typeof wish === 'string' ? { column: wish, values: {} } : wish;
      if (header.includes(column)) found.set(field, { column, values, value: '' });
      else missing.push(column);
    } else {
      const column = header.find((name) => ALIASES[field].test(name.toLowerCase().replace(/[^a-z0-9]/g, '')));
      if (column !== undefined) found.set(field, { column, values: {}, value: '' });
    }
  }
  const used = new Set([...found.values()].map(({ column }) => column));
  return {
    read: (row, field) => {
      const at = found.get(field);
      if (at === undefined) return '';
      if (at.column === null) return at.value;
      const text = (row[at.column] ?? '').trim();
      return at.values[text] ?? text;
    },
    unused: header.filter((name) => !used.has(name)),
    missing,
  };
}
