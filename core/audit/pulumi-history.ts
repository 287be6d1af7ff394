/**
 * Whether `pulumi stack history` tells the same story: every entry that a successful update carried must be an epoch that
 * the gateway committed, with the approval that it names.
 */

import { parse } from 'yaml';
import { z } from 'zod';
import type { EpochRecord } from '../admin-api.ts';
import { counted } from '../count-words.ts';
import { type Histories, historyOf } from './epochs.ts';
import { type Finding, failed, fine, warning } from './finding.ts';

/** As `pulumi stack history --json` prints it, as far as it is looked at. */
export const pulumiHistorySchema = z.array(
  z.object({
    kind: z.string(),
    result: z.string(),
    startTime: z.string(),
    message: z.string().default(''),
    config: z.record(z.string(), z.object({ value: z.string().optional(), secret: z.boolean() }).partial()).default({}),
  }),
);
export type PulumiHistory = z.output<typeof pulumiHistorySchema>;

const routesSchema = z.record(
  z.string(),
  z.object({
    phase: z.string(),
    newWeight: z.int().default(0),
    epoch: z.int(),
    approval: z.string().nullable().default(null),
  }),
);
const ROUTES_KEY = 'lab-cutover:routes';

/** `gateways`: where they have not committed an epoch either, an update that carried it only wished for it. */
export function compareWithPulumi(
  histories: Histories,
  updates: PulumiHistory | null,
  gateways: ReadonlyMap<string, readonly EpochRecord[]> | null,
): Finding[] {
  if (updates === null) return [warning('pulumi', 'the export has no `pulumi stack history`')];
  const findings: Finding[] = [];
  let compared = 0;
  for (const { kind, result, startTime, config } of updates) {
    if (kind !== 'update' || result !== 'succeeded') continue;
    const routes = routesSchema.safeParse(parse(config[ROUTES_KEY]?.value ?? '{}'));
    if (!routes.success) {
      findings.push(failed('pulumi', `the update of ${startTime} has routes that cannot be read`));
      continue;
    }
    for (const [name, route] of Object.entries(routes.data)) {
      const found = historyOf(histories, name)?.find(({ record }) => record.epoch === route.epoch);
      if (found === undefined) {
        const records = gateways?.get(name);
        const wasWish = records !== undefined && !records.some(({ epoch }) => epoch === route.epoch);
        const what = `the update of ${startTime} has epoch ${route.epoch} of ${name}, which`;
        if (wasWish) findings.push(warning('pulumi', `${what} was never committed`));
        else findings.push(failed('pulumi', `${what} the ledger lacks`));
        continue;
      }
      compared++;
      const { record, entry } = found;
      const isSame = record.phase === route.phase && record.newWeight === route.newWeight;
      if (!isSame)
        findings.push(
          failed('pulumi', `${name}: epoch ${route.epoch} was another route in the update of ${startTime}`, entry),
        );
      if (route.approval !== null && record.approval !== null && route.approval !== record.approval) {
        findings.push(
          failed('pulumi', `${name}: epoch ${route.epoch} names another approval in the update of ${startTime}`, entry),
        );
      }
    }
  }
  if (findings.length > 0) return [...new Map(findings.map((one) => [one.message, one])).values()];
  return [
    fine(
      'pulumi',
      `${counted(compared, 'entry', 'entries')} of ${counted(updates.length, 'update')} ${compared === 1 ? 'agrees' : 'agree'} with the ledger`,
    ),
  ];
}
