/** `notify`: a test notice to every receiver, so that a wrong address is found by day. Changes nothing. */
import { readReceivers, tellAll } from '../../adapters/notify.ts';
import { NOTICE_EVENTS, type Notice } from '../../core/notice/notice.ts';
import type { Context } from '../runner/context.ts';
import { stackFolderOf } from '../runner/stack-folder.ts';
import { EXIT, VerbStop } from '../runner/stop.ts';
import { formatTable } from '../runner/table.ts';
import type { Printed, TaskVerb } from '../runner/verb.ts';

export const notify: TaskVerb = {
  kind: 'task',
  summary: 'a test notice to every receiver of stacks/NAME/notify.yaml (Slack, Teams, e-mail)',
  examples: ['cutover notify', 'cutover notify --stack production --json'],
  flags: ['stack', 'project', 'json'],
  selectsAll: true,
  perform,
};

async function perform(context: Context): Promise<Printed> {
  const folder = stackFolderOf(context);
  const receivers = await readReceivers(folder);
  if (!receivers.ok)
    throw new VerbStop(EXIT.usage, { code: 'notify-invalid', message: receivers.message, next: ['correct it'] });
  if (receivers.value.length === 0)
    throw new VerbStop(EXIT.usage, {
      code: 'no-receivers',
      message: `nobody is told of anything: ${folder}/notify.yaml names no receiver`,
      next: ['docs/how-to/notify.md says how to write it'],
    });
  const notice: Notice = {
    events: NOTICE_EVENTS,
    level: 'info',
    title: 'This is a test: nothing has happened',
    facts: [
      ['stack', `${context.inventory.deployment}, ${context.stack}`],
      ['by', context.operator],
      ['at', context.clock.now()],
    ],
  };
  const told = await tellAll(receivers.value, notice, context.env);
  const ok = told.every((each) => each.ok);
  const failed = told.flatMap((each) =>
    each.ok ? [] : [{ name: each.receiver, code: 'not-told', message: each.message, next: [] }],
  );
  const done = told.flatMap((each) => (each.ok ? [{ name: each.receiver, message: each.message }] : []));
  const exitCode = ok ? EXIT.done : EXIT.failed;
  const nextSteps = ok ? [] : ['correct notify.yaml or the variables that it names, and try again'];
  const document = { verb: 'notify', ok, exitCode, done, failed, nextSteps };
  const rows = told.map((each) => [each.ok ? '✓' : '✖', each.receiver, each.message]);
  return { document, text: [...formatTable(rows, ''), ...nextSteps, ''].join('\n'), exitCode };
}
