/**
 * Moves by request id: the same id gets the same answer, also after a restart; while it is in flight it joins the wait.
 * The outcome is in the journal before it is told.
 */
import type { ApiError, RouteRequest, RouteResponse } from '../../core/admin-api.ts';

export type MoveResult =
  | { readonly ok: true; readonly value: RouteResponse }
  | { readonly ok: false; readonly status: number; readonly error: ApiError };

export type Reply = (result: MoveResult) => void;

/** What was asked for, by which a request that only shares its id is told; null: not known any more. */
type Asked = { readonly connection: string; readonly wanted: Pick<RouteRequest, 'phase' | 'newWeight'> | null };
type Operation = Asked &
  ({ readonly kind: 'in-flight'; readonly replies: Reply[] } | { readonly kind: 'done'; readonly result: MoveResult });

export type OperationsState = readonly {
  readonly requestId: string;
  readonly connection: string;
  readonly response: RouteResponse;
}[];

const OPERATIONS_LIMIT = 20_000;

export class Operations {
  readonly #byId = new Map<string, Operation>();

  /** True where the request is known: its reply comes, or joins the wait. */
  join({ requestId, phase, newWeight }: RouteRequest, connection: string, reply: Reply): boolean {
    const known = this.#byId.get(requestId);
    if (known === undefined) return false;
    const { wanted } = known;
    const isAnother = wanted !== null && (wanted.phase !== phase || wanted.newWeight !== newWeight);
    if (known.connection !== connection || isAnother) {
      const forWhat = known.connection === connection ? 'another move' : known.connection;
      const message = `the request id was used for ${forWhat}: a new request needs a new id`;
      reply({ ok: false, status: 400, error: { code: 'invalid', message, connection, next: [] } });
    } else if (known.kind === 'in-flight') known.replies.push(reply);
    else reply(known.result);
    return true;
  }

  begin({ requestId, phase, newWeight }: RouteRequest, connection: string, reply: Reply): void {
    this.#byId.set(requestId, { kind: 'in-flight', connection, wanted: { phase, newWeight }, replies: [reply] });
    if (this.#byId.size <= OPERATIONS_LIMIT) return;
    for (const [id, operation] of this.#byId) {
      if (operation.kind === 'in-flight') continue;
      this.#byId.delete(id);
      return;
    }
  }

  end(requestId: string, result: MoveResult): void {
    const operation = this.#byId.get(requestId);
    if (operation === undefined || operation.kind === 'done') return;
    const { connection, wanted } = operation;
    this.#byId.set(requestId, { kind: 'done', connection, wanted, result });
    for (const reply of operation.replies) reply(result);
  }

  /** Null: it was refused, is still in flight, or is not remembered. */
  answerTo(requestId: string): RouteResponse | null {
    const operation = this.#byId.get(requestId);
    return operation?.kind === 'done' && operation.result.ok ? operation.result.value : null;
  }

  /** For a checkpoint: the outcomes, newest last. */
  dump(): OperationsState {
    return [...this.#byId].flatMap(([requestId, operation]) =>
      operation.kind === 'done' && operation.result.ok
        ? [{ requestId, connection: operation.connection, response: operation.result.value }]
        : [],
    );
  }

  load(state: OperationsState): void {
    for (const { requestId, connection, response } of state) this.recover(requestId, connection, response);
  }

  /** Recovery: an outcome from the journal. */
  recover(requestId: string, connection: string, response: RouteResponse): void {
    // What is known of one that was given up is the route that stayed.
    const wanted = response.aborted === true ? null : { phase: response.phase, newWeight: response.newWeight };
    this.#byId.set(requestId, { kind: 'done', connection, wanted, result: { ok: true, value: response } });
  }
}
