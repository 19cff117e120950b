/** Every route of the API, by group: a new file of routes is added here and nowhere else. */

import type { ApiRoute } from '../route.ts';
import { bfdRoutes } from './bfd.ts';
import { eventRoutes } from './events.ts';
import { explainRoutes } from './explain.ts';
import { kernelRoutes } from './kernel.ts';
import { maintenanceRoutes } from './maintenance.ts';
import { monitorRoutes } from './monitor.ts';
import { originatedRoutes } from './originated.ts';
import { peerRoutes } from './peers.ts';
import { routeRoutes } from './routes.ts';
import { runningRoutes } from './running.ts';
import { statusRoutes } from './status.ts';
import { supportRoutes } from './support.ts';

export const ROUTES: readonly ApiRoute[] = [
  ...statusRoutes,
  ...peerRoutes,
  ...routeRoutes,
  ...kernelRoutes,
  ...explainRoutes,
  ...originatedRoutes,
  ...eventRoutes,
  ...runningRoutes,
  ...monitorRoutes,
  ...bfdRoutes,
  ...maintenanceRoutes,
  ...supportRoutes,
];
