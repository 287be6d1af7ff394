/** `1 connection`, `2 connections`: figures as people read them. `many`: where it is not `one` with an s. */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${count} ${count === 1 ? one : many}`;
}
