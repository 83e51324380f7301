/** The front door of the controllers. */
export { controllers as controllerCatalog } from './catalog.ts'
export type { ControllerManagerConfig, ControllerPowers } from './framework/controller.ts'
export {
  type ControllerManager,
  type ControllerManagerStatus,
  leaseName as controllerManagerLeaseName,
  startControllerManager,
} from './manager.ts'
