/**
 * The stack config of the layer `platform` (`stacks/Pulumi.<env>-platform.yaml`): where gateways, worker, database,
 * evidence and monitoring run, and how big they are.
 */
import { z } from 'zod';
import { DURATION_PATTERN, parseDurationMs } from './duration.ts';
import { awsPlace } from './edge/edge-config.ts';
import { type Failed, parseYaml } from './located-yaml.ts';
import { INVENTORY_KEY, LAYER_KEY, PROJECT } from './stack-config.ts';

export const PLATFORM_KEY = `${PROJECT}:platform`;

const DAY_MS = 86_400_000;
const duration = z
  .string()
  .regex(DURATION_PATTERN, 'a duration is a whole number and a unit: 250ms, 10s, 5m, 2h, 7d')
  .transform((text) => parseDurationMs(text) ?? 0)
  .describe('a whole number and a unit: 250ms, 10s, 5m, 2h, 7d');
const days = duration.refine((ms) => ms >= DAY_MS && ms % DAY_MS === 0, 'whole days, as in 35d');
const range = z.cidrv4({ error: 'a range of addresses, as in 10.20.0.0/16' });
const secretArn = z.string().regex(/^arn:aws[a-z-]*:secretsmanager:/, 'the ARN of a secret in Secrets Manager');
const roleArn = z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:/, 'an IAM ARN');
const cpu = z.string().regex(/^\d+m?$/, 'processor time as Kubernetes writes it: 2, 500m');
const memory = z.string().regex(/^\d+(Mi|Gi)$/, 'memory as Kubernetes writes it: 512Mi, 4Gi');
const size = z.strictObject({ cpu, memory });

const platformSchema = z.strictObject({
  ...awsPlace,
  namespace: z.string().min(1).default('cutover'),
  image: z
    .string()
    .regex(/@sha256:[0-9a-f]{64}$/, 'an image is named by its digest: registry/cutover@sha256:…')
    .describe('built from the Dockerfile'),
  cluster: z.strictObject({
    oidcProviderArn: roleArn.describe('of the cluster, so that pods get IAM roles of their own'),
    oidcIssuer: z.string().min(3).describe('without https://'),
    monitoringNamespace: z.string().min(1).default('monitoring'),
    operatorGroup: z.string().min(1).describe('group of people who may look at pods and signal them'),
  }),
  network: z.strictObject({
    sourceRanges: z.array(range).min(1).describe('sources and platforms, as pods see them'),
    operatorRanges: z.array(range).min(1),
    peerRanges: z.array(range).min(1).describe('platforms and destinations that gateways connect to'),
  }),
  gateway: size.extend({
    volumeGiB: z.int().min(10).max(16_384).describe('of each shard'),
    adminPort: z.int().min(1).max(65_535).default(7443),
    target: z.enum(['local', 'production']).default('production'),
  }),
  worker: size,
  secrets: z.strictObject({
    adminTls: secretArn.describe('JSON with tls.crt, tls.key and ca.crt of the admin API'),
    database: secretArn.describe('JSON with url: the PostgreSQL URL of the application user'),
    signers: secretArn.describe('JSON with allowed_signers: who signs approvals'),
  }),
  database: z.strictObject({
    instanceClass: z.string().startsWith('db.'),
    engineVersion: z.string().regex(/^\d+(\.\d+)?$/),
    storageGiB: z.int().min(20),
    maxStorageGiB: z.int().min(20),
    backupsKept: days.refine((ms) => ms >= 7 * DAY_MS && ms <= 35 * DAY_MS, 'from 7d to 35d, as RDS has it'),
    rotationFunctionArn: z.string().regex(/^arn:aws[a-z-]*:lambda:/, 'the ARN of the rotation function'),
    rotateEvery: days,
  }),
  evidence: z.strictObject({
    keptFor: days.describe('nobody can delete evidence before that'),
    mode: z.enum(['GOVERNANCE', 'COMPLIANCE']).default('COMPLIANCE'),
  }),
  monitoring: z.strictObject({
    onCall: z.url({ protocol: /^https$/, error: 'an https URL: the endpoint of the paging service' }),
    logsKept: days,
    runbooks: z
      .url({ protocol: /^https$/, error: 'an https URL: the folder of runbooks, as who is called can open it' })
      .transform((url) => url.replace(/\/+$/, '')),
  }),
});
export type PlatformConfig = z.output<typeof platformSchema>;

export const platformStackSchema = z.looseObject({
  config: z
    .object({
      [LAYER_KEY]: z.literal('platform'),
      [INVENTORY_KEY]: z.string().min(1).describe('path from the project folder to the inventory of the routes stack'),
      [PLATFORM_KEY]: platformSchema,
    })
    .catchall(z.unknown()),
});

export type PlatformStack = { readonly inventory: string; readonly platform: PlatformConfig };

export function parsePlatformStack(
  text: string,
  file: string,
): { readonly ok: true; readonly value: PlatformStack } | Failed {
  const parsed = parseYaml(text, file, platformStackSchema);
  if (!parsed.ok) return parsed;
  const { config } = parsed.value;
  return { ok: true, value: { inventory: config[INVENTORY_KEY], platform: config[PLATFORM_KEY] } };
}

export function platformConfigJsonSchema(): object {
  return z.toJSONSchema(platformStackSchema, { io: 'input' });
}

export function daysOf(ms: number): number {
  return ms / DAY_MS;
}
