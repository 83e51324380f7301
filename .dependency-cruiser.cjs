/** Who may import whom: ARCHITECTURE.md's picture, as rules. Each comment says what to do instead. */
const rooms = ['platform', 'raft', 'store', 'api', 'client', 'apiserver', 'controllers', 'scheduler', 'kubelet', 'proxy', 'cloud', 'cli', 'dashboard', 'harness']

/** A room may reach itself, npm packages, and the rooms named; everything else is an error. */
function only(room, allowed, comment, options = {}) {
  const forbidden = rooms.filter((other) => other !== room && !allowed.includes(other))
  return {
    name: `${room}-reaches-only-down`,
    severity: 'error',
    comment,
    from: { path: `^${room}/`, pathNot: options.exceptFrom },
    to: { path: `^(${forbidden.join('|')})/`, pathNot: options.exceptTo },
  }
}

/** Tests, and what only tests import. */
const test = '\\.(test|fixture|conformance)\\.ts$|/testing/'
const simulated = '^platform/sim/'

module.exports = {
  forbidden: [
    { name: 'no-cycle', severity: 'error', comment: 'Two files that need each other are one, or a third is missing.', from: {}, to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } } },
    { name: 'no-orphan-import', severity: 'error', comment: 'The file does not exist.', from: {}, to: { couldNotResolve: true } },
    only('platform', [], 'platform/ is the ground: move what it needs down into it.'),
    only('raft', ['platform'], 'Raft knows neither the store nor Kubernetes: state what it needs in raft/state-machine.ts.'),
    only('store', ['platform', 'raft'], 'The store knows nothing of Kubernetes.'),
    only('api', [], 'api/ is pure: no I/O, no powers. Hand in what it needs as an argument.', { exceptFrom: test }),
    only('client', ['platform', 'api'], 'Clients meet the API server at the API.', { exceptFrom: test }),
    only('apiserver', ['platform', 'api', 'store'], 'The apiserver stands between clients and the store.', { exceptFrom: test }),
    { name: 'apiserver-store-client-only', severity: 'error', comment: 'The apiserver knows the store by store/client/store-client.ts alone.', from: { path: '^apiserver/', pathNot: test }, to: { path: '^(store|raft)/', pathNot: '^store/client/' } },
    ...['controllers', 'scheduler', 'kubelet', 'proxy', 'cloud'].map((room) =>
      only(room, ['platform', 'api', 'client'], 'Components meet at the API, never at each other: use client/.', { exceptFrom: test }),
    ),
    { name: 'cli-front-doors', severity: 'error', comment: "Start a component through its front door (index.ts).", from: { path: '^cli/', pathNot: test }, to: { path: '^(raft|store|apiserver|controllers|scheduler|kubelet|proxy|cloud)/', pathNot: '^(store/index\\.ts|store/client/index\\.ts|raft/index\\.ts|(apiserver|controllers|scheduler|kubelet|proxy|cloud)/index\\.ts|kubelet/images/index\\.ts)$' } },
    { name: 'cli-alone-imports-harness', severity: 'error', comment: 'Only cli/ may import the harness, and only harness/index.ts.', from: { pathNot: '^(cli|harness|tools)/' }, to: { path: '^harness/' } },
    { name: 'powers-only-in-platform', severity: 'error', comment: 'Sockets, files, processes and Node itself are powers: take them from platform/.', from: { pathNot: `^(platform|tools|bin|store/backend/level|kubelet/runtime/oci|harness/(e2e|bench|jepsen))/|${test}` }, to: { dependencyTypes: ['core'] } },
    { name: 'libraries-behind-powers', severity: 'error', comment: 'ws and level are reached through platform/ and store/backend/level.', from: { pathNot: `^(platform|store/backend/level)/|${test}` }, to: { path: 'node_modules/(ws|level|classic-level)/' } },
    { name: 'no-simulation-in-production', severity: 'error', comment: 'Production code must not know that it is simulated.', from: { pathNot: `^(platform/sim|harness|tools)/|${test}` }, to: { path: simulated } },
    { name: 'no-node-bodies-above-platform', severity: 'error', comment: 'Only entries (cli/) build real powers; the rooms get them handed in.', from: { pathNot: `^(platform|cli|tools|harness|bin)/|${test}` }, to: { path: '^platform/node/' } },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|\\.build|\\.tap)/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'] },
  },
}
