/** Says something to the person at the terminal, through the engine. Losing such a line fails nothing. */
import { credentials } from '@grpc/grpc-js';
import engineRpc from '@pulumi/pulumi/proto/engine_grpc_pb.js';
import engineMessages from '@pulumi/pulumi/proto/engine_pb.js';

export class EngineLog {
  #client: engineRpc.EngineClient | null = null;

  attach(address: string): void {
    this.#client?.close();
    this.#client = new engineRpc.EngineClient(address, credentials.createInsecure());
  }

  warn(urn: string, message: string): void {
    const request = new engineMessages.LogRequest().setUrn(urn).setMessage(message);
    this.#client?.log(request.setSeverity(engineMessages.LogSeverity.WARNING), () => {});
  }
}
