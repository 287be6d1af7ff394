/** Rules 3, 14 and 15: durable before positive, in the file before forwarded; and the disk itself. */
import { CONNECTION, FEED, FLOW, JOURNAL, NEEDED } from './files.ts';
import type { Mutant } from './mutant.ts';

/** Rule 3: durable before positive, in the file before forwarded. */
export const DURABILITY: readonly Mutant[] = [
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
    find: "'durable', () => {\n      const hasRole",
    replace: "'written', () => {\n      const hasRole",
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
    find: 'if (this.#current !== null || this.#runtime.journalFailed) return null;',
    replace: 'if (this.#current !== null) return null;',
  },
];

/** Rules 3, 14 and 15: the disk itself. */
export const DISK: readonly Mutant[] = [
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
    file: 'gateway/engine/recovery/state.ts',
    find: '  feed.intake.memory.load(saved.memory.map((one) => ({ ...one, sender: senderAt(name, one.sender) })));',
    replace: '  void saved.memory;',
  },
];
