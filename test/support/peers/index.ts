/** Peregrine and the daemons that a test can put beside it, by name. */

import type { Laboratory, Namespace } from '../netns.ts';
import { BIRD } from './bird.ts';
import { EXABGP } from './exabgp.ts';
import { FRR } from './frr.ts';
import { GOBGP } from './gobgp.ts';
import { OPENBGPD } from './openbgpd.ts';
import { PEREGRINE } from './peregrine.ts';
import { Router, type RouterConfig, type RouterDriver, type RouterKind } from './router.ts';

/** The foreign daemons, in the order of the tests' tables. */
export const FOREIGN_KINDS = ['bird', 'gobgp', 'frr', 'openbgpd', 'exabgp'] as const;
export type ForeignKind = (typeof FOREIGN_KINDS)[number];

const DRIVERS: { readonly [K in RouterKind]: RouterDriver } = {
  bird: BIRD,
  gobgp: GOBGP,
  frr: FRR,
  openbgpd: OPENBGPD,
  exabgp: EXABGP,
  peregrine: PEREGRINE,
};

/** Starts a daemon of that kind inside a namespace of the laboratory. */
export function startRouter(
  kind: RouterKind,
  lab: Laboratory,
  namespace: Namespace,
  config: RouterConfig,
): Promise<Router> {
  return new Router(DRIVERS[kind], lab, namespace, config).start();
}

export type { Router, RouterKind };
