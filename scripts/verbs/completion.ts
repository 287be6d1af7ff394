/** `completion`: what a shell needs to complete verbs and flags. */
import { completionFor, SHELLS } from '../runner/completion.ts';
import { EXIT } from '../runner/stop.ts';
import type { PlainVerb } from '../runner/verb.ts';

export const completion: PlainVerb = {
  kind: 'plain',
  summary: 'print the completion of verbs and flags for a shell',
  examples: ['cutover completion bash > /etc/bash_completion.d/cutover', 'cutover completion fish'],
  flags: [],
  word: { name: 'SHELL', choices: SHELLS },
  perform: async (_around, _args, { word, verbs }) => {
    const shell = SHELLS.find((candidate) => candidate === word) ?? 'bash';
    const text = completionFor(shell, verbs);
    return { text, document: { shell, text }, exitCode: EXIT.done };
  },
};
