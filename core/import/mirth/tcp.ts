/** A TCP connector's settings: where it listens or sends, how it frames, how patient it is, and what nobody can know. */
import type { Framing } from '../../inventory.ts';
import { firstChildOf, flagOf, textOf, type XmlNode } from '../xml-node.ts';
import type { Connector } from './channel.ts';

export type Resolve = (text: string) => { readonly value: string; readonly unresolved: readonly string[] };

export type TcpSettings = {
  readonly host: string;
  readonly port: number | null;
  readonly framing: Framing | null;
  readonly usesTls: boolean;
  readonly timeoutMs: number | null;
  /** Why it cannot be taken as it stands; each with what to do. */
  readonly obstacles: readonly { readonly reason: string; readonly remedy: string }[];
  readonly facts: Readonly<Record<string, string>>;
};

type Obstacle = TcpSettings['obstacles'][number];

export function readTcp(connector: Connector, role: 'source' | 'destination', resolve: Resolve): TcpSettings {
  const { properties } = connector;
  const isServer = flagOf(properties, 'serverMode') ?? role === 'source';
  const address = addressOf(properties, role, isServer);
  const host = resolve(address.host);
  const portText = resolve(address.port);
  const port = /^\d{1,5}$/.test(portText.value) && Number(portText.value) <= 65_535 ? Number(portText.value) : null;
  const framing = framingOf(properties);
  const obstacles: Obstacle[] = [];
  if (role === 'source' && !isServer) obstacles.push(dials());
  if (role === 'destination' && isServer) obstacles.push(listens());
  obstacles.push(...unresolvedOf([...host.unresolved, ...portText.unresolved]));
  if (port === null && portText.unresolved.length === 0) obstacles.push(noPort(portText.value));
  if (framing.obstacle !== null) obstacles.push(framing.obstacle);
  return {
    host: host.value,
    port: port === 0 ? null : port,
    framing: framing.value,
    usesTls: usesTls(properties),
    timeoutMs: timeoutOf(properties, role),
    obstacles,
    facts: factsOf(properties, role, { isServer, host: host.value, port: portText.value, framing: framing.text }),
  };
}

/** A listener in client mode dials `remoteAddress`; before 3.0.2 it used the listener's own address for that. */
function addressOf(
  properties: XmlNode | null,
  role: 'source' | 'destination',
  isServer: boolean,
): { host: string; port: string } {
  const listener = {
    host: textOf(properties, 'listenerConnectorProperties', 'host'),
    port: textOf(properties, 'listenerConnectorProperties', 'port'),
  };
  const remote = { host: textOf(properties, 'remoteAddress'), port: textOf(properties, 'remotePort') };
  const local = { host: textOf(properties, 'localAddress'), port: textOf(properties, 'localPort') };
  const [host, port] =
    role === 'source'
      ? isServer
        ? [listener.host, listener.port]
        : [remote.host || listener.host, remote.port || listener.port]
      : isServer
        ? [local.host, local.port]
        : [remote.host, remote.port];
  return { host: host ?? '', port: port ?? '' };
}

/** As hex digits: `0B` and `1C0D`. The gateway frames with one start byte and two end bytes. */
function framingOf(properties: XmlNode | null): { value: Framing | null; text: string; obstacle: Obstacle | null } {
  const mode = firstChildOf(properties, 'transmissionModeProperties');
  const start = textOf(mode, 'startOfMessageBytes') ?? '0B';
  const end = textOf(mode, 'endOfMessageBytes') ?? '1C0D';
  const text = `${start || 'nothing'} … ${end || 'nothing'}`;
  if (flagOf(mode, 'useMLLPv2') === true) {
    const reason = 'it uses MLLP release 2 (commit acknowledgement characters)';
    return {
      value: null,
      text,
      obstacle: { reason, remedy: 'the gateway speaks MLLP release 1: change the channel, or leave it at legacy' },
    };
  }
  const bytes = [start, end].map((hex) => (/^([0-9a-f]{2})*$/i.test(hex) ? [...Buffer.from(hex, 'hex')] : []));
  const [first = [], last = []] = bytes;
  const [startByte, endOne, endTwo] = [first[0], last[0], last[1]];
  if (
    first.length !== 1 ||
    last.length !== 2 ||
    startByte === undefined ||
    endOne === undefined ||
    endTwo === undefined
  ) {
    const reason = `its messages are framed by ${text}; the gateway needs one start byte and two end bytes`;
    return {
      value: null,
      text,
      obstacle: { reason, remedy: 'change the framing of the channel to MLLP, or leave it at legacy' },
    };
  }
  const isStandard = startByte === 0x0b && endOne === 0x1c && endTwo === 0x0d;
  return { value: isStandard ? null : { start: startByte, end: [endOne, endTwo] }, text, obstacle: null };
}

/** Of any plugin that speaks TLS: the engine itself has none. */
function usesTls(properties: XmlNode | null): boolean {
  const plugins = firstChildOf(properties, 'pluginProperties')?.children ?? [];
  return plugins.some(
    (plugin) =>
      /(SSL|TLS)\w*Properties$/i.test(plugin.name) &&
      (flagOf(plugin, 'enabled') ?? flagOf(plugin, 'isTlsManagerEnabled')) === true,
  );
}

function timeoutOf(properties: XmlNode | null, role: 'source' | 'destination'): number | null {
  const text = role === 'destination' ? textOf(properties, 'responseTimeout') : null;
  const value = text === null ? Number.NaN : Number(text);
  // 0 waits for ever.
  return Number.isSafeInteger(value) && value > 0 ? value : null;
}

const SHOWN: Readonly<Record<'source' | 'destination', readonly string[]>> = {
  source: [
    'receiveTimeout',
    'maxConnections',
    'keepConnectionOpen',
    'dataTypeBinary',
    'charsetEncoding',
    'respondOnNewConnection',
    'responseAddress',
    'responsePort',
  ],
  destination: [
    'sendTimeout',
    'responseTimeout',
    'ignoreResponse',
    'queueOnResponseTimeout',
    'keepConnectionOpen',
    'dataTypeBinary',
    'charsetEncoding',
    'maxConnections',
  ],
};
const SHOWN_OF_QUEUE = [
  'queueEnabled',
  'sendFirst',
  'retryIntervalMillis',
  'retryCount',
  'rotate',
  'threadCount',
  'validateResponse',
];
const SHOWN_OF_ANSWER = ['responseVariable', 'respondAfterProcessing', 'processBatch', 'processingThreads'];

function factsOf(
  properties: XmlNode | null,
  role: 'source' | 'destination',
  read: { isServer: boolean; host: string; port: string; framing: string },
): Record<string, string> {
  const facts: Record<string, string> = {
    mode: read.isServer ? 'listens' : 'dials',
    address: `${read.host}:${read.port}`,
    framing: read.framing,
  };
  const group =
    role === 'source'
      ? firstChildOf(properties, 'sourceConnectorProperties', 'responseConnectorProperties')
      : firstChildOf(properties, 'destinationConnectorProperties', 'queueConnectorProperties');
  const add = (node: XmlNode | null, names: readonly string[]): void => {
    for (const name of names) {
      const text = textOf(node, name);
      if (text !== null && text !== '') facts[name] = text;
    }
  };
  add(properties, SHOWN[role]);
  add(group, role === 'source' ? SHOWN_OF_ANSWER : SHOWN_OF_QUEUE);
  if (usesTls(properties)) facts.tls = 'yes';
  return facts;
}

function dials(): Obstacle {
  return {
    reason: 'the listener is in client mode: it dials its source',
    remedy: 'a feed of the gateway listens; let the source dial, or leave it at legacy',
  };
}

function listens(): Obstacle {
  return {
    reason: 'the sender is in server mode: its destination dials it',
    remedy: 'the gateway dials destinations; let it listen, or leave it at legacy',
  };
}

function unresolvedOf(names: readonly string[]): Obstacle[] {
  return [...new Set(names)].map((name) => ({
    reason: `the value of \${${name}} is not in the export`,
    remedy: `give it with --variables FILE (a line '${name} = value'), or export the whole server`,
  }));
}

function noPort(text: string): Obstacle {
  return { reason: `'${text}' is no port`, remedy: 'correct the channel and export it again' };
}
