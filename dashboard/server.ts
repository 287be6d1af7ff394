/** Serves the page and its feed (server-sent events). It only shows, unless `acting` is given; and says nothing to strangers. */
import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { isPatchable, patchBetween, type Whole } from '../core/war-room/feed.ts';
import { type Acting, NOT_OFFERED, send } from './acting.ts';
import type { Asset } from './bundle.ts';

export type ServerOptions = {
  readonly assets: ReadonlyMap<string, Asset>;
  readonly whole: () => Whole;
  readonly detail: (name: string) => object | null;
  /** Null: none is asked for (loopback only). */
  readonly token: string | null;
  readonly host: string;
  /** Absent: nothing can be changed from here. */
  readonly acting?: Acting;
};

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const HEADERS = {
  'content-security-policy': POLICY,
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};
const COOKIE = 'cutover-dashboard';
const PAGES_LIMIT = 200;
/** A page that reads slower than this is given everything anew once it has caught up. */
const UNREAD_LIMIT_BYTES = 4 * 1024 * 1024;
const BEAT_EVERY_MS = 10_000;

type Page = { readonly response: ServerResponse; sent: Whole | null };

export class DashboardServer {
  readonly #options: ServerOptions;
  readonly #server: Server;
  readonly #pages = new Set<Page>();
  readonly #beat: NodeJS.Timeout;

  constructor(options: ServerOptions) {
    this.#options = options;
    this.#server = createServer((request, response) => {
      // What one request brings about is that request's: the war room goes on.
      this.#answer(request, response).catch((error: unknown) => {
        if (response.headersSent) response.destroy();
        else send(response, failed(error), HEADERS);
      });
    });
    this.#beat = setInterval(() => this.#sendBeat(), BEAT_EVERY_MS);
  }

  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        const address = this.#server.address();
        resolve(address !== null && typeof address === 'object' ? address.port : port);
      });
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#beat);
    for (const { response } of this.#pages) response.end();
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  /** Tells every page what has changed for it. */
  publish(): void {
    const now = this.#options.whole();
    for (const page of this.#pages) this.#tell(page, now);
  }

  #tell(page: Page, now: Whole): void {
    if (page.response.writableLength > UNREAD_LIMIT_BYTES) {
      page.sent = null;
      return;
    }
    if (page.sent === null || !isPatchable(page.sent, now)) write(page.response, 'whole', now);
    else write(page.response, 'patch', patchBetween(page.sent, now));
    page.sent = now;
  }

  #sendBeat(): void {
    for (const { response } of this.#pages) response.write(': beat\n\n');
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { token, acting } = this.#options;
    const asked = request.url ?? '/';
    if (!URL.canParse(asked, 'http://page')) {
      refuse(response, 400, 'that is no address of a page');
      return;
    }
    const url = new URL(asked, 'http://page');
    if (request.method !== 'GET' && acting === undefined) {
      refuse(response, 405, 'this page only shows');
      return;
    }
    if (!this.#isHostKnown(request)) {
      refuse(response, 421, 'call it by the name that it was started for');
      return;
    }
    if (token !== null && !isKnown(request, url, token)) {
      refuse(response, 401, 'open it with ?token=…');
      return;
    }
    if (token !== null && url.searchParams.has('token')) {
      const cookie = `${COOKIE}=${digestOf(token)}; HttpOnly; SameSite=Strict; Path=/`;
      response.writeHead(303, { ...HEADERS, 'set-cookie': cookie, location: '/' }).end();
      return;
    }
    const acted = await acting?.answer(request, url.pathname).catch((error: unknown) => failed(error));
    if (acted !== undefined && acted !== null) {
      send(response, acted, HEADERS);
      return;
    }
    if (url.pathname === '/session') {
      send(response, NOT_OFFERED, HEADERS);
      return;
    }
    if (request.method !== 'GET') {
      refuse(response, 405, 'not like this');
      return;
    }
    if (url.pathname === '/events') {
      this.#open(request, response);
      return;
    }
    if (url.pathname.startsWith('/connections/')) {
      this.#detail(url, response);
      return;
    }
    const asset = this.#options.assets.get(url.pathname);
    if (asset === undefined) {
      refuse(response, 404, 'there is no such page');
      return;
    }
    response.writeHead(200, { ...HEADERS, 'content-type': asset.type }).end(asset.body);
  }

  /** Another site's page that resolves its own name to this machine must not read it. */
  #isHostKnown(request: IncomingMessage): boolean {
    const name = (request.headers.host ?? '').replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
    return this.#options.token !== null || ['127.0.0.1', 'localhost', '::1', this.#options.host].includes(name);
  }

  #open(request: IncomingMessage, response: ServerResponse): void {
    if (this.#pages.size >= PAGES_LIMIT) {
      refuse(response, 503, 'too many pages are open');
      return;
    }
    response.writeHead(200, { ...HEADERS, 'content-type': 'text/event-stream', 'x-accel-buffering': 'no' });
    response.write('retry: 1000\n\n');
    const page: Page = { response, sent: null };
    this.#pages.add(page);
    request.on('close', () => this.#pages.delete(page));
    this.#tell(page, this.#options.whole());
  }

  #detail(url: URL, response: ServerResponse): void {
    const name = decoded(url.pathname.slice('/connections/'.length));
    const detail = name === null ? null : this.#options.detail(name);
    if (detail === null) {
      refuse(response, 404, 'there is no such connection');
      return;
    }
    response.writeHead(200, { ...HEADERS, 'content-type': 'application/json' }).end(JSON.stringify(detail));
  }
}

/** Null where it is not decodable. */
function decoded(text: string): string | null {
  try {
    return decodeURIComponent(text);
  } catch {
    return null;
  }
}

function write(response: ServerResponse, event: 'whole' | 'patch', data: object): void {
  response.write(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);
}

function failed(error: unknown): { status: number; body: object } {
  return { status: 500, body: { error: error instanceof Error ? error.message : String(error) } };
}

function refuse(response: ServerResponse, status: number, message: string): void {
  response.writeHead(status, { ...HEADERS, 'content-type': 'text/plain; charset=utf-8' }).end(`${message}\n`);
}

function isKnown(request: IncomingMessage, url: URL, token: string): boolean {
  const cookies = (request.headers.cookie ?? '').split(';').map((part) => part.trim());
  const shown = cookies.find((part) => part.startsWith(`${COOKIE}=`))?.slice(COOKIE.length + 1);
  const given = url.searchParams.get('token');
  const wanted = Buffer.from(digestOf(token));
  const offered = Buffer.from(given === null ? (shown ?? '') : digestOf(given));
  return offered.length === wanted.length && timingSafeEqual(offered, wanted);
}

function digestOf(token: string): string {
  return createHash('sha256').update(`cutover-dashboard ${token}`).digest('hex');
}
