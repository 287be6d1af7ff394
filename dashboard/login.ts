/**
 * Whose tokens these are. As in a terminal there is one for every gateway, or each gateway has one of its own; a token goes to
 * the gateway that it was typed for and to no other. Every gateway that knows its token must know it by the same name.
 */
import { GatewayClient } from '../adapters/gateway-admin.ts';
import type { Inventory } from '../core/inventory.ts';
import type { Login, Reach } from '../core/war-room/acting.ts';
import { environmentOf } from './run-verb.ts';

export type Known = {
  readonly name: string;
  /** By shard, of the gateways that know it. */
  readonly tokens: ReadonlyMap<number, string>;
  readonly gateways: readonly Reach[];
};
/** `wasWrong`: a gateway did not know its token. */
export type LoggedIn = { readonly wasWrong: boolean } & (
  | { readonly ok: true; readonly value: Known }
  | { readonly ok: false; readonly message: string }
);

type Asked = { readonly shard: number; readonly token: string | null } & (
  | { readonly is: 'known'; readonly name: string; readonly role: string }
  | { readonly is: 'not-known' | 'away' | 'not-typed'; readonly message: string }
);

export async function logIn(
  { gateways }: Inventory,
  { token, tokens }: Login,
  env: NodeJS.ProcessEnv,
): Promise<LoggedIn> {
  const asked = await Promise.all(
    gateways.map(({ shard, admin }) => ask(shard, admin, tokens[String(shard)] ?? token, env)),
  );
  const known = asked.flatMap((each) => (each.is === 'known' ? [each] : []));
  const [first] = known;
  const wasWrong = asked.some(({ is }) => is === 'not-known');
  if (first === undefined) return { ok: false, wasWrong, message: complaintsOf(asked) };
  if (known.some(({ name }) => name !== first.name)) {
    const names = known.map(({ shard, name }) => `'${name}' at gateway ${shard}`).join(', ');
    return { ok: false, wasWrong, message: `an operator has one name, and these tokens have several: ${names}` };
  }
  return {
    ok: true,
    wasWrong,
    value: {
      name: first.name,
      tokens: new Map(known.map((each) => [each.shard, each.token ?? ''])),
      gateways: asked.map((each) =>
        each.is === 'known'
          ? { shard: each.shard, role: each.role, complaint: null }
          : { shard: each.shard, role: null, complaint: each.message },
      ),
    },
  };
}

async function ask(shard: number, admin: string, token: string | null, env: NodeJS.ProcessEnv): Promise<Asked> {
  if (token === null) return { shard, token, is: 'not-typed', message: 'no token was given for it' };
  const tokens = new Map([[shard, token]]);
  const client = new GatewayClient({ shard, admin, env: environmentOf(env, { tokens, name: '' }) });
  try {
    const answer = await client.info();
    if (!answer.ok) {
      const is = answer.kind === 'unreachable' ? 'away' : 'not-known';
      const message = answer.status === 401 ? 'it does not know this token' : answer.error.message;
      return { shard, token, is, message };
    }
    const { you } = answer.value;
    return you === undefined
      ? { shard, token, is: 'away', message: `the gateway of shard ${shard} is too old to say whose token it is` }
      : { shard, token, is: 'known', ...you };
  } finally {
    await client.close();
  }
}

/** Each complaint once, with the gateways that have it. */
function complaintsOf(asked: readonly Asked[]): string {
  const said = asked.flatMap((each) => (each.is === 'known' ? [] : [each]));
  const byMessage = Map.groupBy(said, ({ message }) => message);
  return [...byMessage]
    .map(([message, those]) => `gateway ${those.map(({ shard }) => shard).join(', ')}: ${message}`)
    .join('; ');
}
