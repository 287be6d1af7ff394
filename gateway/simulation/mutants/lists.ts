/** Rules 2, 6 and 10: what is uncertain, rejected or answered again is listed, and nothing is sent again by recovery. */
import { CONNECTION, FEED, FLOW, INTAKE, JUDGE, RECOVERY, SHADOW, UNKNOWN } from './files.ts';
import type { Mutant } from './mutant.ts';

/** Rule 2: what is uncertain is listed, and nothing is sent again by recovery. */
export const LISTS: readonly Mutant[] = [
  {
    name: 'forget maybeSent: the primary was lost',
    rule: 2,
    file: FEED,
    find: "this.#observer.listed('maybeSent', message.facts, input.offset, `primary-${cause}`);",
    replace: '',
  },
  {
    name: 'forget maybeSent: a copy is repeated',
    rule: 2,
    file: SHADOW,
    find: 'this.#list(copy, `shadow-${cause}`);',
    replace: '',
  },
  {
    name: 'forget maybeSent: a copy was under way at the crash',
    rule: 2,
    file: UNKNOWN,
    find: "if (!clean) feed.listInterruptedShadows('crash');",
    replace: '{}',
  },
  {
    name: 'forget maybeSent: first message of a sender after a crash',
    rule: 3,
    file: FEED,
    find: "this.#observer.listed('maybeSent', facts, null, 'before-crash', sender),",
    replace: '{},',
  },
  {
    name: 'forget maybeSent: a stop in good order between a crash and the first message of a sender',
    rule: 3,
    file: RECOVERY,
    find: 'if (!meta.clean) replayCrash(this.#engine, meta.at);',
    replace: '',
  },
  {
    name: 'list as the first after a crash what comes after a restart from a sender that was back before it',
    rule: 2,
    file: 'gateway/engine/recovery/inputs.ts',
    find: '  feed.intake.sinceCrash.hears(sender, engine.runtime.now);',
    replace: '',
  },
  {
    name: 'forget maybeSent: an input without a verdict at the crash',
    rule: 2,
    file: UNKNOWN,
    find: "names.connectionsOf(input.feed)[0]?.listed('maybeSent', input.facts, input.offset, 'crash');",
    replace: '',
  },
  {
    name: 'forget maybeSent: an output without a verdict at the crash',
    rule: 2,
    file: UNKNOWN,
    find: "connection.listed('maybeSent', facts, offset, 'crash');",
    replace: '{}',
  },
  {
    name: 'forget maybeSent: the destination was lost',
    rule: 2,
    file: FLOW,
    find: "this.#owner.listed('maybeSent', facts, offset, `destination-${cause}`);",
    replace: '',
  },
  {
    name: 'forget maybeSent: a forced rollback gave up what the primary was working on',
    rule: 2,
    file: FEED,
    find: "    this.#record(current.input, 'lost');\n    this.#observer.listed('maybeSent', current.message.facts, current.input.offset, 'forced-rollback');",
    replace: "    this.#record(current.input, 'lost');",
  },
  {
    name: 'send an output again on recovery',
    rule: 2,
    file: UNKNOWN,
    find: "if (record.role === 'deliver') connection.listed('maybeSent', facts, offset, 'crash');",
    replace:
      "if (record.role !== 'deliver') continue;\n      connection.listed('maybeSent', facts, offset, 'crash');\n      connection.flow.deliverCapture({ offset, facts, platform: record.platform, obligation: null }, 'again');",
  },
  {
    name: 'deliver what was kept before a crash and is sent again, once its platform owns it',
    scenario: 'suppressed-and-crashes',
    rule: 2,
    file: JUDGE,
    find: 'const isSettled = message.wasKept && obligation === null && input !== null;',
    replace: 'const isSettled = message.wasKept && obligation === null && input === -1;',
  },
  {
    name: 'list an answer given again nowhere',
    rule: 6,
    file: INTAKE,
    find: 'this.#owner.answeredAgain(facts, firstAttempt, heard);',
    replace: '',
  },
  {
    name: 'count no delivery',
    rule: 10,
    file: FLOW,
    find: '      counters.delivered++;',
    replace: '',
  },
];

/** Rules 2 and 9: what a destination does not take. */
export const REJECTED: readonly Mutant[] = [
  {
    name: 'list a rejected output nowhere',
    rule: 2,
    file: FLOW,
    find: "if (verdict !== 'positive') this.#owner.listed('rejected', facts, offset, inPlace?.cause ?? 'destination');",
    replace: '',
  },
  {
    name: 'capture in silence what was rejected before the swap and is sent again after it',
    rule: 2,
    file: CONNECTION,
    find: 'if (isOrphan) this.#observer.rejected(',
    replace: 'if (isOrphan && offset < 0) this.#observer.rejected(',
  },
  {
    name: 'deliver late, after newer ones, what was rejected from its former owner',
    scenario: 'weights-and-rejections',
    rule: 2,
    file: 'gateway/engine/late-outputs.ts',
    find: "deliveredBy !== null || isRejectedFromOther(closed, platform) ? 'suppress'",
    replace: "deliveredBy !== null ? 'suppress'",
  },
  {
    name: 'give up at once what is to be tried again for a while',
    rule: 9,
    file: FLOW,
    find: 'retryAfterMs: inPlace === null ? () => null : this.#retries(offset),',
    replace: 'retryAfterMs: () => null,',
  },
];
