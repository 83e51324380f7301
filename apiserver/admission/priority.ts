/**
 * Priority: a pod's priority comes from its class, or from the default class, or is 0. Only the system's
 * namespaces may use the system's classes unless a quota says so (not checked here).
 * Source: k8s.io/kubernetes plugin/pkg/admission/priority.
 */
import { anyKind } from '../../api/meta/kind-definition.ts'
import { trusted } from '../../api/meta/json.ts'
import { forbidden } from '../../api/meta/status.ts'
import { priorityClasses } from '../../api/scheduling/priority-class.ts'
import type { KubeObject } from '../../api/kind.ts'
import type { Pod, PriorityClass } from '../../api/types.ts'
import { findObject, listObjectsOf, type Lookup } from './lookup.ts'
import { type AdmissionPlugin, type Attributes, isCore } from './plugin.ts'

interface Chosen {
  readonly name: string
  readonly value: number
  readonly preemptionPolicy: string
}

const none: Chosen = { name: '', value: 0, preemptionPolicy: 'PreemptLowerPriority' }

export function priority(lookup: Lookup): AdmissionPlugin {
  return {
    name: 'Priority',
    async mutate(attributes, object) {
      const isPod = isCore(attributes, 'pods') && attributes.subresource === ''
      return isPod && attributes.operation === 'CREATE'
        ? await withPriority(lookup, attributes, object)
        : object
    },
    async validate(attributes) {
      const isClass =
        attributes.kind.group === 'scheduling.k8s.io' && attributes.kind.resource === 'priorityclasses'
      if (isClass && attributes.object && attributes.operation !== 'DELETE')
        await refuseSecondDefault(lookup, attributes, trusted<PriorityClass>(attributes.object))
    },
  }
}

async function withPriority(lookup: Lookup, attributes: Attributes, object: KubeObject): Promise<KubeObject> {
  const pod = trusted<Pod>(object)
  const name = pod.spec?.priorityClassName ?? ''
  const chosen = name === '' ? await defaultClass(lookup) : await namedClass(lookup, attributes, name)
  const given = pod.spec?.priority
  if (given !== undefined && given !== chosen.value)
    throw forbidden(
      attributes.kind,
      attributes.name,
      `the integer value of priority (${given}) must not be provided in pod spec; priority admission controller computed ${chosen.value} from the given PriorityClass name`,
    )
  return trusted<KubeObject>({
    ...pod,
    spec: {
      ...pod.spec,
      ...(chosen.name === '' ? {} : { priorityClassName: chosen.name }),
      priority: chosen.value,
      preemptionPolicy: pod.spec?.preemptionPolicy ?? chosen.preemptionPolicy,
    },
  })
}

async function namedClass(lookup: Lookup, attributes: Attributes, name: string): Promise<Chosen> {
  const found = await findObject(lookup, anyKind(priorityClasses), '', name)
  if (!found)
    throw forbidden(attributes.kind, attributes.name, `no PriorityClass with name ${name} was found`)
  return chosenOf(trusted<PriorityClass>(found))
}

async function defaultClass(lookup: Lookup): Promise<Chosen> {
  const all = (await listObjectsOf(lookup, anyKind(priorityClasses), undefined)).map((object) =>
    trusted<PriorityClass>(object),
  )
  const defaults = all.filter((candidate) => candidate.globalDefault === true)
  const lowest = defaults.reduce<PriorityClass | undefined>(
    (least, candidate) => (least === undefined || candidate.value < least.value ? candidate : least),
    undefined,
  )
  return lowest ? chosenOf(lowest) : none
}

function chosenOf(found: PriorityClass): Chosen {
  return {
    name: found.metadata?.name ?? '',
    value: found.value,
    preemptionPolicy: found.preemptionPolicy ?? 'PreemptLowerPriority',
  }
}

async function refuseSecondDefault(
  lookup: Lookup,
  attributes: Attributes,
  object: PriorityClass,
): Promise<void> {
  if (object.globalDefault !== true) return
  const present = await defaultClass(lookup)
  if (present.name === '' || present.name === attributes.name) return
  throw forbidden(
    attributes.kind,
    attributes.name,
    `PriorityClass ${present.name} is already marked as default. Only one default can exist`,
  )
}
