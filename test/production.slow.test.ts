/**
 * Target production as people live it: real keys and ssh-keygen, a gateway with its signers, the verbs, the Pulumi engine.
 * Two people approve, a third one switches, rolls back, switches again; Lab Operations sign off.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { evidenceFolderOf, storeEvidence } from '../adapters/evidence-files.ts';
import { Ledger } from '../adapters/ledger.ts';
import { startPostgres, type TestPostgres } from '../adapters/postgres-harness.ts';
import { signWithSshKeygen } from '../adapters/ssh-keygen.ts';
import { canonicalJson, digestOf } from '../core/canonical-json.ts';
import {
  approvalPrintedSchema,
  auditDocumentSchema,
  errorDocumentSchema,
  moveDocumentSchema,
} from '../core/documents.ts';
import type { EvidenceKind } from '../core/evidence.ts';
import { reportDocumentSchema } from '../core/report-document.ts';
import { type Estate, startEstate } from './verbs-estate.ts';
import { runPulumi } from './verbs-pulumi.ts';

const LIMIT_MS = 600_000;
const run = promisify(execFile);

let folder: string;
let estate: Estate;
let database: TestPostgres;
let one: string;
let two: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'cutover-production-'));
  const lines: string[] = [];
  for (const [person, role] of [
    ['ann', 'engineering'],
    ['bob', 'lab-operations'],
    ['eve', null],
  ] as const) {
    const comment = role === null ? '' : `role=${role}`;
    await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', comment, '-f', join(folder, person)]);
    if (role !== null) lines.push(`${person}@lab ${(await readFile(join(folder, `${person}.pub`), 'utf8')).trim()}`);
  }
  await run('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'ledger')]);
  const ledgerKey = (await readFile(join(folder, 'ledger.pub'), 'utf8')).trim();
  lines.push(`ledger@lab namespaces="cutover-checkpoint" ${ledgerKey}`);
  database = await startPostgres();
  const signers = join(folder, 'signers');
  await writeFile(signers, `${lines.join('\n')}\n`);
  const env = { DATABASE_URL: database.url, CUTOVER_CHECKPOINT_KEY: join(folder, 'ledger') };
  estate = await startEstate(2, { signers, env });
  [one = '', two = ''] = estate.names;
  await writeFile(join(estate.project.folder, 'stacks/test/signers'), await readFile(signers));
  await verb('parallel', '--all', '--yes');
}, LIMIT_MS);
afterAll(async () => {
  await estate?.stop();
  await database?.remove();
  await rm(folder, { recursive: true, force: true });
}, LIMIT_MS);

async function verb(...args: string[]): Promise<{ readonly exitCode: number; readonly document: unknown }> {
  const { exitCode, stdout, stderr } = await estate.project.cutover([...args, '--json']);
  if (stdout.trim() === '') throw new Error(`cutover ${args.join(' ')}: nothing on stdout; ${stderr}`);
  return { exitCode, document: JSON.parse(stdout) };
}

async function move(...args: string[]) {
  const { exitCode, document } = await verb(...args, '--yes');
  return { ...moveDocumentSchema.parse(document), exitCode };
}

function freeze(kind: EvidenceKind, body: object): Promise<{ readonly digest: string }> {
  const [deployment, stack, at] = ['lab-estate-1', 'test', new Date().toISOString()];
  const plain = JSON.parse(JSON.stringify(body));
  const folderOf = evidenceFolderOf(estate.project.folder, 'test');
  return storeEvidence(folderOf, { kind, deployment, stack, at, connections: [one, two], body: plain });
}

/** What the gate itself has to say is tested where its causes are; here it has nothing. */
const gateBody = (verdict: 'red' | 'green') => ({
  verdict,
  at: new Date().toISOString(),
  expiresAt: soon(3_600_000),
  criteria: [],
});
const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();
const key = (person: string): string => join(folder, person);

test(
  'without an approval a switch is refused; with one of two signatures it is; with both it moves, twice, and is in the stack file',
  async () => {
    const without = await move('switch', '--connection', one);
    expect(without).toMatchObject({ exitCode: 3, refused: [{ name: one, code: 'approval-missing' }] });

    const selection = ['--connection', `${one},${two}`, '--until', soon(3_600_000), '--attempts', '2'];
    const unproven = await verb('approve', ...selection, '--key', key('ann'), '--yes');
    expect(unproven).toMatchObject({ exitCode: 3, document: { error: { code: 'evidence-absent' } } });

    await freeze('gate', gateBody('red'));
    const red = await verb('approve', ...selection, '--key', key('ann'), '--yes');
    expect(red).toMatchObject({ exitCode: 3, document: { error: { code: 'gate-red' } } });
    await freeze('gate', gateBody('green'));
    const first = await verb('approve', ...selection, '--key', key('ann'), '--yes');
    const approval = approvalPrintedSchema.parse(first.document);
    expect(approval).toMatchObject({ complete: false, missing: ['lab-operations'], signedBy: [{ person: 'ann@lab' }] });
    expect(approval.document.connections).toEqual([one, two].map((name) => ({ name, fromEpoch: 2 })));
    expect(await move('switch', '--connection', one)).toMatchObject({
      exitCode: 3,
      refused: [{ code: 'approval-invalid' }],
    });

    const stranger = await verb('approve', '--document', approval.digest, '--key', key('eve'), '--yes');
    const { error } = errorDocumentSchema.parse(stranger.document);
    expect([stranger.exitCode, error.code]).toEqual([3, 'signature-does-not-count']);
    const second = await verb('approve', '--document', approval.digest, '--key', key('bob'), '--yes');
    expect(second.document).toMatchObject({ complete: true, missing: [], digest: approval.digest });

    for (const epoch of [3, 5]) {
      expect(await move('switch', '--connection', one)).toMatchObject({ exitCode: 0, changed: [{ name: one, epoch }] });
      expect(await estate.project.readStack()).toContain(approval.digest);
      if (epoch === 3)
        expect(await move('rollback', '--connection', one, '--reason', 'once more')).toMatchObject({ exitCode: 0 });
    }
    const { output } = await runPulumi(estate.project.folder, estate.env, ['stack', 'history', '--json']);
    expect(output).toContain(approval.digest);
    const history = await verb('history', '--connection', one);
    expect(JSON.stringify(history.document)).toContain(`"approval":"${approval.digest}"`);
  },
  LIMIT_MS,
);

test(
  'a signed file that was changed, and an approval of somewhere else, get no further than the gateway',
  async () => {
    const [digest = ''] = /sha256:[0-9a-f]{64}/.exec(await estate.project.readStack()) ?? [];
    const file = join(estate.project.folder, 'stacks/test/approvals', `${digest.slice(7)}.json`);
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace('"attempts":2', '"attempts":9'));
    expect(await move('switch', '--connection', two)).toMatchObject({
      exitCode: 3,
      refused: [{ code: 'approval-missing' }],
    });
    await writeFile(file, text);
    const stack = await estate.project.readStack();
    const raised = stack.replace(new RegExp(`${two}: .*`), `${two}: { phase: parallel, newWeight: 0, epoch: 2 }`);
    await estate.project.writeStack(
      raised.replace(
        new RegExp(`${two}: .*`),
        `${two}: { phase: switched, epoch: 3, approval: sha256:${'0'.repeat(64)} }`,
      ),
    );
    const up = await runPulumi(estate.project.folder, estate.env, ['preview']);
    expect(up.exitCode).not.toBe(0);
    expect(up.output).toContain('is not there');
    await estate.project.writeStack(stack);
  },
  LIMIT_MS,
);

test(
  'with the window closed and the approvals expired a `pulumi up` without changes succeeds, and a switch does not',
  async () => {
    const approvals = join(estate.project.folder, 'stacks/test/approvals');
    const kept = join(folder, 'approvals');
    await rename(approvals, kept);
    const document = {
      deployment: 'lab-estate-1',
      connections: [{ name: two, fromEpoch: 2 }],
      target: 'switched',
      evidence: `sha256:${'e'.repeat(64)}`,
      notBefore: soon(-7_200_000),
      notAfter: soon(-3_600_000),
    };
    const digest = digestOf(document);
    await mkdir(approvals);
    await writeFile(join(approvals, `${digest.slice(7)}.json`), canonicalJson(document));
    for (const person of ['ann', 'bob']) {
      const keyFile = key(person);
      const signed = await signWithSshKeygen(canonicalJson(document), {
        keyFile,
        namespace: 'cutover-approval',
        env: process.env,
      });
      await writeFile(join(approvals, `${digest.slice(7)}.${person}.sig`), signed.ok ? signed.signature : '');
    }
    const refused = await move('switch', '--connection', two);
    expect(refused).toMatchObject({ exitCode: 3, refused: [{ name: two, code: 'approval-invalid' }] });
    const up = await runPulumi(estate.project.folder, estate.env, ['up', '--yes']);
    expect([up.exitCode, up.output]).toEqual([0, expect.stringMatching(/unchanged/)]);
    expect((await estate.routes()).get(one)).toMatchObject({ phase: 'switched', epoch: 5 });
    await rm(approvals, { recursive: true });
    await rename(kept, approvals);
  },
  LIMIT_MS,
);

test(
  'decommission takes a sign-off on a balanced reconciliation, and what only legacy can answer is accepted by name',
  async () => {
    const early = await move('decommission', '--connection', one);
    expect(early).toMatchObject({ exitCode: 3, refused: [{ code: 'soak' }] });
    await estate.project.writeInventory({ ...estate.inventory, target: 'production', defaults: { soak: '0s' } });
    // The gateway soaks by its own inventory.
    process.kill(estate.gatewayPid(), 'SIGHUP');
    const without = await move('decommission', '--connection', one);
    expect(without).toMatchObject({ exitCode: 3, refused: [{ code: 'approval-missing' }] });
    const signoff = (...more: string[]) =>
      verb('signoff', '--connection', one, '--until', soon(3_600_000), '--key', key('bob'), '--yes', ...more);
    expect(await signoff()).toMatchObject({ exitCode: 3, document: { error: { code: 'evidence-absent' } } });
    const reconciled = (balanced: boolean) => ({
      window: { since: '2026-01-01T00:00:00.000Z', until: new Date(Date.now() + 600_000).toISOString() },
      connections: [
        { name: one, practice: 'p', balanced, verdict: balanced ? 'green' : 'red', reasons: [], evidenceGrade: 'B' },
      ],
      orders: [{ practice: 'p', class: 'open', orderedThrough: 'legacy', count: 3 }],
    });
    await freeze('reconciliation', reconciled(false));
    expect(await signoff()).toMatchObject({ exitCode: 3, document: { error: { code: 'not-balanced' } } });
    await freeze('reconciliation', reconciled(true));
    expect(await signoff()).toMatchObject({
      exitCode: 3,
      document: { error: { code: 'only-legacy', message: 'only legacy can still answer 3 open' } },
    });
    const engineering = await verb(
      'signoff',
      '--connection',
      one,
      '--until',
      soon(3_600_000),
      '--key',
      key('ann'),
      '--accept',
      'open',
      '--yes',
    );
    expect(engineering.document).toMatchObject({ complete: false, missing: ['lab-operations'] });
    const signed = await signoff('--accept', 'open');
    const { document } = approvalPrintedSchema.parse(signed.document);
    expect(document).toMatchObject({
      target: 'decommissioned',
      evidenceGrade: 'B',
      accepted: [{ class: 'open', count: 3 }],
    });
    const unsaid = await verb('decommission', '--connection', one, '--yes');
    expect(unsaid).toMatchObject({ exitCode: 3, document: { error: { code: 'not-confirmed' } } });
    const other = await verb('decommission', '--connection', one, '--yes', '--confirm', 'wave-1');
    expect(other).toMatchObject({ exitCode: 3, document: { error: { code: 'not-confirmed' } } });
    expect(await move('decommission', '--connection', one, '--confirm', 'pilot')).toMatchObject({
      exitCode: 0,
      changed: [{ name: one, epoch: 6 }],
    });
  },
  LIMIT_MS,
);

test(
  'the sign-off pack has whose signatures hold, which approval moved what, the night by whom, and how to check it',
  async () => {
    const { exitCode, document } = await verb('report', '--all', '--html', 'pack.html');
    expect(exitCode).toBe(3);
    const report = reportDocumentSchema.parse(document);
    const people = ['ann@lab', 'bob@lab'];
    const signed = report.signed.map(({ kind, target, signedBy, missing }) => [kind, target, signedBy, missing]);
    expect(signed).toContainEqual(['approval', 'switched', people, []]);
    expect(signed).toContainEqual(['sign-off', 'decommissioned', ['ann@lab'], ['lab-operations']]);
    expect(signed).toContainEqual(['sign-off', 'decommissioned', ['bob@lab'], []]);
    const [moved, unmoved] = report.connections;
    const complete = report.signed.find(({ kind, missing }) => kind === 'sign-off' && missing.length === 0);
    expect(moved).toMatchObject({ name: one, phase: 'decommissioned', epoch: 6, signedOffBy: ['bob@lab'] });
    expect(moved?.signoff).toBe(complete?.digest);
    expect(unmoved).toMatchObject({ name: two, phase: 'parallel', approval: null, signoff: null, signedOffBy: [] });
    const ledger = await Ledger.open({ url: database.url, deployment: 'lab-estate-1' });
    const entries = await ledger.entries().finally(() => ledger.close());
    expect(report.checkpoint).toMatchObject({
      length: entries.length,
      head: entries.at(-1)?.digest,
      isSigned: true,
    });
    const night = (report.night ?? []).map(({ verb: name, kind, by, outcome }) => [name, kind, by, outcome]);
    expect(night).toContainEqual(['switch', 'result', 'ada', expect.stringContaining('1 changed')]);
    const html = await readFile(join(estate.project.folder, 'pack.html'), 'utf8');
    for (const text of ['ann@lab, bob@lab', report.checkpoint?.file ?? '?', 'with a signature beside it', 'once more'])
      expect(html).toContain(text);
    // What it says to type is typed.
    const sums = report.verify.flatMap((line) => /^sha256sum \S+/.exec(line)?.[0] ?? []);
    expect(sums.length).toBeGreaterThan(1);
    for (const command of sums) {
      const { stdout } = await run('sh', ['-c', command], { cwd: estate.project.folder });
      const [sum, file = ''] = stdout.trim().split(/\s+/);
      expect(basename(file)).toBe(`${sum}.json`);
    }
  },
  LIMIT_MS,
);

test(
  'all of it can be exported, verified offline, and not be tampered with unnoticed',
  async () => {
    const out = join(folder, 'audit');
    // Somebody has tidied up: what was signed is in the ledger all the same.
    const approvals = join(estate.project.folder, 'stacks/test/approvals');
    await rename(approvals, `${approvals}.away`);
    expect(await verb('audit', 'export', '--out', out)).toMatchObject({ exitCode: 0, document: { warnings: [] } });
    const verify = async (...more: string[]) => {
      const { exitCode, document } = await verb('audit', 'verify', '--in', out, '--signers', folder, ...more);
      return { ...auditDocumentSchema.parse(document), exitCode };
    };
    const whole = await verify();
    expect(whole.findings.filter(({ verdict }) => verdict === 'failed')).toEqual([]);
    expect(whole).toMatchObject({ exitCode: 0, verdict: 'green', completeUpTo: whole.entries });
    const file = join(out, 'ledger.jsonl');
    const text = await readFile(file, 'utf8');
    const manifest = await readFile(join(out, 'manifest.json'), 'utf8');
    const lines = text.split('\n').slice(0, -1);
    const middle = Math.floor(lines.length / 2);
    const own = lines[middle] ?? '';
    const changes: [string, string][] = [
      ['a letter', own.replace('"verb":"', '"verb":"x')],
      ['a space', own.replace(',', ', ')],
      ['an escape', own.replace('"verb"', '"\\u0076erb"')],
      ['a key twice', own.replace('"verb":', '"verb":"x","verb":')],
      ['what no reader sees', own.replace('"body":{', '"body":{"__proto__":{"a":1},')],
    ];
    for (const [what, line] of changes) {
      const changed = `${lines.with(middle, line).join('\n')}\n`;
      await writeFile(file, changed);
      const digests = [text, changed].map((one) => createHash('sha256').update(one).digest('hex'));
      await writeFile(join(out, 'manifest.json'), manifest.replace(digests[0] ?? '', digests[1] ?? ''));
      const found = await verify();
      expect([what, found.exitCode, found.verdict]).toEqual([what, 3, 'red']);
      const failed = found.findings.filter(({ verdict }) => verdict === 'failed').map(({ entry }) => entry);
      expect([what, failed]).toEqual([what, expect.arrayContaining([middle + 1])]);
    }
    await writeFile(join(out, 'manifest.json'), manifest);
    await writeFile(file, text.split('\n').slice(0, -3).join('\n').concat('\n'));
    const cut = await verify();
    expect(cut).toMatchObject({ exitCode: 3, verdict: 'red', entries: whole.entries - 2 });
    const messages = cut.findings.map(({ message }) => message).join('\n');
    expect(messages).toContain('ledger.jsonl is not as it was exported');
    expect(messages).toContain(`entries ${whole.entries - 1} to ${whole.entries} are missing`);
  },
  LIMIT_MS,
);
