/**
 * Columns that many kinds share, and the texts that tables use for what is not there.
 *
 * Source: kubernetes pkg/printers/internalversion/printers.go.
 */
import type { Column } from '../kind.ts'
import type { Container, LabelSelector } from '../types.ts'
import type { HasMetadata } from './owner.ts'
import { formatLabelSelector } from './selector.ts'
import { age } from './time.ts'

type Cell<T> = (object: T, nowMs: number) => string | number | boolean | null

/** What tables print for nothing. */
export const none = '<none>'
/** What tables print for what was never set. */
export const unset = '<unset>'
/** What tables print for what cannot be known. */
export const unknownText = '<unknown>'

interface ColumnOptions {
  readonly type?: Column<unknown>['type']
  readonly format?: string
  readonly wide?: boolean
}

/** A column; a string one, always shown, unless the options say otherwise. */
export function column<T>(
  name: string,
  description: string,
  cell: Cell<T>,
  options: ColumnOptions = {},
): Column<T> {
  return {
    name,
    type: options.type ?? 'string',
    format: options.format ?? '',
    description,
    priority: options.wide === true ? 1 : 0,
    cell,
  }
}

/** `Name`, the first column of every table. */
export function nameColumn<T extends HasMetadata>(): Column<T> {
  const description = 'Name must be unique within a namespace.'
  return column('Name', description, (object) => object.metadata?.name ?? '', { format: 'name' })
}

/** `Age`, since creation. */
export function ageColumn<T extends HasMetadata>(): Column<T> {
  const description =
    'CreationTimestamp is a timestamp representing the server time when this object was created.'
  return column('Age', description, (object, nowMs) => age(object.metadata?.creationTimestamp, nowMs))
}

/** `Created At`, for kinds whose table shows nothing else. */
export function createdAtColumn<T extends HasMetadata>(): Column<T> {
  const description =
    'CreationTimestamp is a timestamp representing the server time when this object was created.'
  return column('Created At', description, (object) => object.metadata?.creationTimestamp ?? unknownText, {
    type: 'date',
    format: 'date-time',
  })
}

/** Name and Age, for kinds with nothing more to tell. */
export function nameAndAge<T extends HasMetadata>(): readonly Column<T>[] {
  return [nameColumn<T>(), ageColumn<T>()]
}

/** `Containers`, `Images` and `Selector`, the wide columns of the workloads. */
export function workloadColumns<T>(
  containersOf: (object: T) => readonly Container[] | undefined,
  selectorOf?: (object: T) => LabelSelector | undefined,
): readonly Column<T>[] {
  const columns: Column<T>[] = [
    column(
      'Containers',
      'Names of each container in the template.',
      (object) => (containersOf(object) ?? []).map((container) => container.name).join(','),
      { wide: true },
    ),
    column(
      'Images',
      'Images referenced by each container in the template.',
      (object) => (containersOf(object) ?? []).map((container) => container.image ?? '').join(','),
      { wide: true },
    ),
  ]
  if (selectorOf !== undefined) {
    columns.push(
      column('Selector', 'Label selector for pods.', (object) => formatLabelSelector(selectorOf(object)), {
        wide: true,
      }),
    )
  }
  return columns
}

/** `a=1,b=2`, or `<none>`. */
export function formatLabels(labels: { readonly [key: string]: string } | undefined): string {
  const pairs = Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`)
  return pairs.sort().join(',') || none
}
