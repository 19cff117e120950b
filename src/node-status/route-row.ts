/** A row of `show route` as an entry of a CalicoNodeStatus, by the rules of Calico's reader. Pure. */

export interface RouteEntry {
  readonly type: 'FIB' | 'RIB';
  readonly destination: string;
  readonly gateway: string;
  readonly interface: string;
  readonly learnedFrom: { readonly sourceType: string; readonly peerIP?: string };
}

const VIA = /^(?<destination>\S*)\s+via (?<gateway>\S+) on (?<device>\S+) \[(?<from>\S+) [^\]]*\](?<flags>.*)$/;
const DEVICE = /^(?<destination>\S*)\s+dev (?<device>\S+) \[(?<from>\S+) [^\]]*\](?<flags>.*)$/;
const SPECIAL = /^(?<destination>\S*)\s+(?<device>blackhole|unreachable) \[(?<from>\S+) [^\]]*\](?<flags>.*)$/;

/**
 * null: not a route. `previous`: the destination of the row before, which further rows of a prefix leave out.
 * `addressOf`: of the peer with that protocol name.
 */
export function readRow(
  text: string,
  previous: string,
  addressOf: (protocol: string) => string | null,
): RouteEntry | null {
  const groups = (VIA.exec(text) ?? DEVICE.exec(text) ?? SPECIAL.exec(text))?.groups;
  if (groups === undefined) return null;
  const { destination, gateway = 'N/A', device, from, flags } = groups;
  return {
    type: flags.startsWith(' *') ? 'FIB' : 'RIB',
    destination: destination === '' ? previous : destination,
    gateway,
    interface: device,
    learnedFrom: sourceOf(from, addressOf),
  };
}

function sourceOf(protocol: string, addressOf: (protocol: string) => string | null): RouteEntry['learnedFrom'] {
  const peerIP = addressOf(protocol);
  if (peerIP !== null) return { sourceType: protocol.startsWith('Mesh_') ? 'NodeMesh' : 'BGPPeer', peerIP };
  if (protocol.startsWith('kernel')) return { sourceType: 'Kernel' };
  return { sourceType: protocol.startsWith('static') ? 'Static' : 'Direct' };
}
