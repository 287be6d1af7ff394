/** `reconcile --verify FILE`: a proof file judged by itself, without a project, a database or a network. */

import { verifyProofFile } from '../../adapters/proof-file.ts';
import { counted } from '../../core/count-words.ts';
import { readableTime } from '../../core/readable-time.ts';
import type { VerifyDocument } from '../../core/reconcile/document.ts';
import type { Args } from '../runner/flags.ts';
import { EXIT, usage, VerbStop } from '../runner/stop.ts';
import type { Printed } from '../runner/verb.ts';

export async function verify(file: string, { root }: Args): Promise<Printed> {
  if (root !== undefined && !/^sha256:[0-9a-f]{64}$/.test(root)) {
    throw usage(
      `--root is '${root}'; it must be sha256: and 64 hex digits`,
      'cutover reconcile --verify FILE --root sha256:…',
    );
  }
  const verified = await verifyProofFile(file, root ?? null).catch((error: NodeJS.ErrnoException) => {
    throw new VerbStop(EXIT.failed, {
      code: 'proof-unreadable',
      message: `${file}: it cannot be read (${error.code ?? 'unknown'})`,
      next: ['name a readable proof file'],
    });
  });
  if (!verified.ok) {
    const reason = `line ${verified.line}: ${verified.message}`;
    const document: VerifyDocument = {
      verb: 'reconcile',
      ok: false,
      exitCode: EXIT.refused,
      file,
      reason,
      head: null,
      classes: {},
    };
    return { document, text: `RED: ${file}: ${reason}\n`, exitCode: EXIT.refused };
  }
  const { head, classes } = verified;
  const counts = Object.fromEntries(classes);
  const document: VerifyDocument = {
    verb: 'reconcile',
    ok: true,
    exitCode: EXIT.done,
    file,
    reason: null,
    head,
    classes: counts,
  };
  const shown = [...classes].map(([name, n]) => `${n} ${name}`).join(', ');
  const asked =
    root === undefined ? ['compare this root with the one in the evidence'] : ['it is the root that was expected'];
  const text = [
    `${file}: ${counted(head.messages, 'message')} of ${counted(head.connections.length, 'connection')}, ${readableTime(head.since)} to ${readableTime(head.until)}`,
    shown,
    `root ${head.root}`,
    ...asked,
    'GREEN: no line was changed, added or removed',
  ].join('\n');
  return { document, text: `${text}\n`, exitCode: EXIT.done };
}
