// Ends a process with everything below it. A group is not enough: Pulumi puts each plugin in a group of its own, and a
// provider whose CLI was killed would go on with its work alone.
import { spawnSync } from 'node:child_process';

/** `pid` must lead a session of its own (`detached`): so those whose parent is gone are found as well. */
export function killTree(pid: number | undefined): void {
  if (pid === undefined) return;
  for (const victim of [pid, ...belongingTo(pid)]) {
    try {
      process.kill(victim, 'SIGKILL');
    } catch {
      // Ended by itself meanwhile.
    }
  }
}

type Listed = { readonly pid: number; readonly parent: number; readonly session: number };

function belongingTo(leader: number): number[] {
  const listed = listProcesses();
  const found = new Set(listed.filter(({ session }) => session === leader).map(({ pid }) => pid));
  const waiting = [leader, ...found];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    for (const { pid, parent } of listed) {
      if (parent !== next || found.has(pid)) continue;
      found.add(pid);
      waiting.push(pid);
    }
  }
  return [...found].filter((pid) => pid !== process.pid);
}

/** Where `ps` shows sessions as addresses (macOS) they read as NaN, and the parents alone have to do. */
function listProcesses(): Listed[] {
  const { stdout } = spawnSync('ps', ['-A', '-o', 'pid=,ppid=,sess='], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').flatMap((line) => {
    const [pid = Number.NaN, parent = Number.NaN, session = Number.NaN] = line.trim().split(/\s+/).map(Number);
    return Number.isInteger(pid) && Number.isInteger(parent) ? [{ pid, parent, session }] : [];
  });
}
