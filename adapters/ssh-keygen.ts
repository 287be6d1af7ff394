/** `ssh-keygen -Y sign`, the one outside program that makes signatures: with a key in a file, or held by an agent. */
import { spawn } from 'node:child_process';

export type SignWith = {
  /** A private key; or a public one whose private half an agent (SSH_AUTH_SOCK) or a security key holds. */
  readonly keyFile: string;
  readonly namespace: string;
  readonly env: NodeJS.ProcessEnv;
};

export type Signed =
  | { readonly ok: true; readonly signature: string }
  | { readonly ok: false; readonly message: string; readonly remedy: string };

/** For a person who types a passphrase or touches a key. */
const PATIENCE_MS = 120_000;
const OUTPUT_LIMIT_CHARACTERS = 64 * 1024;

/** The text goes in on stdin and is nowhere written; ssh-keygen asks for a passphrase on the terminal by itself. */
export function signWithSshKeygen(text: string, { keyFile, namespace, env }: SignWith): Promise<Signed> {
  const child = spawn('ssh-keygen', ['-Y', 'sign', '-f', keyFile, '-n', namespace], {
    env,
    stdio: ['pipe', 'pipe', 'pipe'],
    timeout: PATIENCE_MS,
  });
  const output = { stdout: '', stderr: '' };
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].on('data', (chunk: Buffer) => {
      output[stream] = (output[stream] + chunk.toString('latin1')).slice(0, OUTPUT_LIMIT_CHARACTERS);
    });
  }
  child.stdin.on('error', () => undefined);
  child.stdin.end(text, 'utf8');
  return new Promise((resolve) => {
    child.once('error', (error) => {
      const isAbsent = 'code' in error && error.code === 'ENOENT';
      const message = isAbsent ? 'ssh-keygen is not installed' : `ssh-keygen could not be started: ${error.message}`;
      resolve({ ok: false, message, remedy: 'install OpenSSH 8.1 or newer (openssh-client)' });
    });
    child.once('close', (code) => {
      if (code === 0 && output.stdout.includes('SSH SIGNATURE')) resolve({ ok: true, signature: output.stdout });
      else resolve(refusalOf(output.stderr, code, keyFile));
    });
  });
}

function refusalOf(stderr: string, code: number | null, keyFile: string): Signed {
  const said = stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('Signing data'))
    .join('; ');
  const message = said === '' ? `ssh-keygen ended with ${code ?? 'a signal'}` : `ssh-keygen: ${said}`;
  return { ok: false, message, remedy: `check that ${keyFile} is your key, and that an agent holds it: ssh-add -l` };
}
