/** Looks at one gateway as often as it answers while somebody waits for something there, and tells who was right when. */
import type { GatewayClient } from '../../adapters/gateway-admin.ts';
import type { ConnectionStatus } from '../../core/admin-api.ts';

const LOOK_EVERY_MS = 20;

export type StatusByName = ReadonlyMap<string, ConnectionStatus>;

type Waiter = { readonly isMet: (statuses: StatusByName) => boolean; readonly end: (isMet: boolean) => void };

export class StatusWatch {
  readonly #gateway: GatewayClient;
  readonly #waiters = new Set<Waiter>();
  #isLooking = false;

  constructor(gateway: GatewayClient) {
    this.#gateway = gateway;
  }

  /** False where it was not met within `withinMs`, or the wait was given up. A gateway that does not answer meets nothing. */
  until(isMet: Waiter['isMet'], withinMs: number, signal: AbortSignal): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (met: boolean): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', giveUp);
        this.#waiters.delete(waiter);
        resolve(met);
      };
      const waiter = { isMet, end };
      const giveUp = (): void => end(false);
      const timer = setTimeout(giveUp, withinMs);
      if (signal.aborted) return end(false);
      signal.addEventListener('abort', giveUp);
      this.#waiters.add(waiter);
      if (!this.#isLooking) void this.#look();
    });
  }

  async #look(): Promise<void> {
    this.#isLooking = true;
    while (this.#waiters.size > 0) {
      const read = await this.#gateway.connections();
      if (read.ok) {
        const statuses = new Map(read.value.map((status) => [status.name, status]));
        for (const waiter of [...this.#waiters]) if (waiter.isMet(statuses)) waiter.end(true);
      }
      await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
    }
    this.#isLooking = false;
  }
}
