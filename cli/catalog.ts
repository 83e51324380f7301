/** Every verb of the `skedia` command. Each is loaded only when it is called: `skedia store` never loads an apiserver. */
import type { VerbEntry } from './verb.ts'

/** In the order of `skedia --help`. */
export const catalog: readonly VerbEntry[] = [
  {
    name: 'up',
    group: 'Cluster',
    summary: 'start a cluster, or the same one again',
    load: async () => (await import('./verbs/up.ts')).up,
  },
  {
    name: 'down',
    group: 'Cluster',
    summary: 'stop a cluster; --purge removes all that it left',
    load: async () => (await import('./verbs/down.ts')).down,
  },
  {
    name: 'image',
    group: 'Cluster',
    summary: 'load and list container images',
    load: async () => (await import('./verbs/image.ts')).image,
  },
  {
    name: 'status',
    group: 'Look',
    summary: 'who leads, who lags, what may still be lost',
    load: async () => (await import('./verbs/status.ts')).status,
  },
  {
    name: 'logs',
    group: 'Look',
    summary: 'the logs of all processes, or of one',
    load: async () => (await import('./verbs/logs.ts')).logs,
  },
  {
    name: 'kubeconfig',
    group: 'Look',
    summary: 'print the path of the kubeconfig',
    load: async () => (await import('./verbs/kubeconfig.ts')).kubeconfig,
  },
  {
    name: 'ls',
    group: 'Look',
    summary: 'list the clusters of this machine',
    load: async () => (await import('./verbs/ls.ts')).ls,
  },
  {
    name: 'kill',
    group: 'Break and mend',
    summary: 'kill -9 the leader or a process; it stays down',
    load: async () => (await import('./verbs/kill.ts')).kill,
  },
  {
    name: 'start',
    group: 'Break and mend',
    summary: 'start what was killed',
    load: async () => (await import('./verbs/start.ts')).start,
  },
  {
    name: 'pause',
    group: 'Break and mend',
    summary: 'stop a process in its tracks (SIGSTOP)',
    load: async () => (await import('./verbs/pause.ts')).pause,
  },
  {
    name: 'resume',
    group: 'Break and mend',
    summary: 'let a paused process go on',
    load: async () => (await import('./verbs/resume.ts')).resume,
  },
  {
    name: 'cut',
    group: 'Break and mend',
    summary: 'cut the links of a store member; bytes vanish silently',
    load: async () => (await import('./verbs/cut.ts')).cut,
  },
  {
    name: 'heal',
    group: 'Break and mend',
    summary: 'mend what cut has cut',
    load: async () => (await import('./verbs/heal.ts')).heal,
  },
  {
    name: 'store',
    group: 'Single components',
    summary: "one store member, with etcd's flags",
    load: async () => (await import('./components/store.ts')).store,
  },
  {
    name: 'apiserver',
    group: 'Single components',
    summary: "one API server, with kube-apiserver's flags",
    load: async () => (await import('./components/apiserver.ts')).apiserver,
  },
  {
    name: 'controller-manager',
    group: 'Single components',
    summary: "one controller manager, with kube-controller-manager's flags",
    load: async () => (await import('./components/controller-manager.ts')).controllerManager,
  },
  {
    name: 'scheduler',
    group: 'Single components',
    summary: "one scheduler, with kube-scheduler's flags",
    load: async () => (await import('./components/scheduler.ts')).scheduler,
  },
  {
    name: 'kubelet',
    group: 'Single components',
    summary: "one node agent, with the kubelet's flags",
    load: async () => (await import('./components/kubelet.ts')).kubelet,
  },
  {
    name: 'proxy',
    group: 'Single components',
    summary: "one Service proxy, with kube-proxy's flags",
    load: async () => (await import('./components/proxy.ts')).proxy,
  },
  {
    name: 'front',
    group: 'Single components',
    summary: 'one stable TCP address before several apiservers',
    load: async () => (await import('./components/front.ts')).front,
  },
]
