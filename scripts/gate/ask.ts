/** Asks the gate of a selection as it is now, with the waivers that count. Freezes nothing and changes nothing. */
import { join } from 'node:path';
import { readSignedFiles } from '../../adapters/signed-files.ts';
import { readLocalSigners } from '../../adapters/signers-file.ts';
import { type GateVerdict, judgeGate } from '../../core/gate/judge.ts';
import type { Observations } from '../../core/gate/observations.ts';
import { type JudgedWaivers, judgeWaivers } from '../../core/gate/waiver.ts';
import type { Context } from '../runner/context.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { observe } from './observe.ts';

export type AskedGate = {
  readonly observations: Observations;
  readonly judged: GateVerdict;
  readonly warnings: readonly string[];
};

export async function askGate(context: Context): Promise<AskedGate> {
  const { observations, warnings } = await observe(context);
  const waivers = await waiversOf(context, observations.nowMs);
  return {
    observations,
    judged: judgeGate(observations, waivers.valid, context.operator),
    warnings: [...warnings, ...waivers.ignored.map((why) => `a waiver does not count: ${why}`)],
  };
}

export async function waiversOf(context: Context, nowMs: number): Promise<JudgedWaivers> {
  const folder = stackFolderOf(context);
  const local = await readLocalSigners(folder, context.inventory.deployment);
  const authority = local.kind === 'read' ? local.authority : null;
  return judgeWaivers(await readSignedFiles(join(folder, 'waivers')), authority, nowMs);
}
