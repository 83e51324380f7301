/** `skedia image load` and `skedia image ls`: the images that a cluster's nodes share. */
import { loadImages, openImageStore } from '../../kubelet/images/index.ts'
import { messageOf } from '../../platform/assert.ts'
import { CliError, exitCodes } from '../cli-error.ts'
import { clusterPaths } from '../cluster/cluster-file.ts'
import { ociArchitecture } from '../cluster/image-directory.ts'
import { renderTable } from '../output/table.ts'
import type { Shell } from '../shell.ts'
import type { Verb } from '../verb.ts'
import { addClusterFlags, type ClusterFlags, openCluster } from './cluster-flags.ts'

interface ImageFlags extends ClusterFlags {
  readonly tag?: string
  readonly json?: boolean
}

/** The verb. */
export const image: Verb = {
  define: (command, choose) => {
    const load = command
      .command('load')
      .description('load an OCI layout (directory or tar) or a `docker save` archive')
    addClusterFlags(load)
      .argument('<path>', 'the archive or directory')
      .option('--tag <name>', 'the name of an image that brings none')
      .option('--json', 'the images as JSON')
      .action((path: string) => choose((shell) => runLoad(shell, load.opts<ImageFlags>(), path)))
    const list = command.command('ls').description('the images of a cluster')
    addClusterFlags(list)
      .option('--json', 'the images as JSON')
      .action(() => choose((shell) => runList(shell, list.opts<ImageFlags>())))
  },
}

async function runLoad(shell: Shell, flags: ImageFlags, path: string): Promise<number> {
  const { powers, found } = openCluster(shell, flags)
  const absolute = path.startsWith('/') ? path : `${shell.cwd}/${path}`
  const config = { directory: clusterPaths(found.dir).images, architecture: ociArchitecture(shell) }
  try {
    const images = await loadImages(powers, config, {
      path: absolute,
      ...(flags.tag ? { name: flags.tag } : {}),
    })
    const names = images.flatMap((one) => one.names)
    shell.stdout.write(
      flags.json
        ? `${JSON.stringify({ v: 1, images: names })}\n`
        : names.map((name) => ` ✓ ${name}\n`).join(''),
    )
    return exitCodes.ok
  } catch (error) {
    throw new CliError({
      code: 'E_IMAGE',
      message: `cannot load images from ${absolute}`,
      found: messageOf(error).replace(`cannot load ${absolute}: `, ''),
      fixes: [
        {
          command: 'docker save -o image.tar NAME && skedia image load image.tar',
          why: 'an archive that can be loaded',
        },
      ],
      cause: error,
    })
  }
}

async function runList(shell: Shell, flags: ImageFlags): Promise<number> {
  const { powers, found } = openCluster(shell, flags)
  const store = openImageStore(powers, {
    directory: clusterPaths(found.dir).images,
    architecture: ociArchitecture(shell),
  })
  const images = await store.list()
  if (flags.json) {
    const rows = images.map(({ id, names, sizeBytes }) => ({ id, names, sizeBytes }))
    shell.stdout.write(`${JSON.stringify({ v: 1, images: rows })}\n`)
    return exitCodes.ok
  }
  const rows = images.flatMap((one) =>
    one.names.map((name) => [
      name,
      one.id.replace('sha256:', '').slice(0, 12),
      `${(one.sizeBytes / 1e6).toFixed(1)} MB`,
    ]),
  )
  shell.stdout.write(renderTable([['image', 'id', 'size'], ...rows]))
  return exitCodes.ok
}
