/**
 * One of the systems that keep the records is gone before the rollback: PostgreSQL with the ledger, or the Pulumi
 * backend. The rollback must go on without it, a forward move must be refused, and `sync` must mend the records later.
 */
import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { errorDocumentSchema, moveDocumentSchema } from '../../core/documents.ts';
import { complaintsOf, documentIn } from '../verb-complaints.ts';
import { ROLLBACK, SYNC } from '../verb-steps.ts';
import type { Director, Fault } from './fault.ts';

type Outage = {
  readonly what: string;
  begin(director: Director): Promise<void>;
  end(director: Director): Promise<void>;
};

export const DATABASE: Outage = {
  what: 'PostgreSQL is stopped',
  begin: ({ stage }) => stage.database.takeDown(),
  end: ({ stage }) => stage.database.bringBack(),
};

/** A file in its place: a folder's rights would not keep root out, and nobody can make the folder anew by accident. */
export const BACKEND: Outage = {
  what: 'the folder of the Pulumi backend is out of reach',
  begin: async ({ stage: { folders } }) => {
    renameSync(folders.state, `${folders.state}-away`);
    writeFileSync(folders.state, '');
  },
  end: async ({ stage: { folders } }) => {
    rmSync(folders.state);
    renameSync(`${folders.state}-away`, folders.state);
  },
};

export const databaseDown: Fault = recordsDown(DATABASE);
export const backendDown: Fault = recordsDown(BACKEND);

function recordsDown(outage: Outage): Fault {
  return {
    at: { insteadOf: 'rollback' },
    play: async (director) => {
      const { progress } = director.around;
      await outage.begin(director);
      progress.line(`fault: ${outage.what}`);
      director.injected(outage.what);
      const { done, finished } = await director.swap(ROLLBACK);
      if (done) {
        director.seen(
          'connections that legacy owned again, rolled back without it',
          (await director.statuses()).length,
        );
        for (const warning of warningsOf(finished.stdout)) director.seen(`the rollback said: ${warning}`);
        await director.timed('switch refused', () => refusedForward(director));
      }
      await outage.end(director);
      progress.line('fault: it is over');
      if (!done) return false;
      const synced = await director.swap({ ...SYNC, step: 'sync after it', phase: 'parallel' });
      if (synced.done) director.seen('sync brought the records up to the gateways afterwards');
      return synced.done;
    },
  };
}

async function refusedForward(director: Director): Promise<void> {
  const finished = await director.verb('switch refused', ['switch', '--all', '--yes', '--json']);
  const moved = (await director.statuses()).filter(({ phase }) => phase !== 'parallel');
  const document = moveDocumentSchema.safeParse(documentIn(finished.stdout));
  const [why = 'no reason was given'] = document.success ? complaintsOf(finished) : errorOf(finished.stdout);
  if (finished.exitCode === 0 || moved.length > 0) {
    director.wrong(`a switch without the records was not refused: exit ${finished.exitCode}, ${moved.length} moved`);
    return;
  }
  director.seen(`a switch meanwhile was refused (exit ${finished.exitCode}): ${why}`);
  director.seen('connections moved by it', 0);
}

function warningsOf(stdout: string): readonly string[] {
  const document = moveDocumentSchema.safeParse(documentIn(stdout));
  return document.success ? document.data.warnings : [];
}

function errorOf(stdout: string): string[] {
  const document = errorDocumentSchema.safeParse(documentIn(stdout));
  return document.success ? [document.data.error.message] : [];
}
