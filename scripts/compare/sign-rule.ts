/** `compare --sign-rule NAME`: the approver of a diff rule signs it as it stands; what is not theirs to sign is refused. */
import { relative } from 'node:path';
import { readRuleFiles, ruleSigningOf } from '../../adapters/proof-definitions.ts';
import { readRuleSignature, signRule } from '../../adapters/rule-signatures.ts';
import type { CompareModeDocument } from '../../core/compare-document.ts';
import { formatProblems } from '../../core/located-yaml.ts';
import { needsSignature, signatureFault } from '../../core/rules/signed.ts';
import type { Context } from '../runner/context.ts';
import type { Args } from '../runner/flags.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import type { Printed } from '../runner/verb.ts';
import { projectFolderOf } from './standing.ts';

export async function signNamedRule(context: Context, args: Args): Promise<Printed> {
  const name = args['sign-rule'] ?? '';
  if (args.key === undefined)
    throw usage('--sign-rule needs --key: your own', 'cutover compare --sign-rule NAME --key FILE');
  const folder = projectFolderOf(context);
  const read = await readRuleFiles(folder);
  if (!read.ok) throw usage(formatProblems(read.problems), 'correct stacks/rules');
  const rule = read.files.flatMap(({ rules }) => rules).find((each) => each.name === name);
  if (rule === undefined) throw usage(`there is no rule '${name}' in stacks/rules`, 'cutover compare lists them');
  if (!needsSignature(rule))
    throw usage(`rule ${name} needs no signature`, 'only protected paths and changes by intent do');
  const signed = await signRule(folder, rule, { keyFile: args.key, env: context.env });
  if (!signed.ok)
    throw new VerbStop(EXIT.failed, { code: 'not-signed', message: signed.message, next: [signed.remedy] });
  const nowMs = Date.parse(context.clock.now());
  const signing = await ruleSigningOf(context.inventory, `${folder}/stacks/${context.stack}`, nowMs);
  const signature = await readRuleSignature(folder, rule);
  const fault = signing === null ? null : signatureFault(rule, signature, signing.authority, nowMs);
  const file = relative(folder, signed.file);
  const exitCode = fault === null ? EXIT.done : EXIT.refused;
  const document: CompareModeDocument = {
    verb: 'compare',
    mode: 'sign-rule',
    ok: fault === null,
    exitCode,
    signed: file,
    warnings: fault === null ? [] : [`rule ${name} accepts nothing still: ${fault}`],
    nextSteps: [`commit ${file}, so that the worker has it`],
  };
  const text = [`signed: ${file}`, ...document.warnings.map((each) => `! ${each}`), ...document.nextSteps].join('\n');
  return { document, text: `${text}\n`, exitCode };
}
