/**
 * For tests: stands in for the providers `aws` and `kubernetes` on the real engine. It refuses what the SDK's types do not
 * have, keeps each resource in a file, so that a refresh finds what was changed behind Pulumi's back, and says in detail
 * what differs. It proves nothing of what AWS itself does.
 */

import { createHash } from 'node:crypto';
import { appendFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type handleUnaryCall, Server, ServerCredentials, status } from '@grpc/grpc-js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import providerRpc from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import rpc from '@pulumi/pulumi/proto/provider_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import struct from 'google-protobuf/google/protobuf/struct_pb.js';
import { readShapes } from '../shapes.ts';
import { clusterTarget } from './apply.ts';
import { checkShape } from './check-shape.ts';
import { computedOf, isReplaced } from './cloud.ts';
import { checkLimits } from './limits.ts';

type Properties = Readonly<Record<string, unknown>>;
type Kept = { readonly inputs: Properties; readonly outputs: Properties };

/** Folder in which the resources are kept; `calls.log` beside them lists what was created, updated and deleted. */
const cloud = process.env.CUTOVER_STAND_IN_CLOUD;
if (cloud === undefined) throw new Error('CUTOVER_STAND_IN_CLOUD names the folder of the cloud that is none');
mkdirSync(cloud, { recursive: true });
const shapes = readShapes();
const cluster = clusterTarget(process.env);
const isKubernetes = (type: string): boolean => cluster !== null && type.startsWith('kubernetes:');

const fileOf = (urn: string): string =>
  join(cloud, `${createHash('sha256').update(urn).digest('hex').slice(0, 24)}.json`);
const keep = (urn: string, kept: Kept): void => writeFileSync(fileOf(urn), JSON.stringify({ urn, ...kept }, null, 1));
const log = (what: string, urn: string): void => appendFileSync(join(cloud, 'calls.log'), `${what} ${urn}\n`);

const service = {
  getPluginInfo: unary(() => new plugin.PluginInfo().setVersion('1.0.0')),
  attach: unary(() => new empty.Empty()),
  checkConfig: unary((request: rpc.CheckRequest) => new rpc.CheckResponse().setInputs(request.getNews())),
  diffConfig: unary(() => new rpc.DiffResponse().setChanges(rpc.DiffResponse.DiffChanges.DIFF_NONE)),
  configure: unary(() => new rpc.ConfigureResponse().setSupportspreview(true)),
  check: unary(async (request: rpc.CheckRequest) => {
    const type = typeOf(request.getUrn());
    const inputs = propertiesOf(request.getNews());
    const problems = [...checkShape(shapes, type, inputs), ...checkLimits(type, inputs)];
    const refusal = isKubernetes(type) && problems.length === 0 ? await cluster?.refusal(inputs) : null;
    if (typeof refusal === 'string') problems.push({ property: '', reason: refusal });
    return new rpc.CheckResponse()
      .setInputs(request.getNews())
      .setFailuresList(
        problems.map(({ property, reason }) => new rpc.CheckFailure().setProperty(property).setReason(reason)),
      );
  }),
  diff: unary((request: rpc.DiffRequest) => {
    const type = typeOf(request.getUrn());
    const differing = differences(propertiesOf(request.getOldInputs()), propertiesOf(request.getNews()), '');
    const { DiffChanges } = rpc.DiffResponse;
    const { Kind } = rpc.PropertyDiff;
    const response = new rpc.DiffResponse().setHasdetaileddiff(true);
    response.setChanges(differing.length === 0 ? DiffChanges.DIFF_NONE : DiffChanges.DIFF_SOME);
    const roots = [...new Set(differing.map((path) => /^[^.[]+/.exec(path)?.[0] ?? path))];
    response.setDiffsList(roots);
    response.setReplacesList(roots.filter((root) => isReplaced(type, root)));
    for (const path of differing) {
      const root = /^[^.[]+/.exec(path)?.[0] ?? path;
      const kind = isReplaced(type, root) ? Kind.UPDATE_REPLACE : Kind.UPDATE;
      response.getDetaileddiffMap().set(path, new rpc.PropertyDiff().setKind(kind).setInputdiff(true));
    }
    return response;
  }),
  create: unary(async (request: rpc.CreateRequest) => {
    const urn = request.getUrn();
    const inputs = propertiesOf(request.getProperties());
    const id = idOf(urn, inputs);
    if (request.getPreview()) return new rpc.CreateResponse().setProperties(structOf(inputs));
    if (isKubernetes(typeOf(urn))) await cluster?.apply(inputs);
    const outputs = { ...computedOf(typeOf(urn), id), ...inputs };
    keep(urn, { inputs, outputs });
    log('create', urn);
    return new rpc.CreateResponse().setId(id).setProperties(structOf(outputs));
  }),
  update: unary(async (request: rpc.UpdateRequest) => {
    const urn = request.getUrn();
    const inputs = propertiesOf(request.getNews());
    const outputs = { ...computedOf(typeOf(urn), request.getId()), ...inputs };
    if (!request.getPreview()) {
      if (isKubernetes(typeOf(urn))) await cluster?.apply(inputs);
      keep(urn, { inputs, outputs });
      log('update', urn);
    }
    return new rpc.UpdateResponse().setProperties(structOf(outputs));
  }),
  read: unary((request: rpc.ReadRequest) => {
    const file = fileOf(request.getUrn());
    if (!existsSync(file)) return new rpc.ReadResponse();
    const { inputs, outputs }: Kept = JSON.parse(readFileSync(file, 'utf8'));
    return new rpc.ReadResponse().setId(request.getId()).setInputs(structOf(inputs)).setProperties(structOf(outputs));
  }),
  delete: unary(async (request: rpc.DeleteRequest) => {
    if (isKubernetes(typeOf(request.getUrn()))) await cluster?.remove(propertiesOf(request.getProperties()));
    rmSync(fileOf(request.getUrn()), { force: true });
    log('delete', request.getUrn());
    return new empty.Empty();
  }),
  cancel: unary(() => new empty.Empty()),
};

const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
server.addService(providerRpc.ResourceProviderService, service);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.stdout.write(`${port}\n`);
});

function unary<Request, Response>(
  handle: (request: Request) => Response | Promise<Response>,
): handleUnaryCall<Request, Response> {
  return async (call, callback) => {
    try {
      callback(null, await handle(call.request));
    } catch (error) {
      const message = `the stand-in failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
      callback({ code: status.UNKNOWN, details: message, message });
    }
  };
}

/** `a.b[0].c` of what differs. */
function differences(old: unknown, next: unknown, path: string): string[] {
  if (JSON.stringify(old) === JSON.stringify(next)) return [];
  if (Array.isArray(old) && Array.isArray(next) && old.length === next.length) {
    return old.flatMap((item: unknown, index) => differences(item, next[index], `${path}[${index}]`));
  }
  if (isObject(old) && isObject(next)) {
    return [...new Set([...Object.keys(old), ...Object.keys(next)])].flatMap((key) =>
      key.startsWith('__') ? [] : differences(old[key], next[key], path === '' ? key : `${path}.${key}`),
    );
  }
  return [path];
}

function isObject(value: unknown): value is Properties {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function idOf(urn: string, inputs: Properties): string {
  const { metadata } = inputs;
  if (!isObject(metadata)) return `${urn.split('::').at(-1)?.replaceAll('/', '-')}-id`;
  return `${metadata.namespace === undefined ? '' : `${String(metadata.namespace)}/`}${String(metadata.name)}`;
}

/** `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME` */
function typeOf(urn: string): string {
  return urn.split('::')[2]?.split('$').at(-1) ?? '';
}

function propertiesOf(properties: struct.Struct | undefined): Properties {
  return properties?.toJavaScript() ?? {};
}

function structOf(properties: Properties): struct.Struct {
  return struct.Struct.fromJavaScript(JSON.parse(JSON.stringify(properties)));
}
