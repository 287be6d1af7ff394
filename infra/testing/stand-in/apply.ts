/**
 * For tests: where the environment names a real API server, objects of Kubernetes go there, by server-side apply with strict
 * validation; a preview is a dry run. Null: there is none, and the stand-in keeps objects in files only.
 */
import { readFileSync } from 'node:fs';
import { type Api, ApiClient } from '../cluster/api.ts';

export type ClusterTarget = {
  apply(inputs: Api): Promise<Api>;
  /** Why it would be refused; null: it would not, or cannot be known yet. */
  refusal(inputs: Api): Promise<string | null>;
  remove(inputs: Api): Promise<void>;
};

/** In a preview: what is known only after something else was made. */
const UNKNOWN = '04da6b54-80e4-46f7-96ec-b56ff0331ba9';

export function clusterTarget(env: NodeJS.ProcessEnv): ClusterTarget | null {
  const {
    CUTOVER_STAND_IN_CLUSTER: port,
    CUTOVER_STAND_IN_CLUSTER_CA: ca,
    CUTOVER_STAND_IN_CLUSTER_TOKEN: token,
  } = env;
  if (port === undefined || ca === undefined || token === undefined) return null;
  const client = new ApiClient({ port: Number(port), ca: readFileSync(ca, 'utf8'), token });
  return {
    apply: (inputs) => client.apply(objectOf(inputs), { force: true }),
    refusal: async (inputs) => {
      if (JSON.stringify(inputs).includes(UNKNOWN)) return null;
      const object = objectOf(inputs);
      const { namespace } = Object(object.metadata);
      const home = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } };
      // What is in a namespace that is not there yet cannot be asked about.
      if (namespace !== undefined && (await client.read(home)) === null) return null;
      return client.apply(object, { dryRun: true, force: true }).then(
        () => null,
        (error: unknown) => (error instanceof Error ? error.message : String(error)),
      );
    },
    remove: (inputs) => client.delete(objectOf(inputs)),
  };
}

/** Without what the SDK adds for its own provider. */
function objectOf(inputs: Api): Api {
  return Object.fromEntries(Object.entries(inputs).filter(([name]) => !name.startsWith('__')));
}
