/** The front door of the scheduler. */
export { type Scheduler, type SchedulerConfig, type SchedulerPowers, startScheduler } from './scheduler.ts'
