/**
 * Reads an export of an integration engine as a stream, safely: DOCTYPE and entities are refused, and depth, names,
 * sizes and numbers have limits, so that no file, however made, takes more than a bounded amount of memory. One channel at a
 * time is held as a tree.
 */
import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import sax from 'sax';
import { type Channel, readChannel } from '../core/import/mirth/channel.ts';
import { type ExportPieces, KEPT_SECTIONS } from '../core/import/mirth/read-export.ts';
import type { XmlNode } from '../core/import/xml-node.ts';

export type ExportLimits = {
  readonly fileBytes: number;
  readonly depth: number;
  /** Of one channel, as text; scripts and templates of a channel are seldom more than a megabyte. */
  readonly channelCharacters: number;
  readonly channelElements: number;
  readonly channels: number;
  /** Of all channels: some 10,000 usual ones. */
  readonly elements: number;
  readonly attributes: number;
  /** Different ones beside the channels; an engine knows some thirty. */
  readonly sections: number;
};

export const EXPORT_LIMITS: ExportLimits = {
  fileBytes: 256 * 1024 * 1024,
  depth: 200,
  channelCharacters: 16 * 1024 * 1024,
  channelElements: 400_000,
  channels: 20_000,
  elements: 4_000_000,
  attributes: 200,
  sections: 500,
};

export type Unreadable = {
  readonly ok: false;
  readonly line: number;
  readonly message: string;
  readonly remedy: string;
};

type Building = { name: string; attributes: Record<string, string>; children: XmlNode[]; text: string; line: number };

export async function readMirthExport(
  file: string,
  limits: ExportLimits = EXPORT_LIMITS,
): Promise<{ readonly ok: true; readonly value: ExportPieces } | Unreadable> {
  const { size } = await stat(file);
  if (size > limits.fileBytes) {
    const message = `it has ${size} bytes, more than the ${limits.fileBytes} that an export may have`;
    return { ok: false, line: 0, message, remedy: 'export channels or groups one by one, and import these files' };
  }
  const reader = new ExportReader(limits);
  const stream = createReadStream(file, { highWaterMark: 64 * 1024 });
  try {
    const decoder = new TextDecoder(await encodingOf(file), { fatal: true });
    for await (const chunk of stream) reader.write(decoder.decode(chunk, { stream: true }));
    reader.write(decoder.decode());
    return { ok: true, value: reader.end() };
  } catch (error) {
    if (error instanceof Refusal) return { ok: false, line: error.line, message: error.message, remedy: error.remedy };
    if (error instanceof TypeError)
      return {
        ok: false,
        line: reader.line,
        message: 'it is neither UTF-8 nor UTF-16 with a byte order mark',
        remedy: 'export it again, or convert it to UTF-8',
      };
    throw error;
  } finally {
    stream.destroy();
  }
}

/** The first characters of a file, to tell XML from anything else. */
export async function firstLineOf(file: string): Promise<string> {
  const text = new TextDecoder(await encodingOf(file)).decode(await headOf(file, 4096));
  return (
    text
      .split(/[\r\n]+/)
      .find((line) => line.trim() !== '')
      ?.trim() ?? ''
  );
}

/** Engines write UTF-8; what passed through a shell of Windows is UTF-16, with a byte order mark. */
async function encodingOf(file: string): Promise<'utf-8' | 'utf-16le' | 'utf-16be'> {
  const [first, second] = await headOf(file, 2);
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  return first === 0xfe && second === 0xff ? 'utf-16be' : 'utf-8';
}

async function headOf(file: string, bytes: number): Promise<Buffer> {
  const handle = await open(file);
  try {
    const { buffer, bytesRead } = await handle.read({ buffer: Buffer.alloc(bytes), position: 0 });
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

class Refusal extends Error {
  readonly line: number;
  readonly remedy: string;
  constructor(line: number, message: string, remedy: string) {
    super(message);
    this.line = line;
    this.remedy = remedy;
  }
}

const MEND = 'export it again from the engine; a file that was mended by hand is no export';

/** As sax has it when it refuses `&#x1c;`. */
const CONTROL_CHARACTER = /^#(?:x0*1?[0-9a-f]|0*(?:[0-2]?\d|3[01]))$/i;

class ExportReader {
  readonly #limits: ExportLimits;
  readonly #parser: sax.SAXParser;
  readonly #path: string[] = [];
  readonly #channels: Channel[] = [];
  readonly #sections: XmlNode[] = [];
  readonly #skipped = new Map<string, { what: string; count: number; line: number }>();
  /** Innermost last; empty outside of what is kept. */
  readonly #open: Building[] = [];
  #root = '';
  #version: string | null = null;
  #counted = 0;
  #characters = 0;
  #elements = 0;
  #allElements = 0;
  #attributes = 0;
  #empties = 0;

  constructor(limits: ExportLimits) {
    this.#limits = limits;
    this.#parser = sax.parser(true, { trim: false, normalize: false, position: true });
    this.#parser.onerror = (error) => {
      // XStream writes control characters of scripts and templates so, though XML 1.0 has no place for them: they stay text.
      const isEntity = error.message.startsWith('Invalid character entity');
      if (isEntity && CONTROL_CHARACTER.test(String(Reflect.get(this.#parser, 'entity')))) {
        this.#parser.resume();
        return;
      }
      throw this.#refusal(`it is no well-formed XML: ${error.message.split('\n')[0]}`, MEND);
    };
    this.#parser.ondoctype = () => {
      throw this.#refusal(
        'it has a DOCTYPE; no engine writes one, and entities of one can read files or fill the memory',
        MEND,
      );
    };
    this.#parser.onattribute = () => {
      if (++this.#attributes > this.#limits.attributes)
        throw this.#refusal(`one element has more than ${this.#limits.attributes} attributes`, MEND);
    };
    this.#parser.onopentag = ({ name, attributes }) => this.#opened(name, attributes);
    this.#parser.onclosetag = () => this.#closed();
    this.#parser.ontext = (text) => this.#said(text);
    this.#parser.oncdata = (text) => this.#said(text);
  }

  get line(): number {
    return this.#parser.line + 1;
  }

  write(text: string): void {
    this.#parser.write(text);
  }

  end(): ExportPieces {
    this.#parser.close();
    if (this.#root === '') throw this.#refusal('it is empty', 'give the file that the engine exported');
    return {
      root: this.#root,
      version: this.#version,
      channels: this.#channels,
      sections: this.#sections,
      counted: this.#counted,
      skipped: [...this.#skipped.values()],
    };
  }

  #refusal(message: string, remedy: string): Refusal {
    return new Refusal(this.line, message, remedy);
  }

  #opened(name: string, attributes: Readonly<Record<string, unknown>>): void {
    this.#attributes = 0;
    if (this.#path.length >= this.#limits.depth) {
      throw this.#refusal(`its elements are nested deeper than ${this.#limits.depth}`, MEND);
    }
    if (this.#path.length === 0) {
      if (this.#root !== '')
        throw this.#refusal('it is more than one document', 'give each as a file of its own: --file A,B');
      this.#root = name;
      this.#version = typeof attributes.version === 'string' ? attributes.version : null;
    }
    if (this.#isConnector(name)) this.#counted++;
    const isKept = this.#open.length > 0 || this.#begins(name);
    if (isKept) this.#open.push({ name, attributes: textsOf(attributes), children: [], text: '', line: this.line });
    else this.#skip(name);
    this.#path.push(name);
    if (isKept) this.#countElement();
  }

  #countElement(): void {
    const { channelElements, elements } = this.#limits;
    if (++this.#elements > channelElements)
      throw this.#refusal(`one channel has more than ${channelElements} elements`, MEND);
    if (++this.#allElements > elements)
      throw this.#refusal(`its channels have more than ${elements} elements`, 'export groups one by one');
  }

  /** Counted on its own, so that what the reading accounts for can be compared with it. */
  #isConnector(name: string): boolean {
    const parent = this.#path.at(-1);
    if (!this.#path.includes('channel') && this.#path.length > 0) return false;
    return (
      (name === 'sourceConnector' && parent === 'channel') ||
      (name === 'connector' && parent === 'destinationConnectors')
    );
  }

  #begins(name: string): boolean {
    if (name === 'channel') return true;
    return (
      this.#path.length <= 1 &&
      KEPT_SECTIONS.some((section) => section === name) &&
      this.#root === 'serverConfiguration'
    );
  }

  #skip(name: string): void {
    if (this.#path.length !== 1 || name === 'channels') return;
    const known = this.#skipped.get(name);
    if (known !== undefined) known.count++;
    else this.#skipped.set(name, { what: name, count: 1, line: this.line });
    if (this.#skipped.size - this.#empties > this.#limits.sections)
      throw this.#refusal(`it has more than ${this.#limits.sections} different sections`, MEND);
  }

  #empty({ children, line }: XmlNode): void {
    const name = children.find((child) => child.name === 'name')?.text.trim() ?? '';
    this.#empties++;
    const what = `channel '${name.slice(0, 80)}', which has no connectors`;
    this.#skipped.set(`${what} ${line}`, { what, count: 1, line });
  }

  #closed(): void {
    this.#path.pop();
    const done = this.#open.pop();
    if (done === undefined) return;
    const outer = this.#open.at(-1);
    if (outer !== undefined) {
      outer.children.push(done);
      return;
    }
    this.#characters = 0;
    this.#elements = 0;
    if (done.name !== 'channel') this.#sections.push(done);
    // Within a group a channel can be a stub: an id, and no more.
    else if (done.children.some(({ name }) => name === 'sourceConnector' || name === 'destinationConnectors'))
      this.#channels.push(readChannel(done));
    else if (done.children.some(({ name }) => name === 'name')) this.#empty(done);
    if (this.#channels.length + this.#empties > this.#limits.channels) {
      throw this.#refusal(`it has more than ${this.#limits.channels} channels`, 'export groups one by one');
    }
  }

  #said(text: string): void {
    const inner = this.#open.at(-1);
    if (inner === undefined) return;
    this.#characters += text.length;
    if (this.#characters > this.#limits.channelCharacters) {
      throw this.#refusal(`one channel has more than ${this.#limits.channelCharacters} characters`, MEND);
    }
    inner.text += text;
  }
}

function textsOf(attributes: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(Object.entries(attributes).map(([name, value]) => [name, String(value)]));
}
