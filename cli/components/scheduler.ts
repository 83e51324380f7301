/** `skedia scheduler`: one scheduler, with kube-scheduler's flags. */
import { startScheduler } from '../../scheduler/index.ts'
import type { Verb } from '../verb.ts'
import { addApiAccessFlags, type ApiAccessFlags, apiClientFrom } from './api-access.ts'
import { addComponentFlags, type ComponentFlags } from './component-flags.ts'
import {
  addLeaderElectionFlags,
  type LeaderElectionFlags,
  leaderElectionTimingsOf,
} from './leader-election-flags.ts'
import { runComponent } from './run-component.ts'

interface SchedulerFlags extends ComponentFlags, ApiAccessFlags, LeaderElectionFlags {
  readonly schedulerName: string
}

/** The verb. */
export const scheduler: Verb = {
  define: (command, choose) => {
    addApiAccessFlags(command).option(
      '--scheduler-name <name>',
      'pods that name another are left alone',
      'default-scheduler',
    )
    addLeaderElectionFlags(command, 'scheduler')
    addComponentFlags(command).action(() =>
      choose((shell) => {
        const flags = command.opts<SchedulerFlags>()
        return runComponent({
          shell,
          name: flags.identity,
          flags,
          start: async (powers) => {
            const client = await apiClientFrom(powers, flags, 'skedia-scheduler')
            const running = await startScheduler(powers, {
              identity: flags.identity,
              client,
              schedulerName: flags.schedulerName,
              leaderElection: leaderElectionTimingsOf(flags),
            })
            return {
              isLeading: () => running.isLeading(),
              close: async () => {
                await running.close()
                client.close()
              },
            }
          },
        })
      }),
    )
  },
}
