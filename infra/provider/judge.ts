/** What a changed entry means beside the gateway's present route, said before anything is started. */
import { type ConnectionStatus, originIn } from '../../core/admin-api.ts';
import { decideMove, type Move, type MoveVerb, needsSignature, type RefusalCode } from '../../core/connection.ts';
import type { Route } from '../../core/platform.ts';
import { judgeEntry } from '../../core/stack-config.ts';
import type { RouteInputs } from './route-properties.ts';

export type Judgement =
  | { readonly kind: 'nothing' }
  | {
      readonly kind: 'move';
      readonly move: Move;
      readonly verb: MoveVerb;
      readonly towards: 'legacy' | 'new' | 'neither';
    }
  | {
      readonly kind: 'refused';
      readonly property: keyof RouteInputs;
      readonly message: string;
      readonly next: readonly string[];
    };

export function judgeRoute(inputs: RouteInputs, status: ConnectionStatus, target: 'local' | 'production'): Judgement {
  const { name, phase, newWeight, epoch, approval, reason } = inputs;
  const route: Route = { phase: status.phase, newWeight: status.newWeight, epoch: status.epoch };
  const judged = judgeEntry(name, { phase, newWeight, epoch, approval, reason }, route, status.changed);
  if (judged.kind === 'nothing') return judged;
  if (judged.kind === 'refused') return { kind: 'refused', property: 'epoch', message: judged.message, next: [] };

  const { hasWeightKey, unclassifiedEffects } = inputs;
  const decision = decideMove(judged.move, {
    route,
    facts: { name, unclassifiedEffects, hasWeightKey, origin: originIn(status) },
  });
  switch (decision.kind) {
    case 'refused': {
      const { code, message, next } = decision.refusal;
      return { kind: 'refused', property: PROPERTY_OF[code], message: `${name}: ${message} [${code}]`, next };
    }
    case 'already-there': {
      const message = `${name}: it already has this route, at epoch ${route.epoch}; the entry names epoch ${epoch}, which nothing would create`;
      return { kind: 'refused', property: 'epoch', message, next: [`write epoch ${route.epoch}`, 'cutover sync'] };
    }
    case 'accepted': {
      const { verb } = decision.event;
      const needed = target === 'production' ? needsSignature(verb, decision.towards) : null;
      if (needed !== null && approval === undefined) {
        const message = `${name}: ${verb} needs a signed ${needed} in target production; the entry names none [approval-missing]`;
        return { kind: 'refused', property: 'approval', message, next: ['cutover gate', 'cutover approve'] };
      }
      return { kind: 'move', move: judged.move, verb, towards: decision.towards };
    }
  }
}

const PROPERTY_OF: Readonly<Record<RefusalCode, keyof RouteInputs>> = {
  'stale-epoch': 'epoch',
  'illegal-move': 'phase',
  'weight-out-of-range': 'newWeight',
  'weight-key-missing': 'newWeight',
  'reason-missing': 'reason',
  'effects-unclassified': 'phase',
  'approval-missing': 'approval',
  'approval-invalid': 'approval',
};
