/**
 * Every view by name. The names are what routes say they answer with and what the OpenAPI document calls them. Loaded
 * only when that document is asked for (and by tests): the daemon itself needs no more than the types.
 */

import * as bfd from './bfd.ts';
import * as common from './common.ts';
import * as events from './events.ts';
import * as explain from './explain.ts';
import * as kernel from './kernel.ts';
import * as maintenance from './maintenance.ts';
import * as monitor from './monitor.ts';
import * as originated from './originated.ts';
import * as peers from './peers.ts';
import * as routes from './routes.ts';
import * as running from './running.ts';
import * as status from './status.ts';
import * as support from './support.ts';
import * as surroundings from './surroundings.ts';

export const VIEWS = {
  ...common,
  ...status,
  ...support,
  ...peers,
  ...routes,
  ...kernel,
  ...explain,
  ...originated,
  ...events,
  ...surroundings,
  ...monitor,
  ...running,
  ...bfd,
  ...maintenance,
};
