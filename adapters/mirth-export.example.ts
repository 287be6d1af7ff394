/** Exports as engines of several versions write them, with made-up content: for tests, and for whoever wants to see one. */
import { escaped } from '../core/markup.ts';

export type ExampleChannel = {
  readonly id: string;
  readonly name: string;
  readonly port?: string;
  readonly isEnabled?: boolean | null;
  readonly source?: string;
  readonly senders?: readonly ExampleSender[];
  readonly rules?: number;
  readonly script?: string;
  readonly listener?: Readonly<Record<string, string>>;
  readonly answer?: string;
  readonly frame?: readonly [string, string];
  readonly plugin?: string;
};

export type ExampleSender = {
  readonly name: string;
  readonly host?: string;
  readonly port?: string;
  /** Absent: a TCP Sender. */
  readonly transport?: string;
  readonly channelId?: string;
  readonly isEnabled?: boolean;
  readonly settings?: Readonly<Record<string, string>>;
};

type Version = `${number}.${number}.${number}`;

function isBefore35(version: Version): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major < 3 || (major === 3 && minor < 5);
}

function members(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([name, value]) => `<${name}>${escaped(value)}</${name}>`)
    .join('');
}

function filterAndSteps(version: Version, rules: number, script: string): string {
  const isOld = isBefore35(version);
  const rule = isOld
    ? '<rule><sequenceNumber>0</sequenceNumber><type>JavaScript</type></rule>'
    : '<com.mirth.connect.plugins.javascriptrule.JavaScriptRule/>';
  const step = isOld
    ? `<step><type>JavaScript</type><script>${escaped(script)}</script></step>`
    : `<com.mirth.connect.plugins.javascriptstep.JavaScriptStep><name>s</name><script>${escaped(script)}</script></com.mirth.connect.plugins.javascriptstep.JavaScriptStep>`;
  const [ruleList, stepList] = isOld ? ['rules', 'steps'] : ['elements', 'elements'];
  const steps = script === '' ? '' : step;
  return `<transformer version="${version}"><${stepList}>${steps}</${stepList}><inboundDataType>HL7V2</inboundDataType></transformer><filter version="${version}"><${ruleList}>${rule.repeat(rules)}</${ruleList}></filter>`;
}

function frameMode([start, end]: readonly [string, string]): string {
  return `<transmissionModeProperties class="com.mirth.connect.plugins.mllpmode.MLLPModeProperties"><pluginPointName>MLLP</pluginPointName><startOfMessageBytes>${start}</startOfMessageBytes><endOfMessageBytes>${end}</endOfMessageBytes><useMLLPv2>false</useMLLPv2></transmissionModeProperties>`;
}

function sourceText(channel: ExampleChannel, version: Version): string {
  const {
    port = '6661',
    source = 'TCP Listener',
    answer = 'Auto-generate (After source transformer)',
    frame = ['0B', '1C0D'],
    plugin = '',
  } = channel;
  const group = isBefore35(version) ? 'responseConnectorProperties' : 'sourceConnectorProperties';
  const answers = `<${group}><responseVariable>${answer}</responseVariable><respondAfterProcessing>true</respondAfterProcessing></${group}>`;
  const settings = {
    serverMode: 'true',
    receiveTimeout: '0',
    charsetEncoding: 'DEFAULT_ENCODING',
    respondOnNewConnection: '0',
    ...channel.listener,
  };
  const type =
    source === 'TCP Listener'
      ? 'tcp.TcpReceiverProperties'
      : source === 'Channel Reader'
        ? 'vm.VmReceiverProperties'
        : 'file.FileReceiverProperties';
  const polling =
    source === 'File Reader'
      ? '<pollConnectorProperties><pollingType>INTERVAL</pollingType><pollingFrequency>30000</pollingFrequency></pollConnectorProperties>'
      : '';
  const tcp =
    source === 'TCP Listener'
      ? `<listenerConnectorProperties><host>0.0.0.0</host><port>${port}</port></listenerConnectorProperties>${frameMode(frame)}${members(settings)}`
      : '';
  return `<sourceConnector version="${version}">
    <metaDataId>0</metaDataId><name>sourceConnector</name>
    <properties class="com.mirth.connect.connectors.${type}" version="${version}"><pluginProperties>${plugin}</pluginProperties>${tcp}${polling}${answers}</properties>
    ${filterAndSteps(version, channel.rules ?? 0, channel.script ?? '')}
    <transportName>${source}</transportName><mode>SOURCE</mode><enabled>true</enabled>
  </sourceConnector>`;
}

function senderText(sender: ExampleSender, index: number, version: Version): string {
  const {
    name,
    host = 'lis.internal',
    port = '7001',
    transport = 'TCP Sender',
    channelId,
    isEnabled = true,
    settings = {},
  } = sender;
  const group = isBefore35(version) ? 'queueConnectorProperties' : 'destinationConnectorProperties';
  const queue = `<${group}><queueEnabled>true</queueEnabled><retryCount>0</retryCount><threadCount>${settings.threadCount ?? '1'}</threadCount></${group}>`;
  const tcp = `${frameMode(['0B', '1C0D'])}${members({ serverMode: 'false', remoteAddress: host, remotePort: port, responseTimeout: '5000', ...settings })}`;
  const [type, own] =
    transport === 'TCP Sender'
      ? ['tcp.TcpDispatcherProperties', tcp]
      : transport === 'Channel Writer'
        ? ['vm.VmDispatcherProperties', `<channelId>${channelId}</channelId>`]
        : ['file.FileDispatcherProperties', ''];
  return `<connector version="${version}">
      <metaDataId>${index + 1}</metaDataId><name>${escaped(name)}</name>
      <properties class="com.mirth.connect.connectors.${type}" version="${version}"><pluginProperties/>${queue}${own}</properties>
      ${filterAndSteps(version, 0, '')}
      <transportName>${transport}</transportName><mode>DESTINATION</mode><enabled>${isEnabled}</enabled>
    </connector>`;
}

export function channelText(channel: ExampleChannel, version: Version): string {
  const { id, name, isEnabled = true, senders = [{ name: 'to LIS' }] } = channel;
  const flag = isEnabled === null ? '' : `<enabled>${isEnabled}</enabled>`;
  const before = isBefore35(version) ? flag : '';
  const after = isBefore35(version) ? '' : `<exportData><metadata>${flag}</metadata></exportData>`;
  return `<channel version="${version}">
  <id>${id}</id><name>${escaped(name)}</name><description></description>${before}<revision>3</revision>
  ${sourceText(channel, version)}
  <destinationConnectors>
    ${senders.map((sender, index) => senderText(sender, index, version)).join('\n    ')}
  </destinationConnectors>
  <preprocessingScript>return message;</preprocessingScript>
  <properties version="${version}"/>${after}
</channel>`;
}

export type ExampleForm = 'channel' | 'list' | 'group' | 'backup';

export function exportText(
  channels: readonly ExampleChannel[],
  version: Version,
  form: ExampleForm,
  variables: Readonly<Record<string, string>> = {},
): string {
  const all = channels.map((channel) => channelText(channel, version)).join('\n');
  switch (form) {
    case 'channel':
      return all;
    case 'list':
      return `<list>\n${all}\n</list>`;
    case 'group':
      return `<channelGroup version="${version}"><id>g</id><name>Lab</name><channels>\n${all}\n</channels></channelGroup>`;
    case 'backup': {
      const stubs = channels
        .map(({ id }) => `<channel version="${version}"><id>${id}</id><revision>0</revision></channel>`)
        .join('');
      const entries = Object.entries(variables).map(
        ([name, value]) =>
          `<entry><string>${name}</string><com.mirth.connect.util.ConfigurationProperty><value>${value}</value><comment></comment></com.mirth.connect.util.ConfigurationProperty></entry>`,
      );
      return `<?xml version="1.0" encoding="UTF-8"?>
<serverConfiguration version="${version}">
<date>2026-01-01 00:00:00</date>
<channelGroups><channelGroup version="${version}"><id>g</id><name>Lab</name><channels>${stubs}</channels></channelGroup></channelGroups>
<channels>
${all}
</channels>
<channelTags><channelTag><id>t</id><name>critical</name><channelIds>${channels.map(({ id }) => `<string>${id}</string>`).join('')}</channelIds></channelTag></channelTags>
<alerts/>
<codeTemplateLibraries><codeTemplateLibrary><name>x</name></codeTemplateLibrary></codeTemplateLibraries>
<configurationMap>${entries.join('')}</configurationMap>
</serverConfiguration>`;
    }
  }
}
