/**
 * Problems of volumes and of where containers mount them.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateVolumes, ValidateVolumeMounts).
 */
import type { FieldError } from '../meta/field-error.ts'
import {
  duplicate,
  fieldNotFound,
  forbiddenField,
  invalidValue,
  notSupported,
  required,
} from '../meta/field-error.ts'
import { dns1123LabelProblems } from '../meta/names.ts'
import { tryParseQuantity } from '../meta/quantity.ts'
import type {
  Container,
  EphemeralContainer,
  KeyToPath,
  ProjectedVolumeSource,
  Volume,
  VolumeMount,
} from '../types.ts'

const modeMax = 0o777
const hostPathTypes = [
  '',
  'DirectoryOrCreate',
  'Directory',
  'FileOrCreate',
  'File',
  'Socket',
  'CharDevice',
  'BlockDevice',
]
const propagations = ['None', 'HostToContainer', 'Bidirectional']

function modeProblems(mode: number | undefined, field: string): FieldError[] {
  if (mode === undefined || (mode >= 0 && mode <= modeMax)) return []
  return [invalidValue(field, mode, 'must be a number between 0 and 0777 (octal), both inclusive')]
}

function localPathProblems(path: string, field: string): FieldError[] {
  if (path.startsWith('/')) return [invalidValue(field, path, 'must be a relative path')]
  return path.split('/').includes('..') ? [invalidValue(field, path, "must not contain '..'")] : []
}

function itemProblems(items: readonly KeyToPath[] | undefined, field: string): FieldError[] {
  return (items ?? []).flatMap((item, index) => {
    const at = `${field}[${index}]`
    const problems: FieldError[] = []
    if ((item.key ?? '') === '') problems.push(required(`${at}.key`))
    if ((item.path ?? '') === '') problems.push(required(`${at}.path`))
    else problems.push(...localPathProblems(item.path, `${at}.path`))
    return [...problems, ...modeProblems(item.mode, `${at}.mode`)]
  })
}

function projectedProblems(projected: ProjectedVolumeSource, field: string): FieldError[] {
  const problems = modeProblems(projected.defaultMode, `${field}.defaultMode`)
  ;(projected.sources ?? []).forEach((source, index) => {
    const at = `${field}.sources[${index}]`
    const { secret, configMap, serviceAccountToken: token } = source
    if (Object.keys(source).length > 1)
      problems.push(forbiddenField(at, 'may not specify more than 1 volume type per source'))
    if (secret !== undefined && (secret.name ?? '') === '') problems.push(required(`${at}.secret.name`))
    if (secret !== undefined) problems.push(...itemProblems(secret.items, `${at}.secret.items`))
    if (configMap !== undefined && (configMap.name ?? '') === '')
      problems.push(required(`${at}.configMap.name`))
    if (configMap !== undefined) problems.push(...itemProblems(configMap.items, `${at}.configMap.items`))
    if (token === undefined) return
    if ((token.expirationSeconds ?? 0) < 600) {
      problems.push(
        invalidValue(
          `${at}.serviceAccountToken.expirationSeconds`,
          token.expirationSeconds,
          'may not specify a duration less than 10 minutes',
        ),
      )
    }
    if ((token.path ?? '') === '') problems.push(required(`${at}.serviceAccountToken.path`))
    else problems.push(...localPathProblems(token.path, `${at}.serviceAccountToken.path`))
  })
  return problems
}

function sourceProblems(volume: Volume, at: string): FieldError[] {
  const { configMap, secret, hostPath, emptyDir, projected, persistentVolumeClaim, nfs, downwardAPI } = volume
  const problems: FieldError[] = []
  if (configMap !== undefined) {
    if ((configMap.name ?? '') === '') problems.push(required(`${at}.configMap.name`))
    problems.push(...modeProblems(configMap.defaultMode, `${at}.configMap.defaultMode`))
    problems.push(...itemProblems(configMap.items, `${at}.configMap.items`))
  }
  if (secret !== undefined) {
    if ((secret.secretName ?? '') === '') problems.push(required(`${at}.secret.secretName`))
    problems.push(...modeProblems(secret.defaultMode, `${at}.secret.defaultMode`))
    problems.push(...itemProblems(secret.items, `${at}.secret.items`))
  }
  if (downwardAPI !== undefined)
    problems.push(...modeProblems(downwardAPI.defaultMode, `${at}.downwardAPI.defaultMode`))
  if (hostPath !== undefined) {
    if ((hostPath.path ?? '') === '') problems.push(required(`${at}.hostPath.path`))
    else if (hostPath.path.split('/').includes('..'))
      problems.push(invalidValue(`${at}.hostPath.path`, hostPath.path, "must not contain '..'"))
    if (!hostPathTypes.includes(hostPath.type ?? ''))
      problems.push(notSupported(`${at}.hostPath.type`, hostPath.type, hostPathTypes))
  }
  const limit = tryParseQuantity(emptyDir?.sizeLimit)
  if (limit !== undefined && limit.nano < 0n) {
    problems.push(
      forbiddenField(`${at}.emptyDir.sizeLimit`, 'SizeLimit field must be a valid resource quantity'),
    )
  }
  if (projected !== undefined) problems.push(...projectedProblems(projected, `${at}.projected`))
  if (persistentVolumeClaim !== undefined && (persistentVolumeClaim.claimName ?? '') === '') {
    problems.push(required(`${at}.persistentVolumeClaim.claimName`))
  }
  if (nfs !== undefined && (nfs.server ?? '') === '') problems.push(required(`${at}.nfs.server`))
  if (nfs !== undefined && !(nfs.path ?? '').startsWith('/'))
    problems.push(invalidValue(`${at}.nfs.path`, nfs.path, 'must be an absolute path'))
  return problems
}

/** Problems of a pod's volumes. */
export function validateVolumes(volumes: readonly Volume[] | undefined, field: string): FieldError[] {
  const seen = new Set<string>()
  return (volumes ?? []).flatMap((volume, index) => {
    const at = `${field}[${index}]`
    const problems: FieldError[] = []
    const name = volume.name ?? ''
    if (name === '') problems.push(required(`${at}.name`))
    else problems.push(...dns1123LabelProblems(name).map((text) => invalidValue(`${at}.name`, name, text)))
    if (seen.has(name)) problems.push(duplicate(`${at}.name`, name))
    seen.add(name)
    const sources = Object.keys(volume).filter((key) => key !== 'name')
    if (sources.length === 0) problems.push(required(at, 'must specify a volume type'))
    for (const extra of sources.slice(1)) {
      problems.push(forbiddenField(`${at}.${extra}`, 'may not specify more than 1 volume type'))
    }
    return [...problems, ...sourceProblems(volume, at)]
  })
}

function mountProblems(mount: VolumeMount, volumes: readonly Volume[], at: string): FieldError[] {
  const problems: FieldError[] = []
  if ((mount.name ?? '') === '') problems.push(required(`${at}.name`))
  else if (!volumes.some((volume) => volume.name === mount.name))
    problems.push(fieldNotFound(`${at}.name`, mount.name))
  if ((mount.mountPath ?? '') === '') problems.push(required(`${at}.mountPath`))
  const subPath = mount.subPath ?? ''
  if (subPath !== '') problems.push(...localPathProblems(subPath, `${at}.subPath`))
  if (subPath !== '' && (mount.subPathExpr ?? '') !== '') {
    problems.push(
      invalidValue(`${at}.subPathExpr`, mount.subPathExpr, 'subPathExpr and subPath are mutually exclusive'),
    )
  }
  if (mount.mountPropagation !== undefined && !propagations.includes(mount.mountPropagation)) {
    problems.push(notSupported(`${at}.mountPropagation`, mount.mountPropagation, propagations))
  }
  return problems
}

/** Problems of a container's mounts. */
export function validateVolumeMounts(
  container: Container | EphemeralContainer,
  volumes: readonly Volume[] | undefined,
  field: string,
): FieldError[] {
  const paths = new Set<string>()
  return (container.volumeMounts ?? []).flatMap((mount, index) => {
    const at = `${field}[${index}]`
    const problems = mountProblems(mount, volumes ?? [], at)
    if (paths.has(mount.mountPath))
      problems.push(invalidValue(`${at}.mountPath`, mount.mountPath, 'must be unique'))
    paths.add(mount.mountPath)
    return problems
  })
}
