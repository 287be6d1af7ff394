/** An export of an engine, as the reader streams it, into channels and what belongs to them. */
import type { Reading } from '../flow.ts';
import { childOf, textOf, type XmlNode } from '../xml-node.ts';
import type { Channel } from './channel.ts';
import { flowsOf } from './flows.ts';
import { resolverOf } from './variables.ts';

/** What a streaming reader hands over, piece by piece; `counted` are the connectors that it saw go by itself. */
export type ExportPieces = {
  readonly root: string;
  readonly version: string | null;
  readonly channels: readonly Channel[];
  /** Small sections beside the channels, by element name. */
  readonly sections: readonly XmlNode[];
  readonly counted: number;
  readonly skipped: Reading['notLookedAt'];
};

/** The sections that say something of channels; the reader keeps them. */
export const KEPT_SECTIONS = ['channelGroups', 'channelTags', 'configurationMap'] as const;

const KINDS: Readonly<Record<string, string>> = {
  channel: 'channel',
  channelGroup: 'channel group',
  channelGroups: 'channel groups',
  list: 'list of channels',
  set: 'set of channels',
  channels: 'list of channels',
  serverConfiguration: 'full server backup',
};

export type ReadOptions = { readonly includeDisabled: boolean; readonly variables: ReadonlyMap<string, string> };

export function readExport(file: string, pieces: ExportPieces, options: ReadOptions): Reading {
  const { channels } = pieces;
  const values = new Map([...configurationOf(pieces.sections), ...options.variables]);
  const { flows, accounts, questions } = flowsOf({
    file,
    channels,
    resolve: resolverOf(values),
    groups: groupsOf(pieces.sections),
    tags: tagsOf(pieces.sections),
    includeDisabled: options.includeDisabled,
  });
  return {
    file,
    kind: `Mirth Connect or Open Integration Engine ${versionOf(pieces, channels)}, ${KINDS[pieces.root] ?? pieces.root}`,
    counted: pieces.counted,
    flows,
    accounts,
    questions,
    notLookedAt: pieces.skipped,
  };
}

function versionOf({ version }: ExportPieces, channels: readonly Channel[]): string {
  const versions = new Set([
    ...(version === null ? [] : [version]),
    ...channels.flatMap((channel) => channel.version ?? []),
  ]);
  return versions.size === 0 ? 'of unknown version' : [...versions].join(' and ');
}

function groupsOf(sections: readonly XmlNode[]): Map<string, string> {
  const groups = new Map<string, string>();
  for (const section of sections) {
    if (section.name !== 'channelGroups') continue;
    for (const group of section.children) {
      for (const member of childOf(group, 'channels')?.children ?? [])
        groups.set(textOf(member, 'id') ?? '', textOf(group, 'name') ?? '');
    }
  }
  return groups;
}

function tagsOf(sections: readonly XmlNode[]): Map<string, readonly string[]> {
  const tags = new Map<string, string[]>();
  for (const section of sections) {
    if (section.name !== 'channelTags') continue;
    for (const tag of section.children) {
      for (const { text } of childOf(tag, 'channelIds')?.children ?? []) {
        tags.set(text.trim(), [...(tags.get(text.trim()) ?? []), textOf(tag, 'name') ?? '']);
      }
    }
  }
  return tags;
}

function configurationOf(sections: readonly XmlNode[]): [string, string][] {
  return sections
    .filter(({ name }) => name === 'configurationMap')
    .flatMap((section) => section.children)
    .flatMap((entry): [string, string][] => {
      const [key, property] = entry.children;
      const name = key?.text.trim();
      const value = textOf(property ?? null, 'value');
      return name === undefined || value === null ? [] : [[name, value]];
    });
}
