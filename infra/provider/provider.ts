/**
 * The provider's process: serves `pulumirpc.ResourceProvider` on a free local port and prints that port, which is what
 * the engine waits for. Credentials come from the environment at each call to a gateway.
 */
import { join } from 'node:path';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import providerRpc from '@pulumi/pulumi/proto/provider_grpc_pb.js';
import { projectFolder } from '../project-folder.ts';
import { EngineLog } from './engine-log.ts';
import { Gateways } from './gateways.ts';
import { createService } from './service.ts';
import { REQUEST_VARIABLE, readVerbRequest } from './verb-request.ts';

const ENGINE_LOOK_MS = 1_000;

const log = new EngineLog();
const [engineAddress] = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
if (engineAddress !== undefined) log.attach(engineAddress);

const project = projectFolder(import.meta.dirname);
const service = createService({
  gateways: new Gateways(process.env),
  request: readVerbRequest(process.env[REQUEST_VARIABLE]),
  approvalsOf: (stack) => join(project, 'stacks', stack, 'approvals'),
  warn: (urn, message) => log.warn(urn, message),
  attach: (address) => log.attach(address),
});

const server = new Server({ 'grpc.max_receive_message_length': -1, 'grpc.max_send_message_length': -1 });
server.addService(providerRpc.ResourceProviderService, service);
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) {
    process.stderr.write(`the provider cannot listen on 127.0.0.1: ${error.message}\n`);
    process.exit(1);
  }
  process.stdout.write(`${port}\n`);
});

// An engine that is killed ends no plugin: what it has begun is finished, and nobody will ask for more.
const engine = process.ppid;
const looking = setInterval(() => {
  if (process.ppid === engine) return;
  clearInterval(looking);
  server.tryShutdown(() => process.exit(0));
}, ENGINE_LOOK_MS);
