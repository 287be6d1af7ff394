/**
 * Puts the policies between this program and the engine: every resource that is declared is judged first, in a preview
 * too, and one that breaks a policy ends the program by name before anything is asked of a cloud.
 */
import pulumi from '@pulumi/pulumi';
import { LATER, violationsOf } from './policies.ts';

/** Once, before the first resource of a layer. */
export function refuseViolations(): void {
  pulumi.runtime.registerStackTransformation(({ type, name, props, opts }) => {
    const declared = { type, name, properties: plain(props), isProtected: opts.protect === true };
    const violations = violationsOf(declared);
    if (violations.length > 0) throw new pulumi.RunError(violations.join('\n'));
    return undefined;
  });
}

function plain(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plainValue(member)]));
}

function plainValue(value: unknown): unknown {
  if (pulumi.Output.isInstance(value) || value instanceof Promise) return LATER;
  if (Array.isArray(value)) return value.map(plainValue);
  if (typeof value === 'object' && value !== null) return plain(value);
  return value;
}
