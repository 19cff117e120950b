/**
 * The tables of the running speaker put together (RIB, update groups, FIB, kernel) and the loop that works on them:
 * in slices of a few milliseconds between which sockets and timers get their turn, so that KEEPALIVEs go out on time
 * whatever arrives.
 */

import { FAMILY_ADDRESS_BITS, FAMILY_NAMES, type FamilyIndex } from '../../bgp/family.ts';
import { type IpAddress, parseAddress, parseIpv4, prefixContains, prefixOf, sameAddress } from '../../bgp/ip.ts';
import type { NegotiatedSession } from '../../bgp/negotiated.ts';
import type { DesiredState, KernelConfig } from '../../confd/desired-state.ts';
import type { GroupSettings } from '../../rib/export-hook.ts';
import { ExportContext } from '../../rib/export-rules.ts';
import { exportKey, exportSettingsOf } from '../../rib/export-settings.ts';
import { FibDesired, type FibSink } from '../../rib/fib.ts';
import { importPolicyCompiler } from '../../rib/import-policy.ts';
import { ALWAYS_RESOLVABLE } from '../../rib/next-hop.ts';
import type { PeerIndex } from '../../rib/peer-table.ts';
import { compilePolicy, formatProblem } from '../../rib/policy/compile.ts';
import type { CompiledPolicy, PolicyUse } from '../../rib/policy/compiled.ts';
import { type Policy, REJECT_ALL } from '../../rib/policy/policy.ts';
import { Rib } from '../../rib/rib.ts';
import { type Regrouping, UpdateGroups } from '../../rib/update-groups.ts';
import type { Fib, KernelListener } from '../kernel/fib.ts';
import { createFibNone } from '../kernel/fib-none.ts';
import type { Log } from '../log/log.ts';
import type { Clock } from './clock.ts';
import { KernelSync } from './kernel-sync.ts';
import type { PeerDriver } from './peer-driver.ts';
import { connectedPrefix } from './reachability.ts';

/** One turn of work; sockets and timers wait at most about this long. */
const SLICE_MS = 4;
/** Handed to a socket at a time: few system calls, and a slow peer holds little. */
const OUTPUT_OCTETS = 256 * 1024;
const FIB_CHANGES_PER_SLICE = 2048;
const FAMILIES: readonly FamilyIndex[] = [0, 1];
/** What the kernel's back end is opened with. */
const REOPENING_FIELDS = ['backend', 'table', 'protocol', 'onlyFamily', 'programRoutes', 'nextHopObjects'] as const;

export type OpenFib = (listener: KernelListener) => Fib;

export class SpeakerCore {
  readonly rib: Rib;
  readonly groups: UpdateGroups;
  readonly fibDesired: FibDesired;
  readonly sync: KernelSync;
  fib: Fib;
  /** Our routes that were found in the kernel when it was opened, by family. */
  adopted: readonly [number, number] = [0, 0];
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #drivers = new Map<PeerIndex, PeerDriver>();
  /** Peers that have, or may have, something to send and a socket that takes it. */
  readonly #ready = new Set<PeerDriver>();
  readonly #compiled = new WeakMap<Policy, Map<PolicyUse, CompiledPolicy>>();
  #kernel: KernelConfig;
  #isScheduled = false;
  #hasWritten = false;
  #usesTunnels = false;
  #isClosed = false;
  #sliceEndMs = 0;
  /** Who waits for the loop to have nothing to do. */
  #idleWaiters: Array<() => void> = [];
  readonly #deadline = (): boolean => this.#clock.nowMs() >= this.#sliceEndMs;
  readonly #becameReady = (peer: PeerIndex): void => {
    const driver = this.#drivers.get(peer);
    if (driver !== undefined) this.#ready.add(driver);
  };
  readonly #sink: FibSink;
  /** Why the kernel cannot be read or written now; null: it can, or need not. */
  kernelFailure: string | null = null;

  readonly #openFib: OpenFib | null;

  /** @param openFib in the place of the kernel, for replays */
  constructor(desired: DesiredState, log: Log, clock: Clock, openFib: OpenFib | null = null) {
    this.#log = log;
    this.#openFib = openFib;
    this.#clock = clock;
    this.#kernel = desired.kernel;
    this.fib = createFibNone();
    const interfaceName = (index: number): string => (index === 0 ? '' : this.fib.interfaceName(index));
    this.rib = new Rib({
      bgpIdentifier: parseIpv4(desired.routerId),
      decision: desired.decision,
      // The session machine does (bgp/fsm), with a grace of ours (end-of-rib-grace.ts).
      sweepsAtEndOfRib: false,
      policyCompiler: (rib) =>
        importPolicyCompiler(rib, {
          honoursGracefulShutdown: true,
          interfaceName,
          onProblem: (message) => log.error('POLICY_REFUSED', {}, message),
        }),
      seed: Math.floor(clock.random() * 0x7fffffff),
    });
    this.sync = new KernelSync(this.rib, log, clock, () => this.schedule());
    this.groups = new UpdateGroups(this.rib);
    this.fibDesired = new FibDesired(this.rib, {
      interfaceIndex: (name) => this.fib.interfaceIndex(name),
      interfaceName,
    });
    this.#sink = {
      replace: (family, a, b, c, d, length, entry) => this.fib.replace(family, a, b, c, d, length, entry),
      remove: (family, a, b, c, d, length) => this.fib.remove(family, a, b, c, d, length),
    };
    this.#configureFib(desired.kernel);
  }

  get programsRoutes(): boolean {
    return this.#kernel.backend === 'netlink' && this.#kernel.programRoutes;
  }

  /** Opens the kernel back end; the reason when it cannot be opened. */
  async startKernel(): Promise<string | null> {
    const { backend, table, protocol } = this.#kernel;
    this.sync.view.setTable(table);
    this.rib.nextHops.setResolver(
      backend === 'none' ? ALWAYS_RESOLVABLE : (family, a, b, c, d) => this.sync.view.resolve(family, a, b, c, d),
    );
    if (backend === 'none') {
      this.fib = createFibNone();
      this.adopted = [0, 0];
    } else {
      this.fib = this.#openFib?.(this.sync) ?? (await this.#openNetlink());
      const result = await this.fib.start();
      if ('error' in result) return result.error;
      const { adopted, learned } = result;
      this.adopted = adopted;
      this.#log.info('KERNEL_READY', { table, protocol, adopted, learned }, 'kernel tables read');
    }
    this.sync.configure(this.#kernel);
    this.sync.flush();
    return null;
  }

  async #openNetlink(): Promise<Fib> {
    const { createFibNetlink } = await import('../kernel/fib-netlink.ts');
    const { table, protocol, onlyFamily, programRoutes } = this.#kernel;
    const nextHopObjects = this.#kernel.nextHopObjects === 'auto';
    return createFibNetlink({ table, protocol, onlyFamily, programRoutes, nextHopObjects, listener: this.sync });
  }

  /**
   * Takes over the kernel's configuration. Policies and metrics change in place; another table, protocol or back end
   * means reading the kernel anew, and the routes in the old place stay as at an exit.
   */
  async configureKernel(kernel: KernelConfig): Promise<void> {
    const before = this.#kernel;
    this.#kernel = kernel;
    const isOther = REOPENING_FIELDS.some((field) => before[field] !== kernel[field]);
    if (isOther) {
      this.fib.close();
      this.sync.reset();
      const failure = await this.startKernel();
      this.kernelFailure = failure;
      if (failure !== null) this.#log.error('KERNEL_FAILED', {}, `cannot use the kernel's routes: ${failure}`);
      for (const family of FAMILIES) {
        for (const { prefix, entry } of this.fibDesired.desired(family)) {
          this.fib.replace(family, prefix.a, prefix.b, prefix.c, prefix.d, prefix.length, entry);
        }
      }
      this.rib.resolutionChanged();
    } else this.sync.configure(kernel);
    this.#configureFib(kernel);
    this.schedule();
  }

  #configureFib(kernel: KernelConfig): void {
    const isWriting = this.programsRoutes;
    // As long as nothing was ever written, there is nothing to look at prefixes for.
    if (!isWriting && !this.#hasWritten) return;
    this.#hasWritten = true;
    this.#usesTunnels = Object.values(kernel.policy).some(usesTunnels);
    const policyOf = (policy: Policy): CompiledPolicy => this.compiled(isWriting ? policy : REJECT_ALL, 'kernel');
    this.fibDesired.configure({
      policies: [policyOf(kernel.policy['ipv4-unicast']), policyOf(kernel.policy['ipv6-unicast'])],
      defaultMetric: kernel.defaultMetric,
      maxPaths: kernel.maxPaths,
    });
  }

  /** Sessions say the new identifier from their next OPEN on; they are restarted by their own change. */
  setBgpIdentifier(routerId: string): void {
    this.rib.setBgpIdentifier(parseIpv4(routerId));
    this.regroup(this.#drivers.values());
  }

  close(): void {
    this.#isClosed = true;
    this.fib.close();
  }

  // --- peers ---

  addPeer(driver: PeerDriver, index: PeerIndex): void {
    driver.ribIndex = index;
    this.#drivers.set(index, driver);
  }

  removePeer(driver: PeerDriver): void {
    this.groups.leave(driver.ribIndex);
    this.rib.removePeer(driver.ribIndex);
    this.#drivers.delete(driver.ribIndex);
    this.#ready.delete(driver);
    this.schedule();
  }

  /** @param holdsEndOfRib by family: End-of-RIB waits until `groups.releaseEndOfRib` (RFC 4724 4.1) */
  sessionUp(
    driver: PeerDriver,
    session: NegotiatedSession,
    localAddress: IpAddress,
    peerAddress: IpAddress,
    holdsEndOfRib: readonly [boolean, boolean],
  ): void {
    const interfaceIndex = this.#interfaceOf(driver, localAddress, peerAddress);
    this.rib.sessionUp(driver.ribIndex, session, { localAddress, peerAddress, interfaceIndex });
    for (const family of FAMILIES) {
      const settings = this.#groupSettings(driver, family);
      if (settings === null) continue;
      this.groups.join(driver.ribIndex, settings, session.enhancedRouteRefresh, holdsEndOfRib[family]);
    }
    this.schedule();
  }

  /** Puts established peers into the update groups that their policies ask for by now; only differences are sent. */
  regroup(drivers: Iterable<PeerDriver>): void {
    const changes: Regrouping[] = [];
    for (const driver of drivers) {
      for (const family of FAMILIES) {
        const settings = this.#groupSettings(driver, family);
        if (settings !== null) changes.push({ peer: driver.ribIndex, settings });
      }
    }
    this.groups.regroup(changes);
    this.schedule();
  }

  sessionDown(driver: PeerDriver, retain: readonly [boolean, boolean], retainOlder: readonly [boolean, boolean]): void {
    this.groups.leave(driver.ribIndex);
    this.#ready.delete(driver);
    this.rib.sessionDown(driver.ribIndex, retain, retainOlder);
    this.schedule();
  }

  #groupSettings(driver: PeerDriver, family: FamilyIndex): GroupSettings | null {
    const { session, ribIndex } = driver;
    const peer = this.rib.peers.get(ribIndex);
    if (session === null || peer === null || !session.families[family]) return null;
    const policy = this.compiled(peer.policy.exportPolicy[FAMILY_NAMES[family]], 'export');
    const own = this.#ownAddresses(peer.ends?.interfaceIndex ?? 0);
    const settings = exportSettingsOf(peer, family, policy, own, driver.drain);
    if (settings === null) return null;
    return {
      encoding: {
        family,
        maxMessageOctets: session.maxMessageLengthOctets,
        addPath: session.addPathSend[family],
        fourOctetAs: session.asn4,
        extendedNextHop: session.extendedNextHop,
      },
      exportKey: exportKey(settings),
      createDecider: () => new ExportContext(this.rib, settings, (index) => this.fib.interfaceName(index)),
    };
  }

  /** Export rules of a peer, apart from those that its group works with; null: no session in this family. */
  exportContext(driver: PeerDriver, family: FamilyIndex): ExportContext | null {
    // What its answers make has to be swept, also when nothing else happens.
    this.schedule();
    const decider = this.#groupSettings(driver, family)?.createDecider();
    return decider instanceof ExportContext ? decider : null;
  }

  /** Our addresses on the peer's link first: next hops for routes of the family that the session does not run over. */
  #ownAddresses(interfaceIndex: number): { otherAddresses: IpAddress[]; localLinkLocal: IpAddress | null } {
    const onLink: IpAddress[] = [];
    let localLinkLocal: IpAddress | null = null;
    for (const { address, interfaceIndex: index } of this.sync.view.addresses()) {
      if (index !== interfaceIndex) continue;
      if (address.family === 1 && address.a >>> 22 === 0x3fa) localLinkLocal ??= address;
      else onLink.push(address);
    }
    return { otherAddresses: onLink, localLinkLocal };
  }

  /**
   * The interface that the peer is a neighbour on; 0 when it is behind a router. Asked when a session has just come up,
   * so the address that the session uses says it, also while the kernel has not yet told that the link is running.
   */
  #interfaceOf(driver: PeerDriver, local: IpAddress, peer: IpAddress): number {
    if (driver.config.interfaceName !== null) return this.fib.interfaceIndex(driver.config.interfaceName);
    for (const own of this.sync.view.addresses()) {
      if (sameAddress(own.address, local) && prefixContains(connectedPrefix(own), prefixOf(peer, hostLength(peer)))) {
        return own.interfaceIndex;
      }
    }
    return 0;
  }

  /** One compiled form per policy object; a policy that does not compile rejects everything and is reported. */
  compiled(policy: Policy, use: PolicyUse): CompiledPolicy {
    let forms = this.#compiled.get(policy);
    if (forms === undefined) {
      forms = new Map();
      this.#compiled.set(policy, forms);
    }
    const known = forms.get(use);
    if (known !== undefined) return known;
    let result = compilePolicy(policy, use);
    if (!result.ok) {
      for (const problem of result.problems) this.#log.error('POLICY_REFUSED', {}, formatProblem(problem));
      result = compilePolicy({ ...REJECT_ALL, name: policy.name }, use);
    }
    if (!result.ok) throw new Error('a policy without statements always compiles');
    forms.set(use, result.policy);
    return result.policy;
  }

  // --- the loop ---

  /** Work will be done after the sockets have had their turn. */
  schedule(): void {
    if (this.#isScheduled || this.#isClosed) return;
    this.#isScheduled = true;
    setImmediate(() => this.#work());
  }

  /** Resolves when everything that is known now has been worked off. Peers that take nothing are not waited for. */
  idle(): Promise<void> {
    return new Promise((resolve) => {
      this.#idleWaiters.push(resolve);
      this.schedule();
    });
  }

  peerHasWork(driver: PeerDriver): void {
    if (driver.session !== null) this.#ready.add(driver);
    this.schedule();
  }

  #work(): void {
    this.#isScheduled = false;
    if (this.#isClosed) return;
    this.#sliceEndMs = this.#clock.nowMs() + SLICE_MS;
    const changed = this.sync.flush();
    // Next hops that we offer are other ones now; so are the devices of tunnel routes.
    if (changed.addresses) this.regroup(this.#drivers.values());
    if (changed.links && this.#usesTunnels) this.fibDesired.reevaluate();
    const moreInRib = this.rib.runSlice(this.#deadline);
    let more = moreInRib;
    more = this.groups.runEncodeSlice(this.#deadline) || more;
    this.groups.forEachReady(this.#becameReady);
    more = this.#sendOutput() || more;
    const moreRoutes = this.fibDesired.drain(FIB_CHANGES_PER_SLICE, this.#sink);
    this.fib.moreToCome(moreRoutes || moreInRib);
    more = moreRoutes || more;
    // Encoding and giving up groups release attribute sets after the RIB has swept: a last turn frees those.
    if (more || this.rib.sets.sweepable !== 0) this.schedule();
    else for (const resolve of this.#idleWaiters.splice(0)) resolve();
  }

  /** Hands encoded UPDATEs to sockets that take them; true: some peer can take more at once. */
  #sendOutput(): boolean {
    let more = false;
    for (const driver of this.#ready) {
      const { connection } = driver;
      if (connection === null || driver.session === null) {
        this.#ready.delete(driver);
        continue;
      }
      if (connection.isBlocked) continue;
      const pieces = this.groups.nextOutput(driver.ribIndex, OUTPUT_OCTETS);
      if (pieces.length === 0) {
        this.#ready.delete(driver);
        continue;
      }
      connection.sendAll(pieces);
      if (!connection.isBlocked) more = true;
    }
    return more;
  }

  /** The address as lanes; null when the socket has none (it was closed meanwhile). */
  static addressOf(text: string | undefined): IpAddress | null {
    return text === undefined ? null : parseAddress(text.split('%')[0]);
  }
}

function hostLength(address: IpAddress): number {
  return FAMILY_ADDRESS_BITS[address.family];
}

function usesTunnels(policy: Policy): boolean {
  return policy.statements.some(({ actions }) => actions.some(({ kind }) => kind === 'set-tunnel'));
}
