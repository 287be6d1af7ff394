// What the Pulumi CLI writes as JSON, parsed at the edge: state, history, previews and the engine's event log.
import { z } from 'zod';

export type StateResource = {
  readonly urn: string;
  readonly type: string;
  /** Absent for components and the stack itself. */
  readonly id?: string;
  readonly parent?: string;
  readonly provider?: string;
  readonly protect: boolean;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly outputs: Readonly<Record<string, unknown>>;
};

export type StackState = {
  readonly resources: readonly StateResource[];
  /** URNs whose operation was under way when the last update ended. */
  readonly pending: readonly string[];
  /** Of the passphrase that it was written with; null: another secrets provider, or none. */
  readonly salt: string | null;
};

export type HistoryEntry = {
  readonly kind: string;
  readonly result: string;
  readonly message: string;
  /** ISO 8601. */
  readonly startTime: string;
  readonly endTime?: string;
  readonly version: number;
  readonly environment: Readonly<Record<string, string>>;
  readonly config: Readonly<Record<string, { readonly value?: string; readonly secret: boolean }>>;
  readonly resourceChanges: Readonly<Record<string, number>>;
};

export type PlannedStep = {
  readonly urn: string;
  readonly type: string;
  /** same, create, update, delete, replace, read, refresh, … */
  readonly op: string;
  /** Property paths that differ. */
  readonly changed: readonly string[];
};

export type UpdateStep = PlannedStep & { readonly outcome: 'done' | 'failed' };

export type Diagnostic = { readonly severity: 'warning' | 'error'; readonly urn?: string; readonly message: string };

export type UpdateReport = {
  readonly steps: readonly UpdateStep[];
  readonly diagnostics: readonly Diagnostic[];
  /** By operation, `same` included. */
  readonly resourceChanges: Readonly<Record<string, number>>;
};

export type PreviewReport = {
  readonly steps: readonly PlannedStep[];
  readonly diagnostics: readonly Diagnostic[];
  readonly resourceChanges: Readonly<Record<string, number>>;
};

const values = z.record(z.string(), z.unknown());

const exportedState = z.object({
  deployment: z
    .object({
      resources: z
        .array(
          z.object({
            urn: z.string(),
            type: z.string(),
            id: z.string().optional(),
            parent: z.string().optional(),
            provider: z.string().optional(),
            protect: z.boolean().default(false),
            inputs: values.default({}),
            outputs: values.default({}),
          }),
        )
        .default([]),
      secrets_providers: z.object({ state: z.object({ salt: z.string().optional() }).optional() }).optional(),
      pending_operations: z.array(z.object({ resource: z.object({ urn: z.string() }) })).default([]),
    })
    .nullish(),
});

const exportedHistory = z.array(
  z.object({
    kind: z.string(),
    result: z.string().default('in-progress'),
    message: z.string().default(''),
    startTime: z.string(),
    endTime: z.string().optional(),
    version: z.number().default(0),
    environment: z.record(z.string(), z.string()).default({}),
    config: z.record(z.string(), z.object({ value: z.string().optional(), secret: z.boolean() })).default({}),
    resourceChanges: z.record(z.string(), z.number()).default({}),
  }),
);

const stepMetadata = z.object({
  op: z.string(),
  urn: z.string(),
  type: z.string(),
  diffs: z.array(z.string()).nullish(),
  detailedDiff: z.record(z.string(), z.unknown()).nullish(),
});

/** sdk/go/common/apitype/events.go of Pulumi; events of other kinds are passed over. */
const engineEvent = z.object({
  resourcePreEvent: z.object({ metadata: stepMetadata }).optional(),
  resOutputsEvent: z.object({ metadata: stepMetadata }).optional(),
  resOpFailedEvent: z.object({ metadata: stepMetadata }).optional(),
  diagnosticEvent: z.object({ severity: z.string(), urn: z.string().optional(), message: z.string() }).optional(),
  summaryEvent: z.object({ resourceChanges: z.record(z.string(), z.number()).nullish() }).optional(),
});
type EngineEvent = z.infer<typeof engineEvent>;

/** @throws when the text is not what `pulumi stack export` writes. */
export function parseState(text: string): StackState {
  const { deployment } = exportedState.parse(JSON.parse(text));
  const resources = (deployment?.resources ?? []).map(withoutAbsent);
  const pending = (deployment?.pending_operations ?? []).map(({ resource }) => resource.urn);
  return { resources, pending, salt: deployment?.secrets_providers?.state?.salt ?? null };
}

/** @throws when the text is not what `pulumi stack history --json` writes. */
export function parseHistory(text: string): readonly HistoryEntry[] {
  return exportedHistory.parse(JSON.parse(text)).map((entry) => ({
    ...withoutAbsent(entry),
    config: Object.fromEntries(Object.entries(entry.config).map(([key, value]) => [key, withoutAbsent(value)])),
  }));
}

/** The event log of an update, as far as it was written: the last line of a killed CLI may be cut. */
export function readUpdateReport(eventLog: string, clean: (text: string) => string): UpdateReport {
  const events = parseEvents(eventLog);
  const steps: UpdateStep[] = [];
  for (const event of events) {
    const done = event.resOutputsEvent?.metadata;
    const failed = event.resOpFailedEvent?.metadata;
    if (done !== undefined && done.op !== 'same') steps.push({ ...stepOf(done), outcome: 'done' });
    if (failed !== undefined) steps.push({ ...stepOf(failed), outcome: 'failed' });
  }
  return { steps, ...remarksOf(events, clean) };
}

export function readPreviewReport(eventLog: string, clean: (text: string) => string): PreviewReport {
  const events = parseEvents(eventLog);
  const planned = events.flatMap((event) => event.resourcePreEvent?.metadata ?? []);
  return { steps: planned.filter(({ op }) => op !== 'same').map(stepOf), ...remarksOf(events, clean) };
}

function parseEvents(eventLog: string): EngineEvent[] {
  return eventLog.split('\n').flatMap((line) => {
    try {
      return [engineEvent.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

function stepOf({ urn, type, op, diffs, detailedDiff }: z.infer<typeof stepMetadata>): PlannedStep {
  const detailed = Object.keys(detailedDiff ?? {});
  return { urn, type, op, changed: detailed.length > 0 ? detailed : (diffs ?? []) };
}

function remarksOf(events: readonly EngineEvent[], clean: (text: string) => string): Omit<PreviewReport, 'steps'> {
  const diagnostics: Diagnostic[] = [];
  let resourceChanges: Readonly<Record<string, number>> = {};
  for (const { diagnosticEvent, summaryEvent } of events) {
    if (summaryEvent !== undefined) resourceChanges = summaryEvent.resourceChanges ?? {};
    if (diagnosticEvent === undefined) continue;
    const { severity, urn, message } = diagnosticEvent;
    if (severity !== 'error' && severity !== 'warning') continue;
    diagnostics.push({ severity, message: clean(withoutColour(message)), ...(urn ? { urn } : {}) });
  }
  return { diagnostics, resourceChanges };
}

/** Pulumi marks colours as `<{%fg 1%}>` in events. */
function withoutColour(text: string): string {
  return text.replace(/<\{%.*?%\}>/g, '').trim();
}

type WithoutAbsent<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out what is undefined, as optional properties are absent or have a value here. */
function withoutAbsent<T extends object>(read: T): WithoutAbsent<T>;
function withoutAbsent(read: object): object {
  return Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined));
}
