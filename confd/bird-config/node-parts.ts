/**
 * What a configuration says about the node itself: static routes, the kernel's table, connected prefixes. Protocol
 * `device` says nothing: changes of interfaces are heard of from the kernel.
 */

import type { FamilyName } from '../../bgp/family.ts';
import { type Policy, REJECT_ALL } from '../../rib/policy/policy.ts';
import type { OriginatedRoute } from '../desired-state.ts';
import type { Protocol } from './ast.ts';
import { BirdConfigError } from './diagnostic.ts';
import { checkCommonOptions, Options, type Warn } from './options.ts';
import { BGP_PREFERENCE, type PolicyTranslator } from './translate-policy.ts';

const STATIC_PREFERENCE = 200;
const DIRECT_PREFERENCE = 240;
const KERNEL_PREFERENCE = 10;
const DEFAULT_MERGE_LIMIT = 16;
const MAIN_TABLE = 254;
const MAX_ECMP_PATHS = 64;

/** Imports that are as they always are. */
function checkPlain(options: Options, preference: number, exports: 'none' | 'any'): void {
  checkCommonOptions(options);
  const imports = options.filter('import', 'all');
  const { type } = options.protocol;
  if (imports.kind !== 'all') {
    throw new BirdConfigError(
      options.at('import'),
      `an import filter of protocol ${type} is not supported, wanted: all`,
    );
  }
  if (exports === 'none' && options.filter('export', 'none').kind !== 'none') {
    throw new BirdConfigError(options.at('export'), `protocol ${type} exports nothing`);
  }
  if (options.number('preference', preference) !== preference) {
    options.refuse('preference', `routes of protocol ${type} always have ${preference}`);
  }
}

/** Routes that are originated. */
export function staticRoutes(protocol: Protocol, warn: Warn): OriginatedRoute[] {
  const options = new Options(protocol);
  checkPlain(options, STATIC_PREFERENCE, 'none');
  options.refuse('igp table', 'there is one table');
  if (options.bool('disabled', false)) return [];
  const origin = `protocol ${protocol.name}`;
  const routes = new Map<string, OriginatedRoute>();
  for (const { value, at } of protocol.options) {
    if (value.kind !== 'route') continue;
    const { prefix, target } = value;
    if (routes.has(prefix)) warn(at, `route ${prefix} is there already, the first one counts`);
    else if (target.kind === 'blackhole') {
      routes.set(prefix, { prefix, kind: 'blackhole', gateway: null, communities: [], origin });
    } else if (target.kind === 'via' && target.interfaceName === null) {
      routes.set(prefix, { prefix, kind: 'via', gateway: target.address, communities: [], origin });
    } else {
      const what =
        target.kind === 'via' ? 'via ADDRESS % INTERFACE' : target.kind === 'device' ? 'via "INTERFACE"' : target.kind;
      throw new BirdConfigError(
        at,
        `a static route that is ${what} is not supported, wanted: blackhole or via ADDRESS`,
      );
    }
  }
  return [...routes.values()];
}

/** What protocol kernel says of one family. */
export interface KernelPart {
  readonly policy: Policy;
  readonly learnRoutes: boolean;
  readonly table: number;
  readonly defaultMetric: number | null;
  readonly maxPaths: number;
}

export const NO_KERNEL: KernelPart = {
  policy: REJECT_ALL,
  learnRoutes: false,
  table: MAIN_TABLE,
  defaultMetric: null,
  maxPaths: DEFAULT_MERGE_LIMIT,
};

/** null: the protocol is disabled, and the kernel's routes are nobody's business. */
export function kernelPart(protocol: Protocol, policies: PolicyTranslator, warn: Warn): KernelPart | null {
  const options = new Options(protocol);
  checkPlain(options, KERNEL_PREFERENCE, 'any');
  if (options.bool('disabled', false)) return null;
  if (options.has('persist') && !options.bool('persist', true)) {
    options.refuse('persist', 'routes always stay in the kernel, wanted: persist on');
  }
  if (!options.has('persist')) {
    warn(protocol.end, 'persist is not written, and yet routes stay in the kernel when the daemon ends');
  }
  options.mustBe('device routes', false, 'connected routes are never written');
  const merge = options.value('merge paths', 'merge');
  const maxPaths = merge?.value ? (merge.limit ?? DEFAULT_MERGE_LIMIT) : 1;
  if (maxPaths < 1 || maxPaths > MAX_ECMP_PATHS) {
    throw new BirdConfigError(options.at('merge paths'), `merge paths limit ${maxPaths}: wanted 1..${MAX_ECMP_PATHS}`);
  }
  const place = { use: 'kernel', replacesNextHop: false, clearsMed: false, preference: BGP_PREFERENCE } as const;
  return {
    policy: policies.policy(options.filter('export', 'none'), place, options.at('export')),
    learnRoutes: options.bool('learn', false),
    table: options.number('kernel table', MAIN_TABLE),
    defaultMetric: options.has('metric') ? options.number('metric', 0) || null : null,
    maxPaths,
  };
}

/** Patterns of interfaces whose prefixes are imported; the first that matches counts. */
export function directInterfaces(protocol: Protocol): readonly string[] {
  const options = new Options(protocol);
  checkPlain(options, DIRECT_PREFERENCE, 'none');
  if (options.bool('disabled', false)) return [];
  const patterns = options.value('interface', 'interfaces')?.patterns ?? ['*'];
  for (const pattern of patterns) {
    if (!/[/]/.test(pattern)) continue;
    throw new BirdConfigError(options.at('interface'), `${pattern}: wanted patterns of names, not prefixes`);
  }
  return patterns;
}

export function familyLabel(family: FamilyName): string {
  return family === 'ipv4-unicast' ? 'IPv4' : 'IPv6';
}
