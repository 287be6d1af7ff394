/** `raid`: the risks, assumptions, issues and dependencies of the programme, as the gate reads them. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { isMap, isSeq, parseDocument } from 'yaml';
import { makeFolder } from '../../adapters/make-folder.ts';
import { replaceFile } from '../../adapters/stack-file.ts';
import type { RaidDocument } from '../../core/documents.ts';
import { nextRaidId, parseRaid, RAID_KINDS, type Raid, raidItemSchema, SEVERITIES } from '../../core/gate/raid.ts';
import { formatProblems } from '../../core/located-yaml.ts';
import type { Surroundings } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { chooseStack, findProject } from '../runner/project.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import { formatTable } from '../runner/table.ts';
import type { PlainVerb, Printed } from '../runner/verb.ts';

const ADD =
  'cutover raid add --kind risk --title "EMR vendor on leave" --severity high --owner ann --review 2026-03-01';
const CLOSE = 'cutover raid close --id R-1 --reason "vendor named a deputy"';

export const raid: PlainVerb = {
  kind: 'plain',
  summary: 'list, add and close risks, assumptions, issues and dependencies',
  examples: ['cutover raid list', ADD, CLOSE],
  flags: [
    'stack',
    'project',
    'kind',
    'title',
    'severity',
    'owner',
    'review',
    'mitigation',
    'source',
    'party',
    'wave',
    'id',
    'reason',
    'json',
  ],
  word: { name: 'ACTION', choices: ['list', 'add', 'close'] },
  perform: async (around, args, { word }) => {
    const { stack, file, text, raid: present } = await read(around, args);
    const today = new Date().toISOString().slice(0, 10);
    if (word === 'list') return print(stack, file, present);
    const changed = word === 'add' ? added(text, present, args, today) : closed(text, present, args, today);
    const parsed = parseRaid(changed, file);
    if (!parsed.ok) throw usage(formatProblems(parsed.problems), word === 'add' ? ADD : CLOSE);
    makeFolder(dirname(file));
    await replaceFile(file, changed);
    return print(stack, file, parsed.value);
  },
};

async function read({ cwd, env }: Surroundings, args: Args) {
  const project = await findProject(cwd, args.project, env);
  const { stack } = await chooseStack(project, args.stack ?? env.CUTOVER_STACK, 'folder');
  const file = join(project.folder, 'stacks', stack, 'raid.yaml');
  const text = await readFile(file, 'utf8').catch(() => 'items: []\n');
  const parsed = parseRaid(text, file);
  if (parsed.ok) return { stack, file, text, raid: parsed.value };
  const message = formatProblems(parsed.problems);
  throw new VerbStop(EXIT.usage, { code: 'raid-invalid', message, next: [`correct ${file}`] });
}

function added(text: string, present: Raid, args: Args, today: string): string {
  const kind = RAID_KINDS.find((one) => one === args.kind);
  const severity = SEVERITIES.find((one) => one === args.severity);
  const { title, owner, review, mitigation, source, party, wave } = args;
  if (kind === undefined) throw usage(`--kind is one of ${RAID_KINDS.join(', ')}`, ADD);
  if (severity === undefined) throw usage(`--severity is one of ${SEVERITIES.join(', ')}`, ADD);
  if (title === undefined || owner === undefined || review === undefined)
    throw usage('an item has --title, --owner and --review', ADD);
  const item = {
    id: nextRaidId(present, kind),
    kind,
    title,
    severity,
    owner,
    opened: today,
    review,
    ...(mitigation === undefined ? {} : { mitigation }),
    ...(source === undefined ? {} : { evidence: source }),
    ...(party === undefined ? {} : { party }),
    ...(wave === undefined ? {} : { waves: wave }),
  };
  const fits = raidItemSchema.safeParse(item);
  if (!fits.success)
    throw usage(fits.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`).join('; '), ADD);
  const document = parseDocument(text);
  const items = document.get('items', true);
  if (isSeq(items)) {
    items.flow = false;
    items.add(document.createNode(fits.data));
  } else document.set('items', document.createNode([fits.data]));
  return document.toString({ lineWidth: 0 });
}

function closed(text: string, present: Raid, args: Args, today: string): string {
  const { id, reason } = args;
  if (id === undefined || reason === undefined) throw usage('which one, and why: --id ID --reason TEXT', CLOSE);
  const index = present.items.findIndex((item) => item.id === id);
  if (index === -1) {
    const close = present.items.find((item) => item.id.toLowerCase() === id.toLowerCase());
    const hint = close === undefined ? '' : `; did you mean ${close.id}?`;
    throw usage(`there is no item ${id}${hint}`, 'cutover raid list');
  }
  if (present.items[index]?.closed !== undefined) throw usage(`${id} is closed already`, 'cutover raid list');
  const document = parseDocument(text);
  const item = document.getIn(['items', index], true);
  if (!isMap(item)) throw usage(`${id} cannot be edited`, 'close it in the file');
  item.set('closed', today);
  item.set('reason', reason);
  return document.toString({ lineWidth: 0 });
}

function print(stack: string, file: string, { items }: Raid): Printed {
  const document: RaidDocument = {
    verb: 'raid',
    ok: true,
    exitCode: EXIT.done,
    stack,
    file,
    items: items.map((item) => ({ ...item })),
    nextSteps: [],
  };
  const rows = items.map(({ id, severity, closed: end, title, owner, review }) => [
    id,
    end === undefined ? severity : 'closed',
    title,
    owner,
    end ?? `review ${review}`,
  ]);
  const text = items.length === 0 ? 'raid: nothing is written down\n' : `${formatTable(rows).join('\n')}\n`;
  return { document, text, exitCode: EXIT.done };
}
