/**
 * For tests: the shapes of what the AWS and Kubernetes SDKs accept, read from their type declarations, since neither SDK
 * carries its provider's schema. Only of the classes that this program imports; kept in shapes.json, which a test
 * compares with the installed versions. `node infra/testing/shapes.ts` writes it anew.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import ts from 'typescript';

const INFRA = resolve(import.meta.dirname, '..');
const SHAPES_FILE = join(import.meta.dirname, 'shapes.json');
const MODULES = resolve(INFRA, '../node_modules');
const IMPORT_PATTERN = /from '(@pulumi\/(aws|kubernetes)\/[^']+)\.js'/g;

/** Of every object, also of kinds that the SDK does not know. */
export const METADATA = 'kubernetes.meta.v1.ObjectMeta';

export type Shape =
  | 'string'
  | 'number'
  | 'boolean'
  | 'any'
  | { readonly array: Shape }
  | { readonly map: Shape }
  | { readonly union: readonly Shape[] }
  | { readonly literal: string }
  /** Name of an entry of `types`. */
  | { readonly ref: string };
export type Members = Readonly<Record<string, { readonly shape: Shape; readonly required: boolean }>>;
export type Shapes = {
  /** Of the packages, as installed. */
  readonly versions: Readonly<Record<string, string>>;
  /** By type token, as in `aws:lb/listener:Listener`. */
  readonly resources: Readonly<Record<string, Members>>;
  readonly types: Readonly<Record<string, Members>>;
};

export function deriveShapes(): Shapes {
  const resources: Record<string, Members> = {};
  const types: Record<string, Members> = {};
  const versions: Record<string, string> = {};
  for (const [name, files] of classFilesOf(programFiles(INFRA))) {
    const root = join(MODULES, '@pulumi', name);
    versions[name] = versionOf(root);
    const declared = declaredInterfaces(join(root, 'types/input.d.ts'));
    const wanted: string[] = name === 'kubernetes' ? [METADATA] : [];
    for (const file of files) {
      const token = tokenOf(readFileSync(`${file}.js`, 'utf8'));
      if (token === null) continue;
      const source = parse(`${file}.d.ts`);
      const args = source.statements.find(
        (one): one is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(one) && one.name.text.endsWith('Args'),
      );
      if (args === undefined) throw new Error(`${file}: no interface of its arguments`);
      resources[token] = membersOf(args, name, wanted);
    }
    for (let next = wanted.pop(); next !== undefined; next = wanted.pop()) {
      if (types[next] !== undefined) continue;
      const found = declared.get(next.slice(name.length + 1));
      types[next] = found === undefined ? {} : membersOf(found, name, wanted);
      if (found === undefined) throw new Error(`no type ${next}`);
    }
  }
  return { versions, resources: sorted(resources), types: sorted(types) };
}

export function readShapes(): Shapes {
  return JSON.parse(readFileSync(SHAPES_FILE, 'utf8'));
}

function programFiles(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /\.ts$/.test(entry.name) && !entry.parentPath.includes('/testing'))
    .map((entry) => join(entry.parentPath, entry.name));
}

/** Package name → paths without extension. */
function classFilesOf(files: readonly string[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>();
  for (const file of files) {
    for (const [, path = '', name = ''] of readFileSync(file, 'utf8').matchAll(IMPORT_PATTERN)) {
      const classes = found.get(name) ?? new Set();
      found.set(name, classes.add(join(MODULES, path)));
    }
  }
  return found;
}

function tokenOf(code: string): string | null {
  const [, own] = /static __pulumiType = ["']([^"']+)["']/.exec(code) ?? [];
  // A provider is no resource of its package.
  return own === undefined || !own.includes(':') ? null : own;
}

function versionOf(root: string): string {
  const { version }: { version: string } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return version;
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
}

/** `lb.ListenerDefaultAction` → its declaration. */
function declaredInterfaces(file: string): Map<string, ts.InterfaceDeclaration> {
  const found = new Map<string, ts.InterfaceDeclaration>();
  const visit = (node: ts.Node, path: readonly string[]): void => {
    if (ts.isInterfaceDeclaration(node)) found.set([...path, node.name.text].join('.'), node);
    else if (ts.isModuleDeclaration(node)) ts.forEachChild(node, (child) => visit(child, [...path, node.name.text]));
    else if (ts.isModuleBlock(node) || ts.isSourceFile(node)) ts.forEachChild(node, (child) => visit(child, path));
  };
  visit(parse(file), []);
  return found;
}

function membersOf(declared: ts.InterfaceDeclaration, pack: string, wanted: string[]): Members {
  const members: Record<string, Members[string]> = {};
  for (const member of declared.members) {
    if (!ts.isPropertySignature(member) || member.type === undefined) continue;
    const name = ts.isStringLiteral(member.name) ? member.name.text : member.name.getText();
    members[name] = { shape: shapeOf(member.type, pack, wanted), required: member.questionToken === undefined };
  }
  return members;
}

function shapeOf(node: ts.TypeNode, pack: string, wanted: string[]): Shape {
  if (ts.isParenthesizedTypeNode(node)) return shapeOf(node.type, pack, wanted);
  if (ts.isArrayTypeNode(node)) return { array: shapeOf(node.elementType, pack, wanted) };
  if (ts.isUnionTypeNode(node)) {
    const parts = node.types.filter((part) => part.kind !== ts.SyntaxKind.UndefinedKeyword);
    return unionOf(parts.map((part) => shapeOf(part, pack, wanted)));
  }
  if (ts.isLiteralTypeNode(node) && ts.isStringLiteral(node.literal)) return { literal: node.literal.text };
  if (ts.isTypeLiteralNode(node)) {
    const index = node.members.find(ts.isIndexSignatureDeclaration);
    return index === undefined ? 'any' : { map: shapeOf(index.type, pack, wanted) };
  }
  if (ts.isTypeReferenceNode(node)) return referenceOf(node, pack, wanted);
  switch (node.kind) {
    case ts.SyntaxKind.StringKeyword:
      return 'string';
    case ts.SyntaxKind.NumberKeyword:
      return 'number';
    case ts.SyntaxKind.BooleanKeyword:
      return 'boolean';
    default:
      return 'any';
  }
}

function referenceOf(node: ts.TypeReferenceNode, pack: string, wanted: string[]): Shape {
  const name = node.typeName.getText();
  const [inner] = node.typeArguments ?? [];
  if (name === 'pulumi.Input' && inner !== undefined) return shapeOf(inner, pack, wanted);
  if (!name.startsWith('inputs.')) return 'any';
  const ref = `${pack}.${name.slice('inputs.'.length)}`;
  wanted.push(ref);
  return { ref };
}

function unionOf(shapes: readonly Shape[]): Shape {
  const [only, ...others] = shapes;
  if (only !== undefined && others.length === 0) return only;
  return shapes.includes('any') ? 'any' : { union: shapes };
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)));
}

if (process.argv[1] !== undefined && resolve(process.argv[1]) === import.meta.filename) {
  writeFileSync(SHAPES_FILE, `${JSON.stringify(deriveShapes(), null, 1)}\n`);
  process.stdout.write(`${dirname(SHAPES_FILE)}/shapes.json\n`);
}
