/**
 * Whose output it is (rule 5): the control's; with a weight that of its key's owner; after a re-owning the heir's; and
 * during a change-over at an offset by the route that its input had.
 */
import { createHash } from 'node:crypto';
import { keyOf } from '../../core/hl7/message.ts';
import type { Connection } from '../../core/inventory.ts';
import {
  candidateOf,
  controlOf,
  FIRST_ROUTE,
  otherPlatform,
  PLATFORMS,
  type Platform,
  type Route,
} from '../../core/platform.ts';
import type { ChangeOver } from './change-over.ts';
import type { GivenUp } from './late-outputs.ts';
import { isRejected, type Obligation } from './obligation.ts';
import type { Obligations } from './obligations.ts';
import type { OutputRole } from './records.ts';

/** An output whose role is to be decided. */
export type Candidate = {
  readonly platform: Platform;
  readonly payload: Uint8Array;
  readonly key: string | null;
  readonly obligation: Obligation | null;
  /** The input that it belongs to, also where its obligation is closed. */
  readonly input: number | null;
  /** Whose it was when that input was given up (rule 15); null: it was not. */
  readonly givenUp: GivenUp | null;
};

/** Above every weight: an output without its key is the control's. */
const NO_SHARE = 100;

export class Ownership {
  route: Route = FIRST_ROUTE;
  readonly #config: Connection;
  readonly #obligations: Obligations;
  readonly #changeOver: ChangeOver;
  readonly #isDecided: (input: number) => boolean;

  /** `isDecided`: a person is asked about this input, or has decided. */
  constructor(
    config: Connection,
    obligations: Obligations,
    changeOver: ChangeOver,
    isDecided: (input: number) => boolean,
  ) {
    this.#config = config;
    this.#obligations = obligations;
    this.#changeOver = changeOver;
    this.#isDecided = isDecided;
  }

  /** Whose output this input's is; null: with a weight nobody knows before an output has shown its key. */
  ownerOfInput(obligation: Obligation): Platform | null {
    return obligation.owner ?? ownerBy(this.#changeOver.routeFor(obligation.input, this.route), obligation);
  }

  /** Its output is to be delivered, so that it is waited for; where nobody knows yet whose it is, both are. */
  owes(obligation: Obligation, platform: Platform): boolean {
    // One of it was delivered before the message was accepted: a platform that knows the resend makes no second one.
    if (PLATFORMS.some((any) => obligation.sides[any].delivered || isRejected(obligation, any))) return false;
    const owner = this.ownerOfInput(obligation);
    // Whether more of it goes out, a person says: nothing is waited for without end.
    return (owner === null || owner === platform) && !this.#isDecided(obligation.input);
  }

  /** Who gets an output, with what re-owning and late outputs make of it. */
  roleOf(output: Candidate): OutputRole {
    const { platform, obligation } = output;
    if (obligation !== null && obligation.owner !== null) return obligation.owner === platform ? 'deliver' : 'suppress';
    const late = obligation === null ? this.#obligations.takeLate(platform, output.key) : null;
    if (late === 'park') return 'park';
    if (late === null && output.givenUp !== null) return this.#roleOfGivenUp(output, output.givenUp);
    // While outputs are judged by their input, one that belongs to none cannot be judged.
    if (this.#changeOver.isOpen && output.input === null) return late ?? 'park';
    const route = this.#changeOver.routeFor(output.input, this.route);
    if (this.#ownerOf(output.payload, route) !== platform) return candidateOf(route) === null ? 'park' : 'capture';
    if (obligation === null) return late ?? 'deliver';
    const other = otherPlatform(platform);
    return obligation.sides[other].delivered || isRejected(obligation, other) ? 'suppress' : 'deliver';
  }

  /** Its owner of then delivers, and nobody else: two platforms that each own it by a route of their own would do so twice. */
  #roleOfGivenUp({ platform, payload }: Candidate, { owner, route }: GivenUp): OutputRole {
    if ((owner ?? this.#ownerOf(payload, route)) === platform) return 'deliver';
    if (this.#ownerOf(payload, this.route) === platform) return 'suppress';
    return candidateOf(this.route) === null ? 'park' : 'capture';
  }

  /** It is the new owner's, and must not overtake what the former one still delivers. */
  waitsForOrder({ platform, payload, obligation }: Candidate): boolean {
    const { former } = this.#changeOver;
    if (former === null || obligation === null) return false;
    const isLater = this.#changeOver.routeFor(obligation.input, this.route) === this.route;
    return isLater && this.#ownerOf(payload, former) !== platform;
  }

  /** What the key in an output says of its input. */
  learn(obligation: Obligation, payload: Uint8Array): void {
    const hasWeight = this.route.newWeight > 0 || (this.#changeOver.former?.newWeight ?? 0) > 0;
    if (hasWeight) obligation.share = this.shareOf(payload) ?? obligation.share;
  }

  /** Where the key in an output falls, by which a weight tells whose its input is; null: this connection has no such key. */
  shareOf(payload: Uint8Array): number | null {
    const { weightKey } = this.#config;
    return weightKey === null ? null : shareIn(payload, weightKey);
  }

  /** Who owned each input until now, for a move that is about to change it. */
  remembered(): (obligation: Obligation) => Platform | null {
    const { route } = this;
    const open = this.#changeOver.state();
    return (obligation) => ownerBy(open !== null && obligation.input < open.offset ? open.former : route, obligation);
  }

  /** The platform that owns an output with these bytes: the control, or by weight and key. */
  #ownerOf(payload: Uint8Array, route: Route): Platform {
    const { weightKey } = this.#config;
    if (route.newWeight === 0 || weightKey === null) return controlOf(route);
    return ownerOfShare(route, shareIn(payload, weightKey));
  }
}

function ownerBy(route: Route, { share }: Obligation): Platform | null {
  if (route.newWeight === 0) return controlOf(route);
  return share === null ? null : ownerOfShare(route, share);
}

function ownerOfShare(route: Route, share: number): Platform {
  return share < route.newWeight ? 'new' : controlOf(route);
}

/** 0..99: the first 32 bits of SHA-256 of the key, modulo 100, so that raising a weight moves keys one way only. */
function shareIn(payload: Uint8Array, weightKey: readonly string[]): number {
  const key = keyOf(payload, weightKey);
  return key === null ? NO_SHARE : createHash('sha256').update(key, 'latin1').digest().readUInt32BE(0) % 100;
}
