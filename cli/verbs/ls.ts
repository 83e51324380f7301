/** `skedia ls`: the clusters of this machine. */
import { Option } from 'commander'
import { createNodePowers } from '../../platform/node/powers.ts'
import type { Powers } from '../../platform/powers.ts'
import { exitCodes } from '../cli-error.ts'
import { clusterPaths } from '../cluster/cluster-file.ts'
import { endpointOf } from '../cluster/configuration.ts'
import { allClusters, type FoundCluster } from '../cluster/location.ts'
import { renderTable } from '../output/table.ts'
import { readControlFile } from '../supervisor/control-file.ts'
import type { Verb } from '../verb.ts'

/** The verb. */
export const ls: Verb = {
  define: (command, choose) => {
    command
      .addOption(new Option('-o, --output <form>', 'text or json').choices(['text', 'json']).default('text'))
      .action(() =>
        choose(async (shell) => {
          const powers = createNodePowers({ component: 'cli', logLevel: 'silent' })
          const rows = allClusters(shell, powers.files).map((found) => describe(powers, found))
          if (command.opts<{ output: string }>().output === 'json') {
            shell.stdout.write(`${JSON.stringify({ v: 1, clusters: rows }, undefined, 2)}\n`)
          } else if (rows.length === 0) {
            shell.stdout.write('no clusters; skedia up makes one\n')
          } else {
            const heading = ['name', 'state', 'endpoint', 'members', 'nodes', 'pods', 'directory']
            const cells = rows.map((row) => [
              row.name,
              row.state,
              row.endpoint,
              `${row.members}`,
              `${row.nodes}`,
              row.runtime,
              row.dir,
            ])
            shell.stdout.write(renderTable([heading, ...cells]))
          }
          return exitCodes.ok
        }),
      )
  },
}

function describe(powers: Powers, { cluster, dir }: FoundCluster) {
  return {
    name: cluster.name,
    state: readControlFile(powers, clusterPaths(dir).control) === undefined ? 'stopped' : 'running',
    endpoint: endpointOf(cluster),
    members: cluster.shape.members,
    nodes: cluster.shape.nodes + cluster.shape.fakeNodes,
    runtime: cluster.runtime.kind,
    dir,
  }
}
