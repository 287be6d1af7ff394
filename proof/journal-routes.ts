/** Every route that a connection has had in this journal, by epoch. */
import { FIRST_ROUTE, type Route } from '../core/platform.ts';

export class JournalRoutes {
  readonly #routes = new Map<string, Map<number, Route>>();

  learn(connection: string, route: Route): void {
    const known = this.#routes.get(connection) ?? new Map<number, Route>();
    this.#routes.set(connection, known.set(route.epoch, route));
  }

  at(connection: string, epoch: number): Route | null {
    return this.#routes.get(connection)?.get(epoch) ?? null;
  }

  newest(connection: string): Route {
    return [...(this.#routes.get(connection)?.values() ?? [])].at(-1) ?? FIRST_ROUTE;
  }

  /** From which on results of a connection count: the first since its roles were last given. */
  firstEpochOf(connection: string): number {
    const routes = [...(this.#routes.get(connection)?.values() ?? [])].sort((a, b) => a.epoch - b.epoch);
    const { phase } = routes.at(-1) ?? FIRST_ROUTE;
    const before = routes.findLastIndex((route) => route.phase !== phase);
    return routes[before + 1]?.epoch ?? FIRST_ROUTE.epoch;
  }
}
