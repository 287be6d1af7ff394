/** `1 connection`, `2 connections`: figures as people read them. */
export function countedConnections(count: number): string {
  return `${count} ${count === 1 ? 'connection' : 'connections'}`;
}
