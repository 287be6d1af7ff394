/** Every command of this product in a runbook is one that there is: its verb, and each of its flags. So is every link. */
import { readdir, readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';

const ROOT = resolve(import.meta.dirname, '..');
/** The command lines of their own of what is started as a process. */
const PROCESSES: Readonly<Record<string, string>> = {
  gateway: 'gateway/arguments.ts',
  worker: 'proof/arguments.ts',
  rehearse: 'rehearsal/options.ts',
};

type Call = { readonly file: string; readonly line: number; readonly verb: string; readonly flags: readonly string[] };

describe('runbooks and how-tos', () => {
  let calls: readonly Call[];
  let known: ReadonlyMap<string, readonly string[]>;

  beforeAll(async () => {
    known = await flagsByVerb();
    const runbooks = (await pages()).filter((page) => /runbooks\/|production\.md$|README\.md$/.test(page));
    calls = (await Promise.all(runbooks.map(callsIn))).flat();
  });

  it('call the product', () => {
    expect(calls.length).toBeGreaterThan(50);
    expect(new Set(calls.map(({ file }) => file)).size).toBeGreaterThan(10);
  });

  it('name verbs and flags that there are', () => {
    const wrong = calls.flatMap(({ file, line, verb, flags }) => {
      const accepted = known.get(verb);
      if (accepted === undefined) return [`${file}:${line}: there is no verb '${verb}'`];
      return flags
        .filter((flag) => flag !== '--help' && !accepted.includes(flag))
        .map((flag) => `${file}:${line}: '${verb}' has no flag ${flag}`);
    });
    expect(wrong).toEqual([]);
  });

  it('lead to pages and sections that there are', async () => {
    const broken: string[] = [];
    for (const page of await pages()) {
      const text = await readFile(page, 'utf8');
      for (const [, target = ''] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
        if (/^[a-z]+:/.test(target)) continue;
        const [path = '', section] = target.split('#');
        const file = path === '' ? page : resolve(page, '..', path);
        const found = await readFile(file, 'utf8').catch(async () =>
          (await readdir(file).catch(() => null)) === null ? null : '',
        );
        if (found === null) broken.push(`${page}: ${target}`);
        else if (section !== undefined && !anchorsOf(found).includes(section)) broken.push(`${page}: ${target}`);
      }
    }
    expect(broken).toEqual([]);
  });
});

async function pages(): Promise<string[]> {
  const folders = ['runbooks', 'docs/how-to', 'docs'];
  const found = await Promise.all(
    folders.map(async (folder) =>
      (await readdir(join(ROOT, folder)))
        .filter((name) => name.endsWith('.md'))
        .map((name) => join(ROOT, folder, name)),
    ),
  );
  return [...found.flat(), join(ROOT, 'README.md')];
}

async function callsIn(file: string): Promise<Call[]> {
  const text = (await readFile(file, 'utf8')).replaceAll('\\\n', ' ');
  return text.split('\n').flatMap((content, index) =>
    [...content.matchAll(/(?:npx |^|`|&& )cutover ([a-z]+)((?: +(?:"[^"]*"|[^\s`|&;)#]+))*)/g)].map(
      ([, verb = '', rest = '']): Call => ({
        file: file.slice(ROOT.length + 1),
        line: index + 1,
        verb,
        flags: [...rest.replaceAll(/"[^"]*"/g, '').matchAll(/(?:^| )(--[a-z-]+)/g)].map(([, flag = '']) => flag),
      }),
    ),
  );
}

/** From docs/cli.md, which `npm run check` keeps as the code has it, and from the processes' own options. */
async function flagsByVerb(): Promise<ReadonlyMap<string, readonly string[]>> {
  const reference = await readFile(join(ROOT, 'docs/cli.md'), 'utf8');
  const sections = reference.split(/^## /m).slice(1);
  const verbs = new Map<string, readonly string[]>();
  for (const section of sections) {
    const [name = ''] = section.split('\n');
    if (!/^[a-z]+$/.test(name)) continue;
    verbs.set(
      name,
      [...section.matchAll(/`(--[a-z-]+)/g)].map(([, flag = '']) => flag),
    );
  }
  const selection = /## Which connections\n([\s\S]*?)\n## /.exec(reference)?.[1] ?? '';
  const everywhere = [...selection.matchAll(/`(--[a-z-]+)/g)].map(([, flag = '']) => flag);
  for (const [name, flags] of verbs) verbs.set(name, [...flags, ...everywhere]);
  for (const [name, file] of Object.entries(PROCESSES)) {
    const source = await readFile(join(ROOT, file), 'utf8');
    verbs.set(
      name,
      [...source.matchAll(/--([a-z-]+)/g)].map(([flag]) => flag),
    );
  }
  return verbs;
}

function anchorsOf(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}0-9 _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}
