/** What a shard refuses to start with: said in one line, with the remedy. */
export class ShardRefusal extends Error {
  constructor(message: string, remedy: string) {
    super(`${message} → ${remedy}`);
  }
}
