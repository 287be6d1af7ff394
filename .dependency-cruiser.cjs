/** The import rules of docs/architecture.md. `scripts`, `rehearsal` and `test` start the others as processes. */
const others = (allowed) =>
  `^(${['core', 'gateway', 'proof', 'adapters', 'infra', 'scripts', 'rehearsal', 'dashboard'].filter((folder) => !allowed.includes(folder)).join('|')})/`;

const rule = (folder, allowed) => ({
  name: `${folder}-imports`,
  severity: 'error',
  comment: `${folder} may import ${allowed.join(', ')} only`,
  from: { path: `^${folder}/` },
  to: { path: others(allowed) },
});

module.exports = {
  forbidden: [
    rule('core', ['core']),
    rule('adapters', ['core', 'adapters']),
    rule('gateway', ['core', 'adapters', 'gateway']),
    rule('proof', ['core', 'adapters', 'proof']),
    rule('infra', ['core', 'adapters', 'infra']),
    rule('scripts', ['core', 'adapters', 'scripts']),
    rule('rehearsal', ['core', 'adapters', 'rehearsal']),
    rule('dashboard', ['core', 'adapters', 'dashboard']),
    rule('test', ['core', 'adapters']),
    {
      name: 'core-does-no-io',
      severity: 'error',
      comment: 'core has no clock and no I/O: of Node it may use hashing only',
      from: { path: '^core/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'engine-does-no-io',
      severity: 'error',
      comment: 'the engine has no clock and no I/O: of Node it may use hashing only',
      from: { path: '^gateway/engine/', pathNot: '\\.test\\.ts$' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?crypto$' },
    },
    {
      name: 'routes-load-no-cloud',
      severity: 'error',
      comment: 'the routes layer runs at night: it must not need, or wait for, the SDKs of AWS and Kubernetes',
      from: { path: '^infra/(routes|provider/provider)\\.ts$' },
      to: { path: '@pulumi/(aws|kubernetes)', reachable: true },
    },
    {
      name: 'no-cycles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.json'] },
  },
};
