/**
 * A channel of a Mirth Connect or Open Integration Engine export, 3.x and 4.x, as facts. Element names and places differ
 * from version to version; what is looked for are the names, not the version, since exports of mixed versions exist.
 */
import { childOf, descendantsOf, firstChildOf, flagOf, textOf, type XmlNode } from '../xml-node.ts';
import { type ScriptFinding, scriptFindings } from './scripts.ts';

export type Connector = {
  readonly line: number;
  readonly name: string;
  /** As in `TCP Listener`; the class where the export has no name for it. */
  readonly transport: string;
  readonly kind: 'tcp' | 'channel' | 'other';
  readonly metaDataId: string;
  readonly isEnabled: boolean;
  readonly properties: XmlNode | null;
  readonly rules: number;
  readonly steps: readonly string[];
  readonly findings: readonly ScriptFinding[];
  /** MSH-9 of its message templates, where they have one. */
  readonly messageTypes: readonly string[];
};

export type Channel = {
  readonly line: number;
  readonly version: string | null;
  readonly id: string;
  readonly name: string;
  /** Null: the export does not say. */
  readonly isEnabled: boolean | null;
  readonly source: Connector | null;
  readonly destinations: readonly Connector[];
  readonly tags: readonly string[];
  readonly findings: readonly ScriptFinding[];
};

const CHANNEL_SCRIPTS = [
  'preprocessingScript',
  'postprocessingScript',
  'deployScript',
  'undeployScript',
  'shutdownScript',
];

export function readChannel(node: XmlNode): Channel {
  const metadata = childOf(node, 'exportData', 'metadata');
  const source = childOf(node, 'sourceConnector');
  const destinations = childOf(node, 'destinationConnectors')?.children ?? [];
  const tagNodes = [childOf(node, 'properties', 'tags'), childOf(node, 'exportData', 'channelTags')];
  return {
    line: node.line,
    version: node.attributes.version ?? textOf(node, 'version'),
    id: textOf(node, 'id') ?? '',
    name: textOf(node, 'name') ?? '',
    // Until 3.4 at the channel, from 3.5 on under exportData.
    isEnabled: flagOf(metadata, 'enabled') ?? flagOf(node, 'enabled'),
    source: source === null ? null : readConnector(source, '0'),
    destinations: destinations
      .filter(({ name }) => name === 'connector')
      .map((each, index) => readConnector(each, String(index + 1))),
    tags: tagNodes.flatMap(tagsIn),
    findings: CHANNEL_SCRIPTS.flatMap((name) => scriptFindings(textOf(node, name) ?? '')),
  };
}

function readConnector(node: XmlNode, position: string): Connector {
  const properties = childOf(node, 'properties');
  const type = properties?.attributes.class?.split('.').at(-1) ?? '';
  const transport = textOf(node, 'transportName') ?? type;
  const parts = ['filter', 'transformer', 'responseTransformer'].flatMap((name) => childOf(node, name) ?? []);
  const scripts = parts.flatMap((part) => [...descendantsOf(part)].filter(({ name }) => name === 'script'));
  return {
    line: node.line,
    name: textOf(node, 'name') ?? '',
    transport: transport === '' ? 'unknown' : transport,
    kind: kindOf(type, transport),
    metaDataId: textOf(node, 'metaDataId') ?? position,
    isEnabled: flagOf(node, 'enabled') ?? true,
    properties,
    rules: elementsOf(childOf(node, 'filter'), 'rules').length,
    steps: parts.flatMap((part) => elementsOf(part, 'steps')).map(stepName),
    findings: scripts.flatMap(({ text }) => scriptFindings(text)),
    messageTypes: parts.flatMap((part) =>
      messageTypeOf(textOf(part, 'inboundTemplate'), childOf(part, 'inboundTemplate')),
    ),
  };
}

/** By the class of its properties; tools that write channels leave it out at times, and then by the name of its transport. */
function kindOf(type: string, transport: string): Connector['kind'] {
  const known = type !== '' ? type : transport;
  if (/^(Tcp(Receiver|Dispatcher)Properties|TCP (Listener|Sender))$/.test(known)) return 'tcp';
  return /^(Vm(Receiver|Dispatcher)Properties|Channel (Reader|Writer))$/.test(known) ? 'channel' : 'other';
}

/** Until 3.4 `rules` and `steps`, from 3.5 on `elements` for both. */
function elementsOf(part: XmlNode | null, before: 'rules' | 'steps'): readonly XmlNode[] {
  return firstChildOf(part, 'elements', before)?.children ?? [];
}

function stepName(step: XmlNode): string {
  return textOf(step, 'type') ?? step.name.split('.').at(-1) ?? step.name;
}

/** A template can be a real message: its type is looked at, and nothing of it is kept. */
function messageTypeOf(text: string | null, node: XmlNode | null): string[] {
  if (text === null || text === '') return [];
  const plain = node?.attributes.encoding === 'base64' ? Buffer.from(text, 'base64').toString('latin1') : text;
  const [header = ''] = plain.split(/[\r\n]/, 1);
  const type = header.startsWith('MSH') ? header.split(header.charAt(3))[8] : undefined;
  return type === undefined || !/^[A-Z]{3}\b/.test(type) ? [] : [type.slice(0, 3)];
}

function tagsIn(node: XmlNode | null): string[] {
  if (node === null) return [];
  return node.children.flatMap((child) =>
    child.name === 'string' ? [child.text.trim()] : (textOf(child, 'name') ?? []),
  );
}
