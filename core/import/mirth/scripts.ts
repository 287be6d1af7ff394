/**
 * What the scripts of a channel can do besides passing a message on, by the calls that they name. A script is never run
 * or shown; what is not recognised is not called harmless, it is only not listed here.
 */

export type ScriptFinding = 'database' | 'mail' | 'routing' | 'files' | 'network' | 'state' | 'skips destinations';

const SIGNS: readonly (readonly [ScriptFinding, RegExp])[] = [
  ['database', /DatabaseConnection|executeUpdate|executeCachedQuery|\bjava\.sql\b/],
  ['mail', /SMTPConnection|\bjavax?\.mail\b/],
  ['routing', /\brouter\.route|VMRouter|routeMessage/],
  ['files', /FileUtil\.|\bjava\.io\.|FileUtils\.|\bnew\s+File\(/],
  ['network', /\bjava\.net\.|HTTPUtil|HttpClient|HttpURLConnection|\bnew\s+Socket\(/],
  ['state', /\bglobal(?:Channel)?Map\.(?:put|remove)|\$gc?\(\s*[^,()]+,/],
  ['skips destinations', /destinationSet\.remove/],
];

export function scriptFindings(script: string): ScriptFinding[] {
  return SIGNS.filter(([, sign]) => sign.test(script)).map(([finding]) => finding);
}
