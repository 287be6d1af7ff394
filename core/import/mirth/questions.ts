/** What only a person can answer of a listener or a sender that was taken. */
import type { Question } from '../flow.ts';
import type { Channel, Connector } from './channel.ts';
import type { Engine } from './reach.ts';
import type { TcpSettings } from './tcp.ts';

type Asking = { readonly engine: Engine; readonly questions: Question[] };

export function askAboutListener(listener: Channel, feed: TcpSettings, { engine, questions }: Asking): void {
  const { source } = listener;
  if (source === null) return;
  const ask = (code: string, message: string, remedy: string): void =>
    void questions.push({
      code,
      place: { file: engine.file, line: source.line },
      about: listener.name,
      message,
      remedy,
    });
  const answer = feed.facts.responseVariable;
  if (answer === 'None')
    ask(
      'answers-nothing',
      'the listener never answers, and a source gets its answer from the primary platform',
      'let the channel answer, or leave this feed at legacy',
    );
  if (feed.facts.respondOnNewConnection !== undefined && feed.facts.respondOnNewConnection !== '0')
    ask('answers-elsewhere', 'the listener answers on another connection', 'let it answer on the same connection');
  if (feed.usesTls)
    ask(
      'tls',
      'the listener speaks TLS, and an export has no keys',
      'write `tls: { cert, key }` at the feed and `tls` at its platforms.legacy',
    );
  if (feed.facts.charsetEncoding === undefined || feed.facts.charsetEncoding === 'DEFAULT_ENCODING')
    ask(
      'charset',
      "the charset is the engine's default, which the export does not say",
      'look it up at the server (file.encoding of its Java); the gateway passes bytes on as they are',
    );
  if (listener.isEnabled === null)
    ask('enabled-unknown', 'the export does not say whether the channel is enabled', 'look it up at the server');
  if (feed.facts.processBatch === 'true')
    ask(
      'batches',
      'the listener splits batches: one input can yield several outputs',
      'write `outputs: many` where that happens',
    );
}

export function askAboutSender(
  channel: Channel,
  connector: Connector,
  sender: TcpSettings,
  { engine, questions }: Asking,
): void {
  const ask = (code: string, message: string, remedy: string): void =>
    void questions.push({
      code,
      place: { file: engine.file, line: connector.line },
      about: `${channel.name} → ${connector.name}`,
      message,
      remedy,
    });
  if (sender.facts.ignoreResponse === 'true')
    ask(
      'ignores-answers',
      "the sender does not wait for the destination's answer: a lost output shows nowhere",
      'let it wait for the answer before the cutover',
    );
  if (sender.usesTls)
    ask(
      'tls',
      'the sender speaks TLS, and an export has no certificates',
      'write `tls` at the destination, and what it must trust',
    );
  if (Number(sender.facts.threadCount ?? '1') > 1)
    ask(
      'threads',
      'several threads send: their order is not kept',
      'set one thread, or accept that the order is not compared',
    );
}
