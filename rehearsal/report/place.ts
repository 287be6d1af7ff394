/** Where a report stands, so that it can still be opened when the rehearsal's own folder is gone. */
import { writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';
import { makeFolder } from '../../adapters/make-folder.ts';

export type Place = { readonly html: string; readonly json: string };

/** `wanted`: of `--report`. Else a new file in the state folder of the XDG base directory specification. */
export function placeOf(wanted: string | null, at: Date, env: NodeJS.ProcessEnv): Place {
  if (wanted !== null) return { html: wanted, json: `${wanted.replace(/\.html?$/i, '')}.json` };
  const given = env.XDG_STATE_HOME;
  // The specification has relative paths ignored.
  const base = given !== undefined && isAbsolute(given) ? given : join(homedir(), '.local', 'state');
  const stamp = at.toISOString().replace(/[-:]/g, '').replace('T', '-').slice(0, 15);
  const stem = join(base, 'cutover', `rehearsal-report-${stamp}`);
  return { html: `${stem}.html`, json: `${stem}.json` };
}

export function writeBoth(place: Place, html: string, json: string): void {
  makeFolder(dirname(place.html));
  writeFileSync(place.html, html);
  writeFileSync(place.json, json);
}
