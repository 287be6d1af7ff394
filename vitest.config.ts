import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['{core,gateway,proof,adapters,infra,scripts,rehearsal,test}/**/*.test.ts'],
    // Real processes, sockets and engines on a shared machine: limits catch a hang, not a slow day.
    testTimeout: 180_000,
    hookTimeout: 600_000,
    maxWorkers: 2,
    pool: 'forks',
  },
});
