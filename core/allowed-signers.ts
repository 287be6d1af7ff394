/**
 * Whose signatures count: an OpenSSH allowed_signers file (ssh-keygen(1)), in which the comment of each line names the
 * role: `ann@lab namespaces="cutover-approval" ssh-ed25519 AAAA… role=engineering`. One line is one key of one person.
 */
import { isSamePerson } from './person.ts';
import { KEY_TYPES, readPublicKey, type SshPublicKey } from './ssh/public-key.ts';

export const SIGNER_ROLES = ['engineering', 'lab-operations'] as const;
export type SignerRole = (typeof SIGNER_ROLES)[number];

export type Signer = {
  readonly line: number;
  /** The first principal: the name of the person. Every line with it speaks of the same person. */
  readonly person: string;
  /** Every name that any line gives this person: whoever signs with one key is known under the names of all. */
  readonly principals: readonly string[];
  readonly roles: readonly SignerRole[];
  readonly key: SshPublicKey;
  /** Null: any. */
  readonly namespaces: readonly string[] | null;
  readonly validAfterMs: number;
  readonly validBeforeMs: number;
};

export type SignersProblem = { readonly line: number; readonly message: string; readonly remedy: string };
export type ParsedSigners =
  | { readonly ok: true; readonly value: readonly Signer[] }
  | { readonly ok: false; readonly problems: readonly SignersProblem[] };

const BASE64 = /^(?:[A-Za-z0-9+/]{4})+(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

type Line = { readonly ok: true; readonly value: Signer } | { readonly ok: false; readonly problem: SignersProblem };

export function parseAllowedSigners(text: string): ParsedSigners {
  const lines = text
    .split('\n')
    .map((raw, index) => ({ text: raw.trim(), line: index + 1 }))
    .filter(({ text: content }) => content !== '' && !content.startsWith('#'))
    .map(({ text: content, line }) => parseLine(content, line));
  const signers = lines.flatMap((line) => (line.ok ? [line.value] : []));
  const problems = lines.flatMap((line) => (line.ok ? [] : [line.problem]));
  if (problems.length > 0) return { ok: false, problems };
  const mixed = findMixedPeople(signers);
  return mixed === null ? { ok: true, value: signers.map(withEveryName(signers)) } : { ok: false, problems: [mixed] };
}

function withEveryName(signers: readonly Signer[]): (signer: Signer) => Signer {
  const names = Map.groupBy(signers, ({ person }) => person);
  return (signer) => ({
    ...signer,
    principals: [...new Set((names.get(signer.person) ?? []).flatMap(({ principals }) => principals))],
  });
}

/** Roles that no key stands for: without them no approval can ever be valid. */
export function missingRoles(signers: readonly Signer[]): SignerRole[] {
  return SIGNER_ROLES.filter((role) => !signers.some(({ roles }) => roles.includes(role)));
}

function parseLine(text: string, line: number): Line {
  const wrong = (message: string, remedy: string): Line => ({ ok: false, problem: { line, message, remedy } });
  const tokens = tokensOf(text);
  if (tokens === null) return wrong('a quote is not closed', 'close it');
  const [names = '', second = '', ...others] = tokens;
  const hasOptions = !isKeyType(second);
  const [type = '', encoded = '', ...comment] = hasOptions ? others : [second, ...others];
  const principals = names.split(',').map((name) => name.replaceAll('"', '').trim().toLowerCase());
  const [person = ''] = principals;
  if (principals.some((name) => name === '' || /[*?!]/.test(name))) {
    return wrong(`'${names}' is no person`, 'name one person a line, without patterns');
  }
  if (!isKeyType(type)) return wrong('it has no key that can be used', `a key of type ${KEY_TYPES.join(', ')}`);
  if (!BASE64.test(encoded)) return wrong(`the key of ${person} is not base64`, 'copy the line of its .pub file again');
  const key = readPublicKey(Buffer.from(encoded, 'base64'));
  if (!key.ok) return wrong(`the key of ${person}: ${key.message}`, 'copy the line of its .pub file again');
  if (key.value.type !== type) return wrong(`the key of ${person} is not of type ${type}`, 'copy its line again');
  const options = optionsIn(hasOptions ? second : '');
  if (!options.ok) return wrong(options.message, options.remedy);
  const roles = rolesIn(comment);
  if (!roles.ok) return wrong(roles.message, `role=${SIGNER_ROLES.join(' or role=')}`);
  return { ok: true, value: { line, person, principals, roles: roles.value, key: key.value, ...options.value } };
}

type Options = Pick<Signer, 'namespaces' | 'validAfterMs' | 'validBeforeMs'>;
type Read<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly message: string; readonly remedy: string };

const OPTION = /^([A-Za-z-]+)="([^"]*)"(?:,(?=.)|$)/;

/** Read to its end: what is not understood, or said twice, could make a key count for more than someone meant. */
function optionsIn(text: string): Read<Options> {
  let options: Options = { namespaces: null, validAfterMs: Number.NEGATIVE_INFINITY, validBeforeMs: Infinity };
  const seen = new Set<string>();
  for (let rest = text; rest !== ''; ) {
    const [whole = '', name = '', value = ''] = OPTION.exec(rest) ?? [];
    if (whole === '') {
      const message = `the option '${rest.split(/[=,]/)[0]}' is not taken`;
      return { ok: false, message, remedy: 'namespaces="…", valid-after="…", valid-before="…"' };
    }
    rest = rest.slice(whole.length);
    const key = name.toLowerCase();
    if (seen.has(key)) return { ok: false, message: `${key} is there twice`, remedy: 'say it once' };
    seen.add(key);
    const read = optionOf(key, value);
    if (!read.ok) return read;
    options = { ...options, ...read.value };
  }
  if (options.validAfterMs < options.validBeforeMs) return { ok: true, value: options };
  return { ok: false, message: 'valid-before is not after valid-after', remedy: 'correct the two times' };
}

function optionOf(name: string, value: string): Read<Partial<Options>> {
  switch (name) {
    case 'namespaces': {
      const namespaces = value.split(',').map((one) => one.trim());
      if (namespaces.every((one) => /^[A-Za-z0-9@._-]+$/.test(one))) return { ok: true, value: { namespaces } };
      return { ok: false, message: `namespaces="${value}" is no list of names`, remedy: 'name each, without patterns' };
    }
    case 'valid-after':
    case 'valid-before': {
      const at = timeOf(value);
      if (at === null) {
        return { ok: false, message: `${name}="${value}" is no time in UTC`, remedy: `${name}="20260131Z"` };
      }
      return { ok: true, value: name === 'valid-after' ? { validAfterMs: at } : { validBeforeMs: at } };
    }
    default:
      return {
        ok: false,
        message: `the option '${name}' is not taken`,
        remedy: 'namespaces, valid-after, valid-before',
      };
  }
}

/** `YYYYMMDD[HHMM[SS]]Z`; without the Z it would depend on the machine that reads it. */
function timeOf(text: string): number | null {
  const found = /^(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)?)?Z$/.exec(text);
  if (found === null) return null;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = found
    .slice(1)
    .map((part) => Number(part ?? 0));
  const at = Date.UTC(year, month - 1, day, hour, minute, second);
  const back = new Date(at);
  return back.getUTCMonth() === month - 1 && back.getUTCDate() === day && hour < 24 && minute < 60 ? at : null;
}

function rolesIn(comment: readonly string[]): Read<readonly SignerRole[]> {
  const named = comment.flatMap((word) => (word.startsWith('role=') ? word.slice('role='.length).split(',') : []));
  const roles = SIGNER_ROLES.filter((role) => named.includes(role));
  const unknown = named.find((name) => !SIGNER_ROLES.some((role) => role === name));
  if (unknown !== undefined) return { ok: false, message: `there is no role '${unknown}'`, remedy: '' };
  return { ok: true, value: roles };
}

/** One key for two people, or one name for two people, would make two signatures of one hand look like two persons'. */
function findMixedPeople(signers: readonly Signer[]): SignersProblem | null {
  for (const [index, signer] of signers.entries()) {
    const other = signers.slice(0, index).find((before) => {
      const sharesKey = before.key.blob.equals(signer.key.blob);
      const sharesName = before.principals.some((name) => signer.principals.some((own) => isSamePerson(own, name)));
      return (sharesKey || sharesName) && before.person !== signer.person;
    });
    if (other === undefined) continue;
    const message = `${signer.person} and ${other.person} (line ${other.line}) share a key or a name`;
    return { line: signer.line, message, remedy: 'give every person a key and a name of their own' };
  }
  return null;
}

function isKeyType(text: string): boolean {
  return KEY_TYPES.some((type) => type === text);
}

/** Words, of which a quoted part may contain spaces; null: a quote is open at the end. */
function tokensOf(text: string): string[] | null {
  const tokens: string[] = [];
  let word = '';
  let isQuoted = false;
  for (const character of text) {
    if (character === '"') isQuoted = !isQuoted;
    if (!isQuoted && (character === ' ' || character === '\t')) {
      if (word !== '') tokens.push(word);
      word = '';
    } else word += character;
  }
  if (word !== '') tokens.push(word);
  return isQuoted ? null : tokens;
}
