import { configDefaults, defineConfig } from 'vitest/config';

/** Minutes each: they run with `npm test -- --slow`, as CI does. */
const SLOW = '**/*.slow.test.ts';
/** They need a real API server of Kubernetes: `npm test -- --cluster`. */
const CLUSTER = '**/*.cluster.test.ts';

const { CUTOVER_TEST_SLOW, CUTOVER_TEST_CLUSTER } = process.env;

export default defineConfig({
  test: {
    include: ['{core,gateway,proof,adapters,infra,scripts,rehearsal,dashboard,test,bench}/**/*.test.ts'],
    exclude: [
      ...configDefaults.exclude,
      ...(CUTOVER_TEST_SLOW === '1' ? [] : [SLOW]),
      ...(CUTOVER_TEST_CLUSTER === '1' ? [] : [CLUSTER]),
    ],
    // Real processes, sockets and engines on a shared machine: limits catch a hang, not a slow day.
    testTimeout: 180_000,
    hookTimeout: 600_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
