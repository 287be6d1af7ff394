/** docs/traceability.md names every element of the programme, and each row leads to something that is there. */
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';

const FILE = resolve(import.meta.dirname, '../docs/traceability.md');
/** Of a migration's charter, plan, gate and RAID log, as people call them. */
const ELEMENTS = [
  'zero data loss',
  'no business-hours downtime',
  'knowledge transfer',
  'tested rollback',
  'runbook',
  'on-call',
  'legacy',
  'new platform',
  'EMR vendors',
  'LIS',
  'an owner for each',
  'parallel run',
  'weighted routing',
  'drain',
  'go/no-go',
  'decommission',
  'comparison',
  'reconciliation',
  'sign-off',
  'mapping drift',
  'in-flight orders',
  'off-hours',
  '250 connections',
];

describe('from the programme to the product', () => {
  it('no element is left out, and each row leads somewhere', async () => {
    const rows = (await readFile(FILE, 'utf8'))
      .split('\n')
      .filter((line) => /^\| (?!---|element|party|item)/.test(line));
    const missing = ELEMENTS.filter(
      (element) => !rows.some((row) => row.toLowerCase().includes(element.toLowerCase())),
    );
    expect(missing).toEqual([]);
    expect(rows.filter((row) => !row.includes('](') && !row.includes('cutover '))).toEqual([]);
  });

  it('every link leads to a file that there is', async () => {
    const text = await readFile(FILE, 'utf8');
    const targets = [...text.matchAll(/\]\(([^)#\s]+)/g)].map(([, target = '']) => target);
    expect(targets.length).toBeGreaterThan(40);
    expect(targets.filter((target) => !existsSync(resolve(FILE, '..', target)))).toEqual([]);
  });
});
