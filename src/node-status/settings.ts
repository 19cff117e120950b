/** What of a node's state is written to the Kubernetes API; nothing unless it is asked for. */

export interface NodeStatusSettings {
  /** Fill in CalicoNodeStatus objects. calico-node has a reporter of its own: two of them would fight. */
  readonly reportsNodeStatus: boolean;
  readonly managesNetworkUnavailable: boolean;
}

export function nodeStatusSettings(environment: NodeJS.ProcessEnv): NodeStatusSettings | string {
  const flag = (name: string): boolean | string => {
    const value = environment[name] ?? '';
    if (value === '' || value === 'false') return false;
    return value === 'true' ? true : `${name} "${value}": wanted true or false`;
  };
  const reportsNodeStatus = flag('PEREGRINE_REPORT_NODE_STATUS');
  const managesNetworkUnavailable = flag('PEREGRINE_MANAGE_NETWORK_UNAVAILABLE');
  if (typeof reportsNodeStatus === 'string') return reportsNodeStatus;
  if (typeof managesNetworkUnavailable === 'string') return managesNetworkUnavailable;
  return { reportsNodeStatus, managesNetworkUnavailable };
}
