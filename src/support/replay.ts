/**
 * Runs a support dump again: a speaker with the recorded configuration, kernel, sessions and Adj-RIB-In, by the same code
 * as in the daemon, but without sockets and without a kernel. Import policy, decision, export and kernel policy happen
 * anew; nothing of their results is taken from the dump.
 */

import type { FamilyIndex, FamilyName } from '../../bgp/family.ts';
import { type Prefix, parsePrefix } from '../../bgp/ip.ts';
import type { DesiredState } from '../../confd/desired-state.ts';
import type { Policy } from '../../rib/policy/policy.ts';
import type { UpdateSource } from '../../rib/update-source.ts';
import { type RunningPart, stateOfParts } from '../api/running.ts';
import { SILENT_LOG } from '../log/log.ts';
import { systemClock } from '../speaker/clock.ts';
import type { PeerConnection } from '../speaker/peer-connection.ts';
import { Speaker } from '../speaker/speaker.ts';
import { DUMP_FORMAT, type DumpPart } from './dump.ts';
import { createReplayFib, type RecordedKernel } from './replay-fib.ts';

type Part<K extends DumpPart['part']> = Extract<DumpPart, { readonly part: K }>;

/** What a dump says, in order. */
export interface Dump {
  readonly head: Part<'dump'>;
  readonly status: Part<'status'>['value'];
  readonly running: readonly RunningPart[];
  readonly kernel: RecordedKernel;
  readonly peers: ReadonlyMap<string, Part<'peer'>>;
  readonly originated: readonly Part<'originated'>['value'][];
  readonly paths: readonly Part<'paths'>[];
  readonly log: readonly Part<'log'>['value'][];
  readonly messages: readonly Part<'message'>['value'][];
  /** Null: the file is cut off. */
  readonly end: Part<'end'> | null;
}

/** Throws, in words for people, when it is no dump that we can read. */
export async function readDump(lines: AsyncIterable<string>): Promise<Dump> {
  const parts: DumpPart[] = [];
  let number = 0;
  for await (const line of lines) {
    number++;
    let part: DumpPart;
    try {
      part = JSON.parse(line) as DumpPart;
    } catch {
      // The last line of a file that is cut off.
      if (parts.length > 0) break;
      throw new Error(`line ${number} is no JSON: this is no support dump`);
    }
    if (number === 1) {
      if (part.part !== 'dump') throw new Error('this is no support dump');
      if (part.format !== DUMP_FORMAT) {
        throw new Error(
          `the dump has format ${part.format} (peregrine ${part.version}); this one reads ${DUMP_FORMAT}`,
        );
      }
    }
    parts.push(part);
  }
  const all = <K extends DumpPart['part']>(kind: K): Part<K>[] =>
    parts.filter((one): one is Part<K> => one.part === kind);
  const [head] = all('dump');
  const [status] = all('status');
  if (head === undefined || status === undefined) throw new Error('this is no support dump');
  return {
    head,
    status: status.value,
    running: all('running').map(({ value }) => value),
    kernel: {
      links: all('link').map(({ value }) => value),
      addresses: all('address').map(({ value }) => value),
      routes: all('kernel-route').map(({ value }) => value),
    },
    peers: new Map(all('peer').map((part) => [part.name, part])),
    originated: all('originated').map(({ value }) => value),
    paths: all('paths'),
    log: all('log').map(({ value }) => value),
    messages: all('message').map(({ value }) => value),
    end: all('end')[0] ?? null,
  };
}

/** What is compared by identity in the daemon, and was one policy there, is one again. */
function withSharedPolicies(state: DesiredState): DesiredState {
  const known = new Map<string, Policy>();
  const shared = (policies: Readonly<Record<FamilyName, Policy>>): Record<FamilyName, Policy> => {
    const one = (policy: Policy): Policy => {
      const text = JSON.stringify(policy);
      const first = known.get(text) ?? policy;
      known.set(text, first);
      return first;
    };
    return { 'ipv4-unicast': one(policies['ipv4-unicast']), 'ipv6-unicast': one(policies['ipv6-unicast']) };
  };
  const kernel = { ...state.kernel, policy: shared(state.kernel.policy) };
  const peers = state.peers.map(({ session, policy }) => ({
    session,
    policy: {
      ...policy,
      importPolicy: shared(policy.importPolicy),
      exportPolicy: shared(policy.exportPolicy),
    },
  }));
  return { ...state, kernel, peers };
}

/** A socket that takes everything. */
const NOWHERE = { isBlocked: false, unsentOctets: 0, octetsReceived: 0, octetsSent: 0, send() {}, sendAll() {} };

/** The speaker that the dump shows. */
export async function replaySpeaker(dump: Dump): Promise<Speaker> {
  const speaker = new Speaker({
    log: SILENT_LOG,
    clock: systemClock,
    version: dump.head.version,
    offline: { openFib: (listener) => createReplayFib(dump.kernel, listener) },
  });
  if (dump.running.length === 0) return speaker;
  const each = async function* () {
    yield* dump.running;
  };
  const failure = await speaker.start(withSharedPolicies(await stateOfParts(each())));
  const { core } = speaker;
  if (failure !== null || core === null) throw new Error(failure ?? 'the speaker did not start');
  for (const { prefix, owner, communities, service } of dump.originated) {
    if (owner !== null) speaker.agentRoutes.originate(owner, { prefix, communities, service });
  }
  for (const [name, { session: recorded }] of dump.peers) {
    const driver = speaker.drivers.get(name);
    const { session, ends } = recorded;
    if (driver === undefined || session === null || ends === null) continue;
    driver.drain = recorded.drain;
    driver.session = session;
    driver.connection = NOWHERE as unknown as PeerConnection;
    core.sessionUp(driver, session, ends.localAddress, ends.peerAddress, [false, false]);
  }
  for (const { peer, family, attributes, paths } of dump.paths) {
    const driver = speaker.drivers.get(peer);
    if (driver === undefined) continue;
    const hasPathId = driver.session?.addPathReceive[family] === true;
    core.rib.receiveUpdate(driver.ribIndex, new RecordedUpdate(family, attributes, paths, hasPathId));
  }
  for (const [name, { session: recorded }] of dump.peers) {
    const driver = speaker.drivers.get(name);
    if (driver === undefined || driver.session === null || recorded.isUp) continue;
    driver.session = null;
    driver.connection = null;
    core.sessionDown(driver, [true, true], [true, true]);
  }
  await core.idle();
  return speaker;
}

/** Paths of one peer with their canonical attributes, as the RIB takes an UPDATE. */
class RecordedUpdate implements UpdateSource {
  readonly octets: Uint8Array;
  readonly blockOctets: Uint8Array;
  readonly blockStart = 0;
  readonly blockEnd: number;
  /** What was canonical when it was recorded need not have looked so on the wire. */
  readonly blockIsVerbatimCanonical = false;
  readonly withdrawnStart = 0;
  readonly withdrawnEnd = 0;
  readonly nlriStart = 0;
  readonly nlriEnd: number;
  readonly mpReachFamily: FamilyIndex | -1;
  readonly mpReachStart = 0;
  readonly mpReachEnd: number;
  readonly mpUnreachFamily = -1;
  readonly mpUnreachStart = 0;
  readonly mpUnreachEnd = 0;
  readonly endOfRib = -1;

  constructor(family: FamilyIndex, attributes: string, paths: Part<'paths'>['paths'], hasPathId: boolean) {
    this.octets = nlri(paths, hasPathId);
    this.blockOctets = Buffer.from(attributes, 'base64');
    this.blockEnd = this.blockOctets.length;
    this.nlriEnd = family === 0 ? this.octets.length : 0;
    this.mpReachFamily = family === 0 ? -1 : family;
    this.mpReachEnd = family === 0 ? 0 : this.octets.length;
  }

  selectBlock(): void {}

  canonicalise(): number {
    return 0;
  }
}

function nlri(paths: Part<'paths'>['paths'], hasPathId: boolean): Uint8Array {
  const octets: number[] = [];
  for (const [text, pathId] of paths) {
    const prefix: Prefix | null = parsePrefix(text);
    if (prefix === null) continue;
    if (hasPathId) octets.push(pathId >>> 24, (pathId >>> 16) & 255, (pathId >>> 8) & 255, pathId & 255);
    octets.push(prefix.length);
    const lanes = [prefix.a, prefix.b, prefix.c, prefix.d];
    for (let at = 0; at < Math.ceil(prefix.length / 8); at++) {
      octets.push((lanes[at >> 2] >>> (24 - (at & 3) * 8)) & 255);
    }
  }
  return Uint8Array.from(octets);
}
