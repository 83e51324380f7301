import t from 'tap'
import { silentLog } from '../../platform/log.ts'
import { recordOf } from '../testing/pod-fixtures.ts'
import { cleanOnce, removable } from './image-clean-up.ts'
import type { Image } from './image-service.ts'

const imageOf = (id: string, sizeBytes: number, more: Partial<Image> = {}): Image => ({
  id,
  names: [`example.com/${id}:1`],
  digests: [`example.com/${id}@sha256:1`],
  sizeBytes,
  config: {
    entrypoint: [],
    command: [],
    environment: [],
    user: '',
    workingDirectory: '',
    stopSignal: undefined,
  },
  layers: [],
  ...more,
})

const images = [
  imageOf('small', 1),
  imageOf('used', 50),
  imageOf('large', 30),
  imageOf('loaded', 90, { digests: [] }),
]

t.test('pulled images that nothing uses may go, the largest first', async (t) => {
  t.same(
    removable(images, new Set(['used'])).map(({ id }) => id),
    ['large', 'small'],
  )
})

async function cleaned(usedAtFirst: number): Promise<readonly string[]> {
  const removed: string[] = []
  let used = usedAtFirst
  await cleanOnce(silentLog, {
    images: {
      list: async () => images,
      find: async () => undefined,
      pull: () => Promise.reject(new Error('not asked for')),
      remove: async (id: string) => {
        removed.push(id)
        used -= images.find((image) => image.id === id)?.sizeBytes ?? 0
        return true
      },
    },
    runtime: { list: async () => [recordOf('c', { imageId: 'used' })] },
    usage: async () => ({
      memoryAvailableBytes: 0,
      processesAvailable: 0,
      diskCapacityBytes: 100,
      diskAvailableBytes: 100 - used,
    }),
  } as unknown as Parameters<typeof cleanOnce>[1]) // unsafe: nothing else of the runtime is used
  return removed
}

t.test('below 85 % nothing goes, above it as little as brings it under 80 %', async (t) => {
  t.same(await cleaned(84), [])
  t.same(await cleaned(95), ['large'])
  t.same(await cleaned(100), ['large'])
})
