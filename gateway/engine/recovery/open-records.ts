/** What has no end in the journal so far: messages, outputs, and what a person has decided or has to be asked about. */
import type { ConnectionEngine } from '../connection.ts';
import type { AdmittedInput } from '../feed.ts';
import type { Intake } from '../intake.ts';
import type { Decision } from '../lists.ts';
import type { RejectedOutput } from '../output-flow.ts';
import type { MessageFacts, OutputRecord } from '../records.ts';

export type OpenInput = { readonly input: AdmittedInput; readonly sender: string };
export type OpenOutput = {
  readonly connection: ConnectionEngine;
  readonly record: OutputRecord;
  /** That it is of, which its record tells only until a change-over at an offset has ended. */
  readonly epoch: number;
  readonly facts: MessageFacts;
  readonly intake: Intake | null;
};
export type Rejected = { readonly connection: string; readonly output: RejectedOutput };

export type OpenCounts = { readonly inputs: number; readonly outputs: number; readonly resolved: number };

export class OpenRecords {
  readonly inputs = new Map<number, OpenInput>();
  readonly outputs = new Map<number, OpenOutput>();
  /** Captures that a person decided to deliver and whose verdict is not in the journal. */
  readonly resolved = new Map<number, Decision>();
  /** What a destination did not take from the gateway, by output, until the decision about it. */
  readonly rejected = new Map<number, Rejected>();

  reject(connection: ConnectionEngine, output: RejectedOutput): void {
    this.rejected.set(output.offset, { connection: connection.config.name, output });
  }

  /** The records that may still be asked for. */
  get offsets(): readonly (number | null)[] {
    const rejected = [...this.rejected.values()].flatMap(({ output }) => [output.offset, output.input]);
    return [...this.inputs.keys(), ...this.outputs.keys(), ...this.resolved.keys(), ...rejected];
  }

  /** How many of them are of one feed and of its connections. */
  countOf(feed: string, connections: readonly ConnectionEngine[]): OpenCounts {
    const names = new Set(connections.map(({ config }) => config.name));
    return {
      inputs: [...this.inputs.values()].filter(({ input }) => input.feed === feed).length,
      outputs: [...this.outputs.values()].filter(({ connection }) => names.has(connection.config.name)).length,
      resolved: [...this.resolved.values()].filter(({ connection }) => names.has(connection)).length,
    };
  }
}
