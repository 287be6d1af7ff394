// Takes secrets out of text that people or files will get to see: values of the environment that are secret by their name,
// and the user part of URLs.

const SECRET_NAME = /TOKEN|SECRET|PASSWORD|PASSPHRASE|PRIVATE|CREDENTIAL|(^|_)KEY(_ID)?$/i;
/** Points to a secret and is none itself; hiding a path would make an error unreadable. */
const POINTER_NAME = /_(FILE|PATH|CA|URL|DIR)$/i;
/** Anything shorter occurs in ordinary text, and redacting it would tear that apart. */
const SHORTEST_SECRET_CHARACTERS = 4;
const URL_USER = /([a-z][a-z0-9+.-]*:\/\/)[^\s/@]+@/gi;
const REDACTED = '[redacted]';

export type Redact = (text: string) => string;

export function redactorFor(env: Readonly<Record<string, string | undefined>>): Redact {
  const secrets = Object.entries(env)
    .filter(([name]) => SECRET_NAME.test(name) && !POINTER_NAME.test(name))
    .map(([, value]) => value ?? '')
    .filter((value) => value.length >= SHORTEST_SECRET_CHARACTERS)
    .sort((a, b) => b.length - a.length);
  return (text) => {
    let clean = text;
    for (const secret of secrets) clean = clean.replaceAll(secret, REDACTED);
    return clean.replace(URL_USER, `$1${REDACTED}@`);
  };
}
