/**
 * From bird.cfg and bird6.cfg to a DesiredState. One speaker does what two daemons of BIRD did, so what both files say
 * about the whole of it (router id, kernel) must agree.
 */

import type { FamilyName } from '../../bgp/family.ts';
import { FAMILY_NAMES } from '../../bgp/family.ts';
import type { Condition, DesiredPeer, DesiredState, ListenAddress, OriginatedRoute } from '../desired-state.ts';
import type { BirdConfig, Protocol, ProtocolType } from './ast.ts';
import { BfdProtocol } from './bfd.ts';
import { bgpPeer } from './bgp-session.ts';
import { BirdConfigError, type BirdDiagnostic, type Position } from './diagnostic.ts';
import type { BirdSources } from './lexer.ts';
import { directInterfaces, type KernelPart, kernelPart, NO_KERNEL, staticRoutes } from './node-parts.ts';
import type { Warn } from './options.ts';
import { parseBirdConfig } from './parse.ts';
import { PolicyMemory, PolicyTranslator } from './translate-policy.ts';

const BIRD_ROUTE_PROTOCOL = 12;
const DEFAULT_PORT = 179;
const WILDCARD_ADDRESS = { 'ipv4-unicast': '0.0.0.0', 'ipv6-unicast': '::' };

/** Which files to read: bird's, bird6's, or both. */
export interface BirdFiles {
  readonly ipv4: string | null;
  readonly ipv6: string | null;
}

/** What a configuration is made of, to watch it and to show lines of it. */
export interface BirdInputs {
  readonly texts: ReadonlyMap<string, string>;
  /** Every file that was asked for, those that are not there too. */
  readonly paths: ReadonlySet<string>;
  /** Patterns of includes. */
  readonly patterns: ReadonlySet<string>;
}

export type BirdLoadResult = { readonly inputs: BirdInputs } & (
  | { readonly ok: true; readonly desired: DesiredState }
  | {
      readonly ok: false;
      readonly diagnostics: readonly BirdDiagnostic[];
      /** A file is not there (yet): nothing is wrong with what is. */
      readonly isMissingFile: boolean;
    }
);

/** What one file says, which is of one family. */
interface FamilyPart {
  readonly family: FamilyName;
  readonly routerId: { readonly value: string; readonly at: Position };
  readonly localAs: number;
  readonly listen: ListenAddress;
  readonly peers: readonly DesiredPeer[];
  readonly originated: readonly OriginatedRoute[];
  readonly kernel: KernelPart | null;
  readonly kernelAt: Position;
  readonly direct: readonly string[] | null;
  readonly debug: boolean;
}

/**
 * @param hash of all texts, in order: the revision of the state
 * @param memory of the reading before, for a daemon that reads again and again
 */
export function loadBirdConfig(
  sources: BirdSources,
  files: BirdFiles,
  hash: (texts: Iterable<string>) => string,
  memory = new PolicyMemory(),
): BirdLoadResult {
  memory.begin();
  if (files.ipv4 === null && files.ipv6 === null) throw new Error('no file is named');
  const conditions: Condition[] = [];
  const warned = new Set<string>();
  const warn: Warn = ({ file, line, column }, message) => {
    const resource = `${file}:${line}:${column}`;
    // Once for an option of a template that many protocols have.
    if (warned.has(`${resource} ${message}`)) return;
    warned.add(`${resource} ${message}`);
    conditions.push({ resource, field: '', message, severity: 'warning' });
  };
  const inputs = { texts: new Map<string, string>(), paths: new Set<string>(), patterns: new Set<string>() };
  const diagnostics: BirdDiagnostic[] = [];
  const parts: FamilyPart[] = [];
  let missing = 0;
  for (const [path, family] of [
    [files.ipv4, 'ipv4-unicast'],
    [files.ipv6, 'ipv6-unicast'],
  ] as const) {
    if (path === null) continue;
    try {
      const parsed = parseBirdConfig(remembering(sources, inputs), path, family);
      parts.push(familyPart(parsed.config, path, family, warn, memory));
    } catch (error) {
      if (!(error instanceof BirdConfigError)) throw error;
      diagnostics.push(error.toDiagnostic());
      if (error.isMissingFile) missing++;
    }
  }
  if (diagnostics.length === 0) {
    try {
      const desired = combine(parts, hash(inputs.texts.values()), conditions);
      memory.commit();
      return { ok: true, desired, inputs };
    } catch (error) {
      if (!(error instanceof BirdConfigError)) throw error;
      diagnostics.push(error.toDiagnostic());
    }
  }
  return { ok: false, diagnostics, isMissingFile: missing === diagnostics.length, inputs };
}

/** Keeps what was asked for and read. */
function remembering(
  sources: BirdSources,
  inputs: { texts: Map<string, string>; paths: Set<string>; patterns: Set<string> },
): BirdSources {
  return {
    glob: (pattern) => {
      inputs.patterns.add(pattern);
      return sources.glob(pattern);
    },
    read: (path) => {
      inputs.paths.add(path);
      const read = sources.read(path);
      if ('text' in read) inputs.texts.set(path, read.text);
      return read;
    },
  };
}

function only(protocols: readonly Protocol[], type: ProtocolType): Protocol | null {
  const found = protocols.filter((protocol) => protocol.type === type);
  if (found.length > 1) {
    throw new BirdConfigError(found[1].at, `a second protocol ${type} is not supported: there is one table`);
  }
  return found[0] ?? null;
}

function familyPart(
  config: BirdConfig,
  path: string,
  family: FamilyName,
  warn: Warn,
  memory: PolicyMemory,
): FamilyPart {
  const { routerId, listen, protocols } = config;
  if (routerId === null) {
    throw new BirdConfigError({ file: path, line: 1, column: 1 }, 'Router ID must be configured: router id A.B.C.D;');
  }
  if (routerId.value === '0.0.0.0') throw new BirdConfigError(routerId.at, 'Router ID must not be 0.0.0.0');
  for (const { name, at } of config.ignored) {
    if (name === 'graceful restart wait') warn(at, `${name} has no effect: nothing waits for peers that are not there`);
  }
  for (const doubt of config.doubts) warn(doubt, doubt.message);
  const policies = new PolicyTranslator(config, family, memory);
  const bfd = new BfdProtocol(only(protocols, 'bfd'));
  const inputs = { family, routerId: routerId.value, policies, bfd, warn };
  const peers = peersOf(
    protocols.filter(({ type }) => type === 'bgp'),
    (protocol) => bgpPeer(protocol, inputs),
    warn,
  );
  const kernel = only(protocols, 'kernel');
  const direct = only(protocols, 'direct');
  const originated = new Map<string, OriginatedRoute>();
  for (const protocol of protocols) {
    if (protocol.type !== 'static') continue;
    for (const route of staticRoutes(protocol, warn)) {
      if (!originated.has(route.prefix)) originated.set(route.prefix, route);
      else warn(protocol.at, `route ${route.prefix} is in another protocol already, that one counts`);
    }
  }
  return {
    family,
    routerId,
    localAs: localAsOf(config, peers),
    listen: { address: listen?.address ?? WILDCARD_ADDRESS[family], port: listen?.port ?? DEFAULT_PORT },
    peers,
    originated: [...originated.values()],
    kernel: kernel === null ? null : kernelPart(kernel, policies, warn),
    kernelAt: kernel?.at ?? { file: path, line: 1, column: 1 },
    direct: direct === null ? null : directInterfaces(direct),
    debug: [...config.templates.values(), ...protocols].some(({ options }) =>
      options.some(({ value }) => value.kind === 'words' && value.words.includes('all')),
    ),
  };
}

/** The AS that templates name, which single sessions may replace. */
function localAsOf({ templates }: BirdConfig, peers: readonly DesiredPeer[]): number {
  for (const { type, options } of templates.values()) {
    const local = options.findLast(({ value }) => value.kind === 'local')?.value;
    if (type === 'bgp' && local?.kind === 'local') return local.as;
  }
  return peers[0]?.session.localAs ?? 0;
}

/**
 * Two sessions with one address and port are one TCP endpoint for the peer. BIRD runs whichever comes first and leaves
 * the other idle for ever; here it is the first in the file, and the other is kept down.
 */
function peersOf(protocols: readonly Protocol[], make: (protocol: Protocol) => DesiredPeer, warn: Warn): DesiredPeer[] {
  const taken = new Map<string, string>();
  return protocols.map((protocol) => {
    const peer = make(protocol);
    const { name, peerAddress, peerPort, interfaceName } = peer.session;
    const end = `${peerAddress} port ${peerPort}${interfaceName === null ? '' : ` on ${interfaceName}`}`;
    const rival = taken.get(end);
    if (rival === undefined) {
      taken.set(end, name);
      return peer;
    }
    warn(protocol.at, `session ${name} is kept down: ${rival} already peers with ${end}`);
    return { ...peer, session: { ...peer.session, enabled: false } };
  });
}

function byText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function checkAgreement(parts: readonly FamilyPart[]): void {
  const [first, second] = parts;
  if (second === undefined) return;
  if (first.routerId.value !== second.routerId.value) {
    throw new BirdConfigError(
      second.routerId.at,
      `router id ${second.routerId.value} differs from ${first.routerId.value} at ${first.routerId.at.file}:${first.routerId.at.line}: one speaker has one`,
    );
  }
  const [a, b] = [first.kernel, second.kernel];
  if (a !== null && b !== null) {
    for (const [name, x, y] of [
      ['learn', a.learnRoutes, b.learnRoutes],
      ['kernel table', a.table, b.table],
      ['metric', a.defaultMetric, b.defaultMetric],
      ['merge paths', a.maxPaths, b.maxPaths],
    ] as const) {
      if (x === y) continue;
      throw new BirdConfigError(
        second.kernelAt,
        `${name} is ${y}, and ${x} in ${first.kernelAt.file}: wanted the same in both`,
      );
    }
  }
  if (first.direct !== null && second.direct !== null && first.direct.join() !== second.direct.join()) {
    throw new BirdConfigError(
      second.kernelAt,
      `the interfaces of protocol direct differ from those in ${first.kernelAt.file}`,
    );
  }
}

function combine(parts: readonly FamilyPart[], revision: string, conditions: readonly Condition[]): DesiredState {
  checkAgreement(parts);
  const ofFamily = (family: FamilyName): FamilyPart | undefined => parts.find((part) => part.family === family);
  const peers = parts.flatMap((part) => part.peers).sort((a, b) => byText(a.session.name, b.session.name));
  for (const [i, { session }] of peers.entries()) {
    if (peers[i + 1]?.session.name !== session.name) continue;
    const at = parts[1].kernelAt;
    throw new BirdConfigError(
      { file: at.file, line: 1, column: 1 },
      `protocol bgp ${session.name} is in both files, wanted: different names`,
    );
  }
  const originated = parts.flatMap((part) => part.originated).sort((a, b) => byText(a.prefix, b.prefix));
  const kernel = parts.find((part) => part.kernel !== null)?.kernel ?? null;
  // The routes of a family without protocol kernel are those of somebody else, such as a process with the other file.
  const written = parts.filter((part) => part.kernel !== null);
  const maxPaths = kernel?.maxPaths ?? NO_KERNEL.maxPaths;
  const policyOf = (family: FamilyName) => (ofFamily(family)?.kernel ?? NO_KERNEL).policy;
  return {
    revision,
    nodeName: null,
    routerId: parts[0].routerId.value,
    localAs: parts.find((part) => part.localAs !== 0)?.localAs ?? 0,
    listen: FAMILY_NAMES.flatMap((family) => {
      const part = ofFamily(family);
      return part === undefined || part.peers.length === 0 ? [] : [part.listen];
    }),
    peers,
    originated,
    kernel: {
      backend: 'netlink',
      programRoutes: kernel !== null,
      table: kernel?.table ?? NO_KERNEL.table,
      protocol: BIRD_ROUTE_PROTOCOL,
      ...(written.length === 1 ? { onlyFamily: written[0].family } : {}),
      policy: { 'ipv4-unicast': policyOf('ipv4-unicast'), 'ipv6-unicast': policyOf('ipv6-unicast') },
      learnRoutes: kernel?.learnRoutes ?? false,
      directInterfaces: parts.find((part) => part.direct !== null)?.direct ?? [],
      defaultMetric: kernel?.defaultMetric ?? null,
      maxPaths,
      nextHopObjects: 'off',
    },
    // BIRD merges paths whatever their AS_PATHs say.
    decision: { alwaysCompareMed: false, multipathRelax: true, multipath: maxPaths > 1 },
    logLevel: parts.some((part) => part.debug) ? 'debug' : 'info',
    conditions: [...conditions].sort((a, b) => byText(a.resource, b.resource)),
  };
}
