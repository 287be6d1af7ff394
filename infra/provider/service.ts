/**
 * `pulumirpc.ResourceProvider`: translates the engine's calls into operations on routes and gateways and back. What
 * an operation refuses becomes a gRPC error, after which the engine keeps the resource's state as it was.
 */
import { type handleUnaryCall, status, type UntypedServiceImplementation } from '@grpc/grpc-js';
import plugin from '@pulumi/pulumi/proto/plugin_pb.js';
import rpc from '@pulumi/pulumi/proto/provider_pb.js';
import empty from 'google-protobuf/google/protobuf/empty_pb.js';
import struct from 'google-protobuf/google/protobuf/struct_pb.js';
import { diffGateway, diffRoute, type ResourceDiff } from './diff.ts';
import { GATEWAY_TYPE, parseGatewayInputs, readGateway, verifyGateway } from './gateway-resource.ts';
import type { Gateways } from './gateways.ts';
import { type Outcome, refused } from './outcome.ts';
import { PACKAGE_VERSION, packageSchema } from './package-schema.ts';
import {
  bringAbout,
  type CheckProblem,
  checkRoute,
  deleteRoute,
  previewRoute,
  type RouteContext,
  readRoute,
} from './route.ts';
import { parseRouteInputs, ROUTE_TYPE } from './route-properties.ts';
import { StartTogether } from './start-together.ts';
import type { VerbRequest } from './verb-request.ts';

export type ServiceOptions = {
  readonly gateways: Gateways;
  readonly request: Outcome<VerbRequest | null>;
  /** Folder of the stack's approvals, by the name of the stack. */
  approvalsOf(stack: string): string;
  warn(urn: string, message: string): void;
  attach(engineAddress: string): void;
};

type Properties = Readonly<Record<string, unknown>>;
type Unary<Request, Response> = (request: Request) => Promise<Response> | Response;

/** One run of the provider, as long as the engine keeps it. */
type Running = { readonly options: ServiceOptions; readonly together: StartTogether; isCancelled: boolean };

export function createService(options: ServiceOptions): UntypedServiceImplementation {
  const together = new StartTogether(options.request.ok ? (options.request.value?.together ?? 1) : 1);
  const running: Running = { options, together, isCancelled: false };
  return {
    handshake: unary((request: rpc.ProviderHandshakeRequest) => {
      if (request.getEngineAddress() !== '') options.attach(request.getEngineAddress());
      return new rpc.ProviderHandshakeResponse();
    }),
    attach: unary((request: plugin.PluginAttach) => {
      options.attach(request.getAddress());
      return new empty.Empty();
    }),
    getPluginInfo: unary(() => new plugin.PluginInfo().setVersion(PACKAGE_VERSION)),
    getSchema: unary(() => new rpc.GetSchemaResponse().setSchema(packageSchema())),
    checkConfig: unary((request: rpc.CheckRequest) => new rpc.CheckResponse().setInputs(request.getNews())),
    diffConfig: unary(() => new rpc.DiffResponse().setChanges(rpc.DiffResponse.DiffChanges.DIFF_NONE)),
    configure: unary(() => {
      must(options.request);
      return new rpc.ConfigureResponse().setSupportspreview(true);
    }),
    check: unary((request: rpc.CheckRequest) => checkInputs(running, request)),
    diff: unary((request: rpc.DiffRequest) => diffResource(running, request)),
    create: unary((request: rpc.CreateRequest) => createResource(running, request)),
    read: unary((request: rpc.ReadRequest) => readResource(running, request)),
    update: unary((request: rpc.UpdateRequest) => updateResource(running, request)),
    delete: unary((request: rpc.DeleteRequest) => removeResource(running, request)),
    cancel: unary(() => {
      running.isCancelled = true;
      return new empty.Empty();
    }),
  };
}

function contextOf(running: Running, urn: string): RouteContext {
  const { options, together } = running;
  return {
    gateways: options.gateways,
    request: must(options.request),
    approvals: options.approvalsOf(stackOf(urn)),
    together,
    isCancelled: () => running.isCancelled,
  };
}

async function checkInputs(running: Running, request: rpc.CheckRequest): Promise<rpc.CheckResponse> {
  const olds = propertiesOf(request.getOlds());
  const news = propertiesOf(request.getNews());
  switch (typeOf(request.getUrn())) {
    case ROUTE_TYPE: {
      const { inputs, problems } = must(
        await checkRoute(contextOf(running, request.getUrn()), Object.keys(olds).length === 0 ? null : olds, news),
      );
      return checked(inputs, problems);
    }
    case GATEWAY_TYPE:
      return checked(must(parseGatewayInputs(news)), []);
    default:
      return must(unknownType(request.getUrn()));
  }
}

async function diffResource(running: Running, request: rpc.DiffRequest): Promise<rpc.DiffResponse> {
  const oldInputs = propertiesOf(request.getOldInputs());
  const news = propertiesOf(request.getNews());
  const urn = request.getUrn();
  switch (typeOf(urn)) {
    case ROUTE_TYPE:
      return diffed(must(diffRoute(oldInputs, news)));
    case GATEWAY_TYPE:
      return diffed(
        must(
          await diffGateway(running.options.gateways, oldInputs, propertiesOf(request.getOlds()), news, (text) =>
            running.options.warn(urn, text),
          ),
        ),
      );
    default:
      return must(unknownType(urn));
  }
}

/** Create and update are one operation: bring about, or find it there. */
async function apply(
  running: Running,
  urn: string,
  properties: Properties,
  olds: Properties | null,
  preview: boolean,
): Promise<object> {
  switch (typeOf(urn)) {
    case ROUTE_TYPE: {
      const inputs = must(parseRouteInputs(properties));
      if (preview) return previewRoute(inputs);
      const { incarnation } = olds ?? {};
      const known = olds === null ? null : { incarnation: typeof incarnation === 'string' ? incarnation : undefined };
      return must(await bringAbout(contextOf(running, urn), inputs, known));
    }
    case GATEWAY_TYPE:
      return must(await verifyGateway(running.options.gateways, must(parseGatewayInputs(properties))));
    default:
      return must(unknownType(urn));
  }
}

async function createResource(running: Running, request: rpc.CreateRequest): Promise<rpc.CreateResponse> {
  const properties = propertiesOf(request.getProperties());
  const outputs = await apply(running, request.getUrn(), properties, null, request.getPreview());
  const id = typeOf(request.getUrn()) === ROUTE_TYPE ? String(properties.name) : `shard-${properties.shard}`;
  return new rpc.CreateResponse().setId(id).setProperties(structOf(outputs));
}

async function updateResource(running: Running, request: rpc.UpdateRequest): Promise<rpc.UpdateResponse> {
  const news = propertiesOf(request.getNews());
  const outputs = await apply(running, request.getUrn(), news, propertiesOf(request.getOlds()), request.getPreview());
  return new rpc.UpdateResponse().setProperties(structOf(outputs));
}

async function readResource(running: Running, request: rpc.ReadRequest): Promise<rpc.ReadResponse> {
  const urn = request.getUrn();
  const inputs = propertiesOf(request.getInputs());
  if (Object.keys(inputs).length === 0) {
    return must(refused("this provider has no import: `pulumi up` adopts what the gateway has under the entry's name"));
  }
  const answer = new rpc.ReadResponse().setId(request.getId()).setInputs(structOf(inputs));
  switch (typeOf(urn)) {
    case ROUTE_TYPE: {
      const found = must(await readRoute(contextOf(running, urn), must(parseRouteInputs(inputs))));
      if (found === null) return new rpc.ReadResponse();
      return answer.setInputs(structOf(found.inputs)).setProperties(structOf(found.outputs));
    }
    case GATEWAY_TYPE:
      return answer.setProperties(
        structOf(
          must(
            await readGateway(
              running.options.gateways,
              must(parseGatewayInputs(inputs)),
              propertiesOf(request.getProperties()),
            ),
          ),
        ),
      );
    default:
      return must(unknownType(urn));
  }
}

async function removeResource(running: Running, request: rpc.DeleteRequest): Promise<empty.Empty> {
  const urn = request.getUrn();
  if (typeOf(urn) !== ROUTE_TYPE) return new empty.Empty();
  const olds = propertiesOf(request.getOldInputs());
  must(await deleteRoute(contextOf(running, urn), must(parseRouteInputs(olds))));
  return new empty.Empty();
}

/** A refusal, on its way to the engine. */
class RefusedOperation extends Error {}

function must<T>(outcome: Outcome<T>): T {
  if (outcome.ok) return outcome.value;
  throw new RefusedOperation(outcome.message);
}

function unary<Request, Response>(handle: Unary<Request, Response>): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    Promise.resolve(call.request)
      .then(handle)
      .then(
        (response) => callback(null, response),
        (error: unknown) => {
          const message = error instanceof RefusedOperation ? error.message : `the provider failed: ${String(error)}`;
          callback({ code: status.UNKNOWN, details: message, message });
        },
      );
  };
}

function checked(inputs: object, problems: readonly CheckProblem[]): rpc.CheckResponse {
  const failures = problems.map(({ property, reason }) =>
    new rpc.CheckFailure().setProperty(property).setReason(reason),
  );
  return new rpc.CheckResponse().setInputs(structOf(inputs)).setFailuresList(failures);
}

function diffed(diff: ResourceDiff): rpc.DiffResponse {
  const { DiffChanges } = rpc.DiffResponse;
  const response = new rpc.DiffResponse().setHasdetaileddiff(true);
  response.setChanges(diff.length === 0 ? DiffChanges.DIFF_NONE : DiffChanges.DIFF_SOME);
  response.setDiffsList(diff.map(({ property }) => property));
  for (const { property, kind, isInput } of diff) {
    const { Kind } = rpc.PropertyDiff;
    const kinds = { add: Kind.ADD, delete: Kind.DELETE, update: Kind.UPDATE } as const;
    response.getDetaileddiffMap().set(property, new rpc.PropertyDiff().setKind(kinds[kind]).setInputdiff(isInput));
  }
  return response;
}

function unknownType(urn: string): Outcome<never> {
  return refused(`this provider has no resource type ${typeOf(urn)}`);
}

/** `urn:pulumi:STACK::PROJECT::PARENT$TYPE::NAME` */
function stackOf(urn: string): string {
  return urn.split('::')[0]?.replace(/^urn:pulumi:/, '') ?? '';
}

function typeOf(urn: string): string {
  return urn.split('::')[2]?.split('$').at(-1) ?? '';
}

function propertiesOf(properties: struct.Struct | undefined): Properties {
  return properties?.toJavaScript() ?? {};
}

function structOf(properties: object): struct.Struct {
  const plain = Object.entries(properties).filter(([, value]) => value !== undefined);
  return struct.Struct.fromJavaScript(Object.fromEntries(plain));
}
