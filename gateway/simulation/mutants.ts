/**
 * The fixed list of mutants: each breaks one promise of the engine in one place, and the simulation must notice. The text
 * to replace is found exactly once, or the run fails: the list cannot rot.
 */
export type Mutant = {
  readonly name: string;
  /** The rule of DESIGN.md that it breaks. */
  readonly rule: number;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
  /** Its nights are played first, where only they notice. */
  readonly scenario?: string;
};

const FEED = 'gateway/engine/feed.ts';
const SHADOW = 'gateway/engine/shadow.ts';
const CONNECTION = 'gateway/engine/connection.ts';
const MOVES = 'gateway/engine/route-moves.ts';
const LEG_PORT = 'gateway/engine/leg-port.ts';
const OWNERSHIP = 'gateway/engine/ownership.ts';
const CHANGE_OVER = 'gateway/engine/change-over.ts';
const SWAP = 'gateway/engine/swap.ts';
const INTAKE = 'gateway/engine/intake.ts';
const RECOVERY = 'gateway/engine/recovery.ts';
const NEEDED = 'gateway/engine/needed.ts';
const LINK = 'gateway/engine/peer-link.ts';
const MEMORY = 'gateway/engine/retry-memory.ts';
const REOWN = 'gateway/engine/reown.ts';
const FLOW = 'gateway/engine/output-flow.ts';
const JOURNAL = 'gateway/journal/journal.ts';
const CALLER = 'gateway/engine/caller.ts';
const OBLIGATIONS = 'gateway/engine/obligations.ts';

/** Rule 1: bytes. */
const BYTES: readonly Mutant[] = [
  {
    name: 'decode and encode a message on its way to a platform or destination',
    rule: 1,
    file: LINK,
    find: 'framed(delivery.frame, this.#peer.framing)',
    replace:
      "framed({ payload: Buffer.from(Buffer.from(delivery.frame.payload).toString('utf8')) }, this.#peer.framing)",
  },
  {
    name: 'decode and encode an answer',
    rule: 1,
    file: INTAKE,
    find: 'const bytes = framed({ payload: answer }, this.#listener.framing);',
    replace: "const bytes = framed({ payload: Buffer.from(answer.toString('utf8')) }, this.#listener.framing);",
  },
];

/** Rule 2: what is uncertain is listed, and nothing is sent again by recovery. */
const LISTS: readonly Mutant[] = [
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
    file: RECOVERY,
    find: "if (!clean) feed.listInterruptedShadows('crash');",
    replace: '{}',
  },
  {
    name: 'forget maybeSent: first message of a sender after a crash',
    rule: 3,
    file: FEED,
    find: "firstAfterCrash: (message) => this.#observer.listed('maybeSent', message.facts, null, 'before-crash'),",
    replace: 'firstAfterCrash: () => {},',
  },
  {
    name: 'forget maybeSent: an input without a verdict at the crash',
    rule: 2,
    file: RECOVERY,
    find: "this.#connectionsOf(input.feed)[0]?.listed('maybeSent', input.facts, input.offset, 'crash');",
    replace: '',
  },
  {
    name: 'forget maybeSent: an output without a verdict at the crash',
    rule: 2,
    file: RECOVERY,
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
    file: RECOVERY,
    find: "if (record.role === 'deliver') connection.listed('maybeSent', facts, offset, 'crash');",
    replace:
      "if (record.role !== 'deliver') continue;\n      connection.listed('maybeSent', facts, offset, 'crash');\n      connection.flow.deliverCapture({ offset, facts, platform: record.platform, obligation: null }, 'again');",
  },
  {
    name: 'deliver what was kept before a crash and is sent again, once its platform owns it',
    scenario: 'without-feed',
    rule: 2,
    file: CONNECTION,
    find: 'const isSettled = message.wasKept && found === null && input !== null;',
    replace: 'const isSettled = message.wasKept && found === null && input === -1;',
  },
  {
    name: 'list an answer given again nowhere',
    rule: 6,
    file: INTAKE,
    find: 'this.#owner.answeredAgain(facts, firstAttempt);',
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

/** Rule 3: durable before positive, in the file before forwarded. */
const DURABILITY: readonly Mutant[] = [
  {
    name: 'answer the source when its verdict is written, not durable',
    rule: 3,
    file: FEED,
    find: "then === undefined ? 'written' : 'durable';\n    const at = this.#runtime.now;\n    this.#runtime.append(\n      { t: 'input-verdict'",
    replace:
      "'written' as const;\n    const at = this.#runtime.now;\n    this.#runtime.append(\n      { t: 'input-verdict'",
  },
  {
    name: 'answer the source before its verdict is recorded',
    rule: 3,
    file: FEED,
    find: '    this.#record(input, verdict, answer, () => {',
    replace: '    this.intake.answer(message, answer, verdict);\n    this.#record(input, verdict, answer, () => {',
  },
  {
    name: 'forward an input before it is in the file',
    rule: 3,
    file: FEED,
    find: '      () => this.#forward(message),\n    );',
    replace: '    );\n    this.#runtime.after(0, () => this.#forward(message));',
  },
  {
    name: 'deliver an output that is written, not durable',
    rule: 3,
    file: CONNECTION,
    find: "      'durable',\n      () => {\n        const hasRole",
    replace: "      'written',\n      () => {\n        const hasRole",
  },
  {
    name: 'answer the platform when the destination’s verdict is written, not durable',
    rule: 3,
    file: FLOW,
    find: "answer, 'durable', then);",
    replace: "answer, 'written', then);",
  },
  {
    name: 'copy a message before its verdict',
    rule: 3,
    file: FEED,
    find: '    this.#observer.admitted(input);',
    replace:
      '    this.#observer.admitted(input);\n    if (shadow !== null) this.shadows[shadow].add(input, message.frame);\n    if (shadow !== null) this.#runtime.after(5, () => this.shadows[shadow].pump());',
  },
  {
    name: 'copy a message that the primary rejected',
    rule: 3,
    file: FEED,
    find: "if (verdict === 'positive' && input.shadow !== null) {",
    replace: 'if (input.shadow !== null) {',
  },
  {
    name: 'admit while a failed sync is not made good',
    rule: 3,
    file: FEED,
    find: 'if (this.#current !== null || this.isHeld || this.#runtime.journalFailed) return;',
    replace: 'if (this.#current !== null || this.isHeld) return;',
  },
];

/** Rules 3, 14 and 15: the disk itself. */
const DISK: readonly Mutant[] = [
  {
    name: 'skip the sync',
    rule: 3,
    file: JOURNAL,
    find: '      await this.#store.current.file.sync();\n    } catch (error) {\n      this.#fail(asError(error));\n      return;\n    }\n    const isGrown',
    replace:
      '      await Promise.resolve();\n    } catch (error) {\n      this.#fail(asError(error));\n      return;\n    }\n    const isGrown',
  },
  {
    name: 'a sync that covers later writes',
    rule: 3,
    file: JOURNAL,
    find: '    this.#forgetSynced(covered);\n    if (isGrown) this.#events.durable(covered.nextOffset - 1);',
    replace:
      '    const reached = this.#written;\n    this.#forgetSynced(reached);\n    if (isGrown) this.#events.durable(reached.nextOffset - 1);',
  },
  {
    name: 'retry a failed sync',
    rule: 3,
    file: JOURNAL,
    find: '    } catch (error) {\n      this.#fail(asError(error));\n      return;\n    }\n    const isGrown',
    replace:
      '    } catch {\n      await this.#store.current.file.sync().catch(() => undefined);\n    }\n    const isGrown',
  },
  {
    name: 'ship before durable',
    rule: 3,
    file: 'gateway/shipping/shipper.ts',
    find: 'await tail.read(shipped + 1, this.#durableUpTo, limits)',
    replace:
      'await tail.read(shipped + 1, this.#durableUpTo + 1, limits).catch(() => tail.read(shipped + 1, this.#durableUpTo, limits))',
  },
  {
    name: 'take a missing data directory for a new one',
    rule: 14,
    file: JOURNAL,
    find: 'if (scan === null && options.mustExist === true) {',
    replace: 'if (scan === null && options.incarnation === "") {',
  },
  {
    name: 'retention that forgets what is owed, and what is captured for it',
    rule: 15,
    file: NEEDED,
    find: 'if (offset !== null && offset >= 0) oldest = Math.min(oldest ?? offset, offset);',
    replace: 'if (offset !== null && offset < 0) oldest = offset;',
  },
  {
    name: 'a checkpoint without the memory of answers',
    rule: 6,
    file: RECOVERY,
    find: '  feed.intake.memory.load(saved.memory.map((one) => ({ ...one, sender: senderAt(name, one.sender) })));',
    replace: '  void saved.memory;',
  },
];

/** Rules 4 and 5: whose answer, whose output. */
const OWNERS: readonly Mutant[] = [
  {
    name: 'answer the control ourselves',
    rule: 4,
    file: FLOW,
    find: 'waits?.intake.answer(waits.message, answer, verdict);',
    replace:
      "waits?.intake.answer(waits.message, ownAnswer(waits.message.frame.payload, 'AA', '', this.#runtime.now), 'positive');",
  },
  {
    name: 'give the candidate the control’s answer under the control’s id',
    rule: 4,
    file: FLOW,
    find: 'Buffer.from(readdress(paired, message.facts.msh10))',
    replace: 'paired',
  },
  {
    name: 'ignore weights',
    rule: 5,
    file: OWNERSHIP,
    find: 'if (route.newWeight === 0 || weightKey === null) return controlOf(route);',
    replace: 'if (weightKey !== null) return controlOf(route);',
  },
  {
    name: 'one share too many for new',
    rule: 5,
    file: OWNERSHIP,
    find: 'return share < route.newWeight',
    replace: 'return share <= route.newWeight',
  },
  {
    name: 'deliver the candidate',
    rule: 5,
    file: OWNERSHIP,
    find: "if (this.#ownerOf(output.payload, route) !== platform) return candidateOf(route) === null ? 'park' : 'capture';",
    replace: '',
  },
  {
    name: 'ignore what tells shared legs apart',
    rule: 5,
    file: LEG_PORT,
    find: 'return match === null || matchesPredicate(payload, match);',
    replace: 'return match === null || payload.length > 0;',
  },
  {
    name: 'owe an output for inputs that the connection filters',
    rule: 5,
    file: CONNECTION,
    find: 'if (config.applies !== null && (',
    replace: 'if (config.applies === null && (',
  },
];

/** Rule 6: a retry is recognised conservatively. */
const RETRIES: readonly Mutant[] = [
  {
    name: 'replay a recorded rejection',
    rule: 6,
    file: INTAKE,
    find: "        verdict === 'positive'\n          ? {",
    replace: "        verdict !== 'other'\n          ? {",
  },
  {
    name: 'replay a recorded rejection after a restart',
    rule: 6,
    file: RECOVERY,
    find: "if (verdict === 'positive' && answer !== null) remembered.outcome",
    replace: "if (verdict !== 'lost' && answer !== null) remembered.outcome",
  },
  {
    name: 'take what comes late on a socket that its sender has left for a new message',
    rule: 6,
    file: 'gateway/engine/left-sockets.ts',
    find: 'return this.#answered.findLast(isSame) ?? null;',
    replace: "return this.#answered.findLast((item) => isSame(item) && item.msh10 === '') ?? null;",
  },
  {
    name: 'compare ids only',
    rule: 6,
    file: MEMORY,
    find: "if (!last.digest.equals(digest)) return beside ?? { kind: 'new', reusedId: msh10 !== '' };",
    replace: '',
  },
  {
    name: 'answer again although the sender has read the answer',
    rule: 6,
    file: MEMORY,
    find: 'if (hasRead || nowMs',
    replace: 'if (nowMs',
  },
  {
    name: 'forward a resend of what is in flight',
    rule: 6,
    file: MEMORY,
    find: "return { kind: 'join', message: outcome.message };",
    replace: "return { kind: 'new', reusedId: false };",
  },
  {
    name: 'lose the memory of answers at recovery',
    rule: 6,
    file: RECOVERY,
    find: '    remember(feed.intake, sender, input.first, verdict, payload, meta.at);',
    replace: '',
  },
  {
    name: 'lose the memory of outputs at recovery',
    rule: 6,
    file: RECOVERY,
    find: '      remember(open.intake, record.sender, record.attemptOf ?? meta.output, meta.verdict, payload, meta.at);',
    replace: '',
  },
  {
    name: 'lose the memory at a swap',
    rule: 6,
    file: SWAP,
    find: "    this.phase = 'settling';",
    replace:
      "    this.phase = 'settling';\n    const { memory } = this.#feed.intake;\n    Object.assign(this.#feed.intake, { memory: Reflect.construct(memory.constructor, [this.#feed.config.retry]) });",
  },
  {
    name: 'send an output again for a live platform',
    rule: 6,
    file: FLOW,
    find: 'repeats: waits === null,',
    replace: 'repeats: true,',
  },
];

/** Rule 7: an answer is credited once, to its own message. */
const CREDIT: readonly Mutant[] = [
  {
    name: 'credit by position',
    rule: 7,
    file: LINK,
    find: "return isCredited(this.#learned ?? 'position', msa2, msh10);",
    replace: "return msh10 !== '' || isCredited(this.#learned ?? 'position', msa2, msh10);",
  },
  {
    name: 'leave the socket of an unanswered message open',
    rule: 7,
    file: LINK,
    find: '    this.#settle();\n    this.#drop();',
    replace: '    this.#settle();',
  },
  {
    name: 'accept an answer from a former socket',
    rule: 7,
    file: LINK,
    find: 'if (this.#socket !== null) this.#runtime.close(this.#socket);',
    replace: '',
  },
];

/** Rule 8: a swap is all or nothing, bounded, fenced. */
const SWAPS: readonly Mutant[] = [
  {
    name: 'release before the epoch is durable',
    rule: 8,
    file: SWAP,
    find: 'this.#hooks.commit(() => this.#committed());',
    replace: 'this.#hooks.commit(() => {});\n    this.#committed();',
  },
  {
    name: 'ask written where the epoch must be durable',
    rule: 8,
    file: MOVES,
    find: "this.#runtime.append(record, null, 'durable', () => {\n      connection.epochs",
    replace: "this.#runtime.append(record, null, 'written', () => {\n      connection.epochs",
  },
  {
    name: 'tell the outcome before it is durable',
    rule: 8,
    file: MOVES,
    find: "this.#runtime.append(record, null, 'durable', () => {\n          this.#operations.end(",
    replace: "this.#runtime.append(record, null, 'written', () => {\n          this.#operations.end(",
  },
  {
    name: 'abort after the point of no return',
    rule: 8,
    file: SWAP,
    find: 'this.#hooks.commit(() => this.#committed());',
    replace:
      "this.#hooks.commit(() => this.#committed());\n    this.#deadlineTimer = this.#runtime.after(4, () => {\n      if (this.phase === 'committing') this.phase = 'draining';\n      this.#abort('too slow');\n    });",
  },
  {
    name: 'wait for neither primary nor copies nor what they owe',
    rule: 8,
    file: SWAP,
    find: 'this.#feed.isQuiet && this.#connection.isSettled()',
    replace: 'this.#connection.openOutputs === 0',
  },
  {
    name: 'do not wait for the candidate',
    rule: 8,
    file: SWAP,
    find: 'this.#feed.isQuiet && this.#connection.isSettled()',
    replace:
      'this.#feed.isQuiet && (this.#connection.isSettled() || this.#connection.openOutputs + this.#connection.owedOutputs === 0)',
  },
  {
    name: 'judge outputs while an epoch is on its way to the disk',
    rule: 8,
    file: CONNECTION,
    find: '    if (this.changeOver.isCommitting) {',
    replace: '    if (this.changeOver.isCommitting && platform === null) {',
  },
  {
    name: 'forget what a platform without a role may still send',
    rule: 8,
    file: OBLIGATIONS,
    find: "if (!platforms.includes(platform) && side.state === 'expected') side.state = 'missing';",
    replace: "if (!platforms.includes(platform) && side.state === 'expected') side.state = 'none';",
  },
  {
    name: 'do not wait for outputs at all',
    rule: 8,
    file: SWAP,
    find: 'this.#feed.isQuiet && this.#connection.isSettled()',
    replace: 'this.#feed.isQuiet',
  },
  {
    name: 'do not wait for outputs that can still come',
    rule: 8,
    file: CONNECTION,
    find: 'return this.openOutputs === 0 && this.obligations.size === 0;',
    replace: 'return this.openOutputs === 0;',
  },
  {
    name: 'hold nothing',
    rule: 8,
    file: FEED,
    find: 'if (this.#current !== null || this.isHeld || this.#runtime.journalFailed) return;',
    replace: 'if (this.#current !== null || this.#runtime.journalFailed) return;',
  },
  {
    name: 'hold without a limit',
    rule: 8,
    file: SWAP,
    find: 'this.#holdTimer = this.#runtime.after(leftMs, () => {',
    replace: 'this.#holdTimer = this.#runtime.after(leftMs * 1000, () => {',
  },
  {
    name: 'the primary does not follow the route',
    rule: 8,
    file: MOVES,
    find: '    feed.setPrimary(primary);',
    replace: '',
  },
  {
    name: 'the primary does not follow the route at recovery',
    rule: 8,
    file: RECOVERY,
    find: '      feed.setPrimary(primaryOf(',
    replace: '      void (primaryOf(',
  },
  {
    name: 'the first switch of a shared feed moves its primary',
    rule: 8,
    file: 'core/platform.ts',
    find: "return routes.every((route) => controlOf(route) === 'new') ? 'new' : 'legacy';",
    replace: "return routes.some((route) => controlOf(route) === 'new') ? 'new' : 'legacy';",
  },
  {
    name: 'carry out a request for another epoch',
    rule: 8,
    file: 'core/connection.ts',
    find: 'if (move.expectedEpoch !== route.epoch) {',
    replace: 'if (move.expectedEpoch < route.epoch) {',
  },
  {
    name: 'forget request ids at recovery',
    rule: 8,
    file: RECOVERY,
    find: 'this.#engine.operations.recover(meta.requestId,',
    replace: 'this.#engine.operations.recover(`forgotten ${meta.requestId}`,',
  },
];

/** Rule 9: a forced rollback. */
const ROLLBACK: readonly Mutant[] = [
  {
    name: 'forget one re-own in three',
    rule: 9,
    file: REOWN,
    find: '    connection.obligations.promise(obligation, heir);',
    replace: '    if (obligation.input % 3 !== 0) connection.obligations.promise(obligation, heir);',
  },
  {
    name: 'do not deliver what was captured',
    rule: 9,
    file: MOVES,
    find: "      deliverCaptures(connection, 'legacy');",
    replace: '',
  },
  {
    name: 'no tombstone: deliver what the former owner still sends',
    rule: 9,
    file: OWNERSHIP,
    find: "return obligation.owner === platform ? 'deliver' : 'suppress';",
    replace: "return 'deliver';",
  },
  {
    name: 'judge a late output by the current owner only',
    rule: 9,
    file: OWNERSHIP,
    find: "if (obligation === null) return late ?? 'deliver';",
    replace: "if (obligation === null) return 'deliver';",
  },
  {
    name: 'live input before the backlog of its platform',
    rule: 9,
    file: FEED,
    find: 'if (this.shadows[primary].lag > 0) return;',
    replace: '',
  },
  {
    name: 'give an owed copy up when its platform is lost',
    rule: 9,
    file: SHADOW,
    find: "          if (this.#copies[0] === copy) this.#stage = 'idle';\n          this.#owner.advance();\n        });",
    replace: "          this.#done(copy, 'dropped');\n        });",
  },
  {
    name: 'drop the copies that legacy still has to get',
    rule: 9,
    file: MOVES,
    find: 'feed.shadows[otherPlatform(primary)].drop();',
    replace: 'feed.shadows[otherPlatform(primary)].drop();\n    if (request.force) feed.shadows.legacy.drop();',
  },
  {
    name: 'reverse the backlog of copies at recovery',
    rule: 9,
    file: SHADOW,
    find: '  requeue(input: AdmittedInput): void {\n    this.#copies.push(',
    replace: '  requeue(input: AdmittedInput): void {\n    this.#copies.unshift(',
  },
  {
    name: 'let a copy go that its owner rejected',
    rule: 9,
    file: CONNECTION,
    find: '    side.refused = true;',
    replace: '',
  },
  {
    name: 'deliver a resend of what was taken over',
    rule: 9,
    file: CONNECTION,
    find: 'this.obligations.isTakenOver(message.attemptOf);',
    replace: 'this.obligations.isTakenOver(message.attemptOf - 1e9);',
  },
  {
    name: 're-own what the heir has delivered already',
    rule: 9,
    file: REOWN,
    find: '    if (isHeirs) {',
    replace: '    if (isHeirs && dead === heir) {',
  },
];

/** Rule 15: bounds. */
const BOUNDS: readonly Mutant[] = [
  {
    name: 'sockets that wait for room for their frames are never read again',
    rule: 15,
    file: 'gateway/engine/frame-budget.ts',
    find: '    this.#lookLater(this.#turn);\n    holder.resume();',
    replace: '    this.#lookLater(this.#turn);',
  },
  {
    name: 'an output waits for the room that its input takes',
    scenario: 'many-half-frames',
    rule: 15,
    file: 'gateway/engine/runtime.ts',
    find: 'this.outputFrames = this.budget.lane();',
    replace: 'this.outputFrames = this.inputFrames;',
  },
  {
    name: 'judge the output of an input that was given up by the route of now',
    scenario: 'few-open-inputs',
    rule: 15,
    file: OWNERSHIP,
    find: 'if (late === null && output.givenUp !== null) return this.#roleOfGivenUp(output, output.givenUp);',
    replace: '',
  },
  {
    name: 'forget that the output of an input that was given up has gone out',
    scenario: 'few-open-inputs-at-offset',
    rule: 15,
    file: CONNECTION,
    find: 'message.attemptOf === null ? (givenUp?.input ?? null) : message.context',
    replace: 'message.attemptOf === null ? null : message.context',
  },
  {
    name: 'nobody is let in past the limit while the others hold much',
    scenario: 'many-half-frames',
    rule: 15,
    file: 'gateway/engine/frame-budget.ts',
    find: 'if (this.#turn !== null || this.#letInBytes > this.#budget.limits.frameBytes) return;',
    replace:
      'if (this.#turn !== null || this.#budget.bytes > this.#budget.limitBytes + this.#budget.limits.frameBytes) return;',
  },
  {
    name: 'count the frame of a lost socket for ever',
    rule: 15,
    file: INTAKE,
    find: '    socket.current = null;\n    this.#count(socket);\n    if (message === null) return;',
    replace: '    socket.current = null;\n    if (message === null) return;',
  },
];

/** Rule 7: what a platform says after its commit. */
const ENHANCED: readonly Mutant[] = [
  {
    name: 'pass an application acknowledgement on before the commit that it follows',
    rule: 7,
    file: FEED,
    find: 'onStray: (frame) => runtime.afterDurable(() => this.#stray(platform, frame)),',
    replace: 'onStray: (frame) => this.#stray(platform, frame),',
  },
  {
    name: 'keep an application acknowledgement from the source that waits for it',
    rule: 7,
    file: 'gateway/engine/correspondence.ts',
    find: 'if (!who.isCommitted) return null;',
    replace: 'if (who.isCommitted) return null;',
  },
];

/** Rules 2 and 6: senders that are called, and a destination that takes one connection. */
const CONNECTIONS: readonly Mutant[] = [
  {
    name: 'a called sender that was lost is not called again',
    rule: 6,
    file: CALLER,
    find: '    this.#timer = this.#runtime.after(this.#waitMs, () => {\n      this.#timer = null;\n      this.#dial();\n    });',
    replace: '',
  },
  {
    name: 'a called sender is another one at each call',
    rule: 6,
    file: CALLER,
    find: 'this.#intake.opened(this.#socket, this.#host);',
    replace: 'this.#intake.opened(this.#socket, String(this.#socket));',
  },
  {
    name: 'a connection to each, where a destination takes one for all',
    rule: 2,
    file: 'gateway/engine/destination.ts',
    find: 'if (!peer.isShared) return',
    replace: 'if (peer.port > 0) return',
  },
];

/** ADR 35: a connection without a feed has one owner at a time. */
const WITHOUT_FEED: readonly Mutant[] = [
  {
    name: 'without a feed: take what a platform sends that does not own it',
    scenario: 'without-feed',
    rule: 2,
    file: CONNECTION,
    find: '    if (platform === controlOf(this.route)) {\n      origin.heard',
    replace: '    if (platform !== null) {\n      origin.heard',
  },
  {
    name: 'without a feed: list nothing that is refused',
    scenario: 'without-feed',
    rule: 2,
    file: CONNECTION,
    find: "      this.listed('refused', facts, null, notOwner(platform));",
    replace: '',
  },
];

/** Rules 2 and 9: what a destination does not take. */
const REJECTED: readonly Mutant[] = [
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

/** Rule 8, change-overs at an offset. */
const AT_OFFSET: readonly Mutant[] = [
  {
    name: 'at an offset: judge by the leg, not by the input',
    rule: 8,
    file: CHANGE_OVER,
    find: 'return open !== null && input !== null && input < open.offset ? open.former : now;',
    replace: 'return open !== null && input === open.offset ? open.former : now;',
  },
  {
    name: 'at an offset: the new owner does not wait for its turn',
    rule: 2,
    file: OWNERSHIP,
    find: 'return isLater && this.#ownerOf(payload, former) !== platform;',
    replace: 'return isLater && payload.length === 0;',
  },
  {
    name: 'at an offset: everything earlier but one has settled',
    rule: 8,
    file: CHANGE_OVER,
    find: 'if (this.#open === null || this.#earlier().length > 0) return;',
    replace: 'if (this.#open === null || this.#earlier().length > 1) return;',
  },
  {
    name: 'at an offset: ask nobody about what is unsettled',
    rule: 8,
    file: CONNECTION,
    find: 'else this.#observer.doubt(this, ORDER_WAIT, obligation);',
    replace: 'else this.obligations.close(obligation);',
  },
];

/** Rule 8, change-overs at an offset, over a crash. */
const AT_OFFSET_CRASHED: readonly Mutant[] = [
  {
    name: 'at an offset: a checkpoint without the change-over that is open',
    rule: 8,
    file: CONNECTION,
    find: 'this.changeOver.restore(state.changeOver);',
    replace: 'this.changeOver.restore(null);',
  },
  {
    name: 'at an offset: forget at a recovery that a change-over is open',
    rule: 8,
    file: RECOVERY,
    find: 'connection.changeOver.restore(atOffset ? { offset, former } : null);',
    replace: 'connection.changeOver.restore(null);',
  },
];

/** Rule 14: epochs never go back and are never used twice. */
const EPOCHS: readonly Mutant[] = [
  {
    name: 'reuse an epoch',
    rule: 14,
    file: 'core/connection.ts',
    find: 'newWeight: move.newWeight, epoch: route.epoch + 1 };',
    replace: 'newWeight: move.newWeight, epoch: Math.max(2, route.epoch) };',
  },
  {
    name: 'do not link an epoch to the one before',
    rule: 14,
    file: MOVES,
    find: 'linkEpoch(connection.epochs.at(-1) ?? null, {',
    replace: 'linkEpoch(connection.epochs.at(-99) ?? null, {',
  },
  {
    name: 'ignore the weight of an epoch at recovery',
    rule: 5,
    file: RECOVERY,
    find: '    connection.epochs.push(record);\n    connection.route = { phase: record.phase, newWeight: record.newWeight, epoch: record.epoch };\n    const candidate',
    replace:
      '    connection.epochs.push(record);\n    connection.route = { phase: record.phase, newWeight: 0, epoch: record.epoch };\n    const candidate',
  },
  {
    name: 'forget the epochs at recovery',
    rule: 14,
    file: RECOVERY,
    find: '    connection.epochs.push(record);\n    connection.route =',
    replace: '    if (record.epoch % 4 !== 0) connection.epochs.push(record);\n    connection.route =',
  },
];

export const MUTANTS: readonly Mutant[] = [
  ...BYTES,
  ...LISTS,
  ...DURABILITY,
  ...DISK,
  ...OWNERS,
  ...RETRIES,
  ...CREDIT,
  ...SWAPS,
  ...ROLLBACK,
  ...BOUNDS,
  ...ENHANCED,
  ...CONNECTIONS,
  ...WITHOUT_FEED,
  ...REJECTED,
  ...AT_OFFSET,
  ...AT_OFFSET_CRASHED,
  ...EPOCHS,
];
