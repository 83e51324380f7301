/** PriorityLevelConfiguration (flowcontrol.apiserver.k8s.io/v1): a share of the server's concurrency. */
import type { Column } from '../kind.ts'
import { ageColumn, column, nameColumn, none } from '../meta/columns.ts'
import type { FieldError } from '../meta/field-error.ts'
import { notSupported, required } from '../meta/field-error.ts'
import { withDefaults, withFields } from '../meta/json.ts'
import { defineKind } from '../meta/kind-definition.ts'
import type {
  LimitedPriorityLevelConfiguration,
  PriorityLevelConfiguration,
  PriorityLevelConfigurationSpec,
} from '../types.ts'

const types = ['Exempt', 'Limited']

function setLimitedDefaults(limited: LimitedPriorityLevelConfiguration): LimitedPriorityLevelConfiguration {
  const base = withDefaults(limited, { nominalConcurrencyShares: 30, lendablePercent: 0 })
  const response = base.limitResponse
  if (response?.queuing === undefined) return base
  const queuing = withDefaults(response.queuing, { queues: 64, handSize: 8, queueLengthLimit: 50 })
  return withFields(base, { limitResponse: withFields(response, { queuing }) })
}

function setSpecDefaults(spec: PriorityLevelConfigurationSpec): PriorityLevelConfigurationSpec {
  return withFields(spec, {
    exempt: spec.exempt && withDefaults(spec.exempt, { nominalConcurrencyShares: 0, lendablePercent: 0 }),
    limited: spec.limited && setLimitedDefaults(spec.limited),
  })
}

function validate({ spec }: PriorityLevelConfiguration): readonly FieldError[] {
  const type = spec?.type ?? ''
  if (!types.includes(type)) return [notSupported('spec.type', type, types)]
  return type === 'Limited' && spec?.limited === undefined
    ? [required('spec.limited', 'must not be empty')]
    : []
}

const columns: readonly Column<PriorityLevelConfiguration>[] = [
  nameColumn(),
  column('Type', 'Exempt or Limited.', ({ spec }) => spec?.type ?? ''),
  column('NominalConcurrencyShares', 'Its share.', ({ spec }) =>
    String(spec?.limited?.nominalConcurrencyShares ?? spec?.exempt?.nominalConcurrencyShares ?? none),
  ),
  column('Queues', 'Number of queues.', ({ spec }) =>
    String(spec?.limited?.limitResponse?.queuing?.queues ?? none),
  ),
  column('HandSize', 'Queues that one flow is dealt.', ({ spec }) =>
    String(spec?.limited?.limitResponse?.queuing?.handSize ?? none),
  ),
  column('QueueLengthLimit', 'Requests that wait per queue.', ({ spec }) =>
    String(spec?.limited?.limitResponse?.queuing?.queueLengthLimit ?? none),
  ),
  ageColumn(),
]

/** The resource `prioritylevelconfigurations`. */
export const priorityLevelConfigurations = defineKind<PriorityLevelConfiguration>({
  group: 'flowcontrol.apiserver.k8s.io',
  version: 'v1',
  kind: 'PriorityLevelConfiguration',
  resource: 'prioritylevelconfigurations',
  namespaced: false,
  definition: 'io.k8s.api.flowcontrol.v1.PriorityLevelConfiguration',
  hasStatus: true,
  hasGeneration: true,
  setDefaults: (level) =>
    level.spec === undefined ? level : withFields(level, { spec: setSpecDefaults(level.spec) }),
  validate,
  columns,
})
