/** What the synthetic messages are made of: tests a laboratory runs (LOINC codes) and people nobody could take for real. */
import type { Random } from './random.ts';
import { type Charset, escapeText } from './segments.ts';

export type Analyte = {
  readonly code: string;
  readonly name: string;
  readonly unit: string;
  readonly low: number;
  readonly high: number;
  readonly decimals: number;
};
export type Panel = { readonly code: string; readonly name: string; readonly analytes: readonly Analyte[] };

type Row = readonly [code: string, name: string, unit: string, low: number, high: number, decimals: number];

function panel(code: string, name: string, rows: readonly Row[]): Panel {
  const analytes = rows.map(([code, name, unit, low, high, decimals]) => ({ code, name, unit, low, high, decimals }));
  return { code, name, analytes };
}

export const PANELS: readonly Panel[] = [
  panel('58410-2', 'CBC panel', [
    ['6690-2', 'Leukocytes', '10*3/uL', 4.5, 11, 1],
    ['789-8', 'Erythrocytes', '10*6/uL', 4.1, 5.9, 2],
    ['718-7', 'Hemoglobin', 'g/dL', 12, 17.5, 1],
    ['4544-3', 'Hematocrit', '%', 36, 50, 1],
    ['787-2', 'MCV', 'fL', 80, 100, 1],
    ['785-6', 'MCH', 'pg', 27, 33, 1],
    ['786-4', 'MCHC', 'g/dL', 32, 36, 1],
    ['788-0', 'RDW', '%', 11.5, 14.5, 1],
    ['777-3', 'Platelets', '10*3/uL', 150, 450, 0],
    ['770-8', 'Neutrophils/100 leukocytes', '%', 40, 70, 1],
    ['736-9', 'Lymphocytes/100 leukocytes', '%', 20, 45, 1],
    ['5905-5', 'Monocytes/100 leukocytes', '%', 2, 10, 1],
  ]),
  panel('24323-8', 'Comprehensive metabolic panel', [
    ['2345-7', 'Glucose', 'mg/dL', 70, 99, 0],
    ['3094-0', 'Urea nitrogen', 'mg/dL', 7, 20, 0],
    ['2160-0', 'Creatinine', 'mg/dL', 0.6, 1.3, 2],
    ['2951-2', 'Sodium', 'mmol/L', 135, 145, 0],
    ['2823-3', 'Potassium', 'mmol/L', 3.5, 5.1, 1],
    ['2075-0', 'Chloride', 'mmol/L', 98, 107, 0],
    ['2028-9', 'Carbon dioxide', 'mmol/L', 22, 29, 0],
    ['17861-6', 'Calcium', 'mg/dL', 8.5, 10.2, 1],
    ['2885-2', 'Protein', 'g/dL', 6, 8.3, 1],
    ['1751-7', 'Albumin', 'g/dL', 3.5, 5, 1],
    ['1975-2', 'Bilirubin', 'mg/dL', 0.1, 1.2, 1],
    ['6768-6', 'Alkaline phosphatase', 'U/L', 44, 147, 0],
    ['1920-8', 'AST', 'U/L', 8, 48, 0],
    ['1742-6', 'ALT', 'U/L', 7, 55, 0],
  ]),
  panel('57698-3', 'Lipid panel', [
    ['2093-3', 'Cholesterol', 'mg/dL', 120, 200, 0],
    ['2571-8', 'Triglyceride', 'mg/dL', 40, 150, 0],
    ['2085-9', 'HDL cholesterol', 'mg/dL', 40, 80, 0],
    ['13457-7', 'LDL cholesterol (calculated)', 'mg/dL', 50, 130, 0],
  ]),
  panel('3016-3', 'TSH', [['3016-3', 'Thyrotropin', 'm[IU]/L', 0.4, 4, 2]]),
  panel('4548-4', 'Hemoglobin A1c', [['4548-4', 'Hemoglobin A1c/Hemoglobin.total', '%', 4, 5.6, 1]]),
];

export const COMMENTS: readonly string[] = [
  'Specimen slightly hemolyzed; potassium may be falsely elevated.',
  'Fasting status: 10 h | confirmed by practice & lab',
  'Reference range applies to adults ^ see handbook \\ section 4',
  'Result phoned\nread back by "Nurse Sample" ~ 14:05',
  'Repeat in 4-6 weeks suggested.',
];

/** Only characters that both charsets hold. */
export const NAMES_IN_EITHER_CHARSET: readonly string[] = [
  'Testpatient',
  'Sample-Müller',
  'Zzdemo',
  'Mockström',
  'Fictícia',
  'Nobody-Ångel',
];
const NAMES_IN_UTF8: readonly string[] = [...NAMES_IN_EITHER_CHARSET, 'Testowska-Żółć', 'Δοκιμή', 'テスト'];
const GIVEN_NAMES: readonly string[] = ['Test', 'Demo', 'Sample', 'Mock', 'Zoé', 'Dummy'];
const PHYSICIANS: readonly string[] = ['Fakename', 'Testphysician', 'Mockdoc'];

export type Patient = { readonly id: string; readonly fields: Readonly<Record<number, string>> };

/** PID of someone who does not exist: ids of the authority RHRSL, phone numbers of the 555-01xx range. */
export function patientOf(random: Random, practice: string, charset: Charset): Patient {
  const id = `ZZ${String(random.integer(1, 4000)).padStart(7, '0')}`;
  const family = random.pick(charset === 'UNICODE UTF-8' ? NAMES_IN_UTF8 : NAMES_IN_EITHER_CHARSET);
  const born = `${random.integer(1930, 2022)}${twoDigits(random.integer(1, 12))}${twoDigits(random.integer(1, 28))}`;
  // Repetition (PID-3): the practice's own number beside the enterprise's.
  const identifiers = `${id}^^^RHRSL^MR~${practice.slice(0, 8).toUpperCase()}-${random.integer(100, 99_999)}^^^PRACTICE^PI`;
  const fields = {
    1: '1',
    3: identifiers,
    5: `${family}^${random.pick(GIVEN_NAMES)}^${random.pick(['A', 'B', ''])}`,
    7: born,
    8: random.pick(['F', 'M', 'U']),
    11: `${random.integer(1, 999)} Example Street^^Testville^ZZ^00000`,
    13: `(555)555-01${twoDigits(random.integer(0, 99))}`,
  };
  return { id, fields };
}

export function physicianOf(random: Random): string {
  return `${random.integer(1000, 1099)}^${random.pick(PHYSICIANS)}^Dr${escapeText(' & Partner')}`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, '0');
}
