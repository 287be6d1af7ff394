/** For tests: as much of a Kubernetes client as they need: server-side apply, strictly, and asking who may do what. */
import { request } from 'node:https';

/** An object as the API has it. */
export type Api = Readonly<Record<string, unknown>>;
export type Answer = { readonly status: number; readonly body: Api };

type Kind = { readonly name: string; readonly kind: string; readonly namespaced: boolean };
export type ApplyOptions = { readonly dryRun?: boolean; readonly force?: boolean };

export type Access = {
  readonly verb: string;
  readonly resource: string;
  readonly group?: string;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name?: string;
};

const FIELD_MANAGER = 'pulumi';

export class ApiClient {
  readonly #place: { readonly port: number; readonly ca: string; readonly token: string };
  readonly #kinds = new Map<string, Promise<readonly Kind[]>>();

  constructor(place: { readonly port: number; readonly ca: string; readonly token: string }) {
    this.#place = place;
  }

  /** @throws the API's own refusal. */
  async apply(object: Api, { dryRun = false, force = false }: ApplyOptions = {}): Promise<Api> {
    const query = new URLSearchParams({
      fieldManager: FIELD_MANAGER,
      fieldValidation: 'Strict',
      force: String(force),
      ...(dryRun ? { dryRun: 'All' } : {}),
    });
    const { status, body } = await this.ask(
      'PATCH',
      `${await this.#pathOf(object)}?${query}`,
      object,
      'application/apply-patch+yaml',
    );
    if (status >= 300) throw new Error(String(body.message ?? `status ${status}`));
    return body;
  }

  async read(object: Api): Promise<Api | null> {
    const { status, body } = await this.ask('GET', await this.#pathOf(object));
    return status === 200 ? body : null;
  }

  async delete(object: Api): Promise<void> {
    await this.ask('DELETE', await this.#pathOf(object));
  }

  /** What the real authorizer says; `user` and `groups` of the one that is asked about. */
  async may(user: string, groups: readonly string[], access: Access): Promise<boolean> {
    const { body } = await this.ask('POST', '/apis/authorization.k8s.io/v1/subjectaccessreviews', {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      spec: { user, groups, resourceAttributes: access },
    });
    return Object(body.status).allowed === true;
  }

  ask(method: string, path: string, body?: Api, type = 'application/json'): Promise<Answer> {
    const { port, ca, token } = this.#place;
    const headers = { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': type }) };
    return new Promise((done, fail) => {
      const sent = request({ method, host: '127.0.0.1', port, path, ca, headers, agent: false }, async (response) => {
        const parts: Buffer[] = [];
        for await (const part of response) parts.push(part);
        const text = Buffer.concat(parts).toString();
        const status = response.statusCode ?? 0;
        done({ status, body: text.startsWith('{') ? JSON.parse(text) : { message: text } });
      });
      sent.on('error', fail);
      sent.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  async #pathOf(object: Api): Promise<string> {
    const version = String(object.apiVersion);
    const base = version.includes('/') ? `/apis/${version}` : `/api/${version}`;
    const known = (await this.#kindsOf(base)).find(({ kind, name }) => kind === object.kind && !name.includes('/'));
    if (known === undefined) throw new Error(`the API has no ${version} ${String(object.kind)}`);
    const { name, namespace } = Object(object.metadata);
    return known.namespaced ? `${base}/namespaces/${namespace}/${known.name}/${name}` : `${base}/${known.name}/${name}`;
  }

  async #kindsOf(base: string): Promise<readonly Kind[]> {
    const known = this.#kinds.get(base) ?? this.ask('GET', base).then(({ body }) => toKinds(body));
    this.#kinds.set(base, known);
    return known;
  }
}

function toKinds({ resources }: Api): readonly Kind[] {
  return Array.isArray(resources) ? resources : [];
}
