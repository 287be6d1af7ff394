/** Each gateway as seen from here: reachable, the right one, of this version, in time, serving what the inventory says. */

import { readFile } from 'node:fs/promises';
import type { GatewayClient } from '../../adapters/gateway-admin.ts';
import type { Info } from '../../core/admin-api.ts';
import { counted } from '../../core/count-words.ts';
import type { Inventory } from '../../core/inventory.ts';
import { readableTime } from '../../core/readable-time.ts';
import type { Context } from '../runner/context.ts';
import { nameList } from '../runner/name-list.ts';
import { productFile } from '../runner/product-folder.ts';
import { doubtful, type Finding, fine, notLooked, wrong } from './finding.ts';

const SKEW_LIMIT_MS = 5_000;

export async function examineGateways(context: Context): Promise<Finding[]> {
  const version = await productVersion();
  const found = await Promise.all(context.gateways.map((gateway) => examineGateway(context, gateway, version)));
  return found.flat();
}

async function examineGateway({ inventory }: Context, gateway: GatewayClient, version: string): Promise<Finding[]> {
  const { shard } = gateway;
  const check = (what: string): string => `gateway.${shard}.${what}`;
  const info = await gateway.info();
  if (!info.ok) {
    const remedy = info.error.next[0] ?? 'check that it runs';
    return [wrong(check('reachable'), info.error.message, remedy), ...(await examinePorts(inventory, gateway))];
  }
  const { deployment, target } = info.value;
  const findings = [fine(check('reachable'), `${gateway.admin} answers: version ${info.value.version}, ${target}`)];
  if (deployment !== inventory.deployment || info.value.shard !== shard) {
    const message = `at ${gateway.admin} is deployment ${deployment}, shard ${info.value.shard}; the inventory expects ${inventory.deployment}, shard ${shard}`;
    findings.push(wrong(check('identity'), message, 'correct `gateways` in the inventory'));
  }
  if (target !== inventory.target) {
    const message = `it was born as ${target}; the inventory says ${inventory.target}`;
    findings.push(wrong(check('target'), message, 'correct `target` in the inventory'));
  }
  if (info.value.version !== version) {
    const message = `it is version ${info.value.version}, this is ${version}`;
    findings.push(doubtful(check('version'), message, 'bring both to one version before the next move'));
  }
  findings.push(...servedFindings(inventory, shard, info.value, check('inventory')));
  findings.push(await examineClock(gateway, check('clock')), await examineLease(gateway, check('lease')));
  return findings;
}

function servedFindings(inventory: Inventory, shard: number, info: Info, check: string): Finding[] {
  const remedy = 'give the gateway this inventory and send it SIGHUP';
  const wanted = inventory.connections.filter((item) => item.shard === shard);
  const missing = wanted.filter(({ name }) => info.legs[name] === undefined).map(({ name }) => name);
  const extra = Object.keys(info.legs).filter((name) => !wanted.some((item) => item.name === name));
  const moved = inventory.feeds.filter((feed) => feed.shard === shard && info.feeds[feed.name] !== feed.port);
  const findings: Finding[] = [];
  if (missing.length > 0) findings.push(wrong(check, `it does not serve ${nameList(missing)}`, remedy));
  if (extra.length > 0) {
    findings.push(doubtful(check, `it serves ${nameList(extra)}, which the inventory does not have`, remedy));
  }
  if (moved.length > 0) {
    const names = nameList(moved.map(({ name }) => name));
    findings.push(wrong(check, `feeds listen on other ports than the inventory says, or not at all: ${names}`, remedy));
  }
  return findings.length > 0
    ? findings
    : [fine(check, `it serves what this inventory gives it: ${counted(wanted.length, 'connection')}`)];
}

async function examineClock(gateway: GatewayClient, check: string): Promise<Finding> {
  const skew = await gateway.clockSkewMs();
  if (!skew.ok) return notLooked(check, `its clock cannot be read: ${skew.error.message}`);
  const message = `its clock is ${Math.abs(skew.value) < 1_000 ? 'within a second of' : `${Math.round(skew.value / 1000)} s from`} this one`;
  if (Math.abs(skew.value) <= SKEW_LIMIT_MS) return fine(check, message);
  return wrong(check, message, 'set both clocks by NTP: approvals hold by the clock of the gateway');
}

async function examineLease(gateway: GatewayClient, check: string): Promise<Finding> {
  const lease = await gateway.lease.get();
  if (!lease.ok) return notLooked(check, `its lease cannot be read: ${lease.error.message}`);
  if (lease.value === null) return fine(check, 'no verb holds its lease');
  const { verb, operator, host, since, expiresAt } = lease.value;
  const message = `'${verb}' by ${operator} on ${host} holds its lease since ${readableTime(since)}`;
  return doubtful(check, message, `a living verb renews it; else it ends by itself at ${readableTime(expiresAt)}`);
}

/** Only where the gateway does not answer and should run on this host: who else has its ports? Nothing is opened. */
async function examinePorts(inventory: Inventory, { admin, shard }: GatewayClient): Promise<Finding[]> {
  const { hostname, port } = new URL(admin);
  if (!['127.0.0.1', 'localhost', '[::1]'].includes(hostname)) return [];
  const listening = await listeningPorts();
  if (listening === null) return [];
  const wanted = [
    Number(port),
    ...inventory.feeds.filter((feed) => feed.shard === shard).map((feed) => feed.port),
    ...inventory.connections
      .filter((item) => item.shard === shard)
      .flatMap(({ legs }) => [legs.legacy.port, legs.new.port]),
  ];
  const taken = wanted.filter((candidate) => listening.has(candidate)).map(String);
  const check = `gateway.${shard}.ports`;
  if (taken.length === 0) return [fine(check, 'its ports are free on this host')];
  const remedy = `ss -ltnp 'sport = :${taken[0]}' shows by whom; end that, or change the inventory`;
  return [wrong(check, `ports of its inventory are taken on this host: ${nameList(taken)}`, remedy)];
}

const LISTEN = '0A';

/** From the kernel's own table; null where there is none. */
async function listeningPorts(): Promise<ReadonlySet<number> | null> {
  const tables = await Promise.all(
    ['/proc/net/tcp', '/proc/net/tcp6'].map((file) => readFile(file, 'utf8').catch(() => '')),
  );
  if (tables.every((text) => text === '')) return null;
  const ports = new Set<number>();
  for (const line of tables.join('\n').split('\n')) {
    const [, local = '', , state] = line.trim().split(/\s+/);
    if (state === LISTEN) ports.add(Number.parseInt(local.split(':')[1] ?? '', 16));
  }
  return ports;
}

async function productVersion(): Promise<string> {
  const text: unknown = JSON.parse(await readFile(productFile('package.json'), 'utf8'));
  return typeof text === 'object' && text !== null && 'version' in text ? String(text.version) : 'unknown';
}
