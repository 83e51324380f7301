/**
 * The words of consensus, as types. Source: Ongaro and Ousterhout, "In Search of an Understandable
 * Consensus Algorithm" (the Raft paper), and Ongaro's dissertation for membership and reads.
 */
declare const term: unique symbol
declare const logIndex: unique symbol
declare const memberId: unique symbol

/** Raft's logical clock. 0 before the first election. */
export type Term = number & { readonly [term]: true }
/** Position in the replicated log. The first entry has index 1; 0 means "none". */
export type LogIndex = number & { readonly [logIndex]: true }
/** 16 lower-case hex digits: 64 random bits, drawn once per data directory, never used again. */
export type MemberId = string & { readonly [memberId]: true }

export const toTerm = (value: number): Term => value as Term // unsafe: the one place where a number becomes a term
export const toLogIndex = (value: number): LogIndex => value as LogIndex // unsafe: likewise for an index
export const toMemberId = (value: string): MemberId => value as MemberId // unsafe: likewise for a member id

/**
 * `normal` carries a command of the state machine; `empty` is a new leader's first entry; `conf-change`
 * carries an encoded membership change, which Raft itself decodes.
 */
export type EntryKind = 'normal' | 'empty' | 'conf-change'

export interface Entry {
  readonly index: LogIndex
  readonly term: Term
  readonly kind: EntryKind
  readonly data: Uint8Array
}

/** A membership as applied. While joint, `votersOutgoing` is not empty and both majorities must agree. */
export interface ConfState {
  readonly voters: readonly MemberId[]
  readonly votersOutgoing: readonly MemberId[]
  readonly learners: readonly MemberId[]
  /** Demoted voters that become learners when the joint configuration is left. */
  readonly learnersNext: readonly MemberId[]
  readonly autoLeave: boolean
}

/**
 * What a member must remember across a crash before it speaks (Raft paper, Figure 2). `commitIndex` is only
 * a hint that spares waiting after a restart: it may lag, and is never believed past the log's end.
 */
export interface HardState {
  readonly term: Term
  readonly vote: MemberId | undefined
  readonly commitIndex: LogIndex
}

/** The position of an entry, or (0, 0) before the first. */
export interface LogPosition {
  readonly index: LogIndex
  readonly term: Term
}
