/** Which options each type of protocol has, and what follows their words. */

import type { ProtocolType } from './ast.ts';

/** How the value after an option's words is read. */
export type ValueForm =
  /** Nothing follows. */
  | 'none'
  | 'bool'
  | 'number'
  /** Two numbers with a comma. */
  | 'two-numbers'
  | 'optional-number'
  | 'string'
  | 'name'
  | 'address'
  /** A dotted quad, whatever the family. */
  | 'quad'
  | 'words'
  | 'filter'
  | 'limit'
  | 'merge'
  | 'local'
  | 'neighbor'
  | 'route'
  | 'interfaces'
  /** Of protocol bfd: patterns and a block, or only a block. */
  | 'bfd-interface'
  | 'bfd-multihop'
  /** `bool`, or one word. */
  | 'bool-or-word';

type Options = { readonly [name: string]: ValueForm };

const COMMON: Options = {
  debug: 'words',
  mrtdump: 'words',
  description: 'string',
  disabled: 'bool',
  preference: 'number',
  table: 'name',
  import: 'filter',
  export: 'filter',
  'import limit': 'limit',
  'export limit': 'limit',
  'receive limit': 'limit',
  'import keep filtered': 'bool',
  'router id': 'quad',
};

const KERNEL: Options = {
  learn: 'bool',
  persist: 'bool',
  'scan time': 'number',
  'graceful restart': 'bool',
  'merge paths': 'merge',
  'device routes': 'bool',
  'kernel table': 'number',
  metric: 'number',
};

const STATIC: Options = {
  route: 'route',
  'check link': 'bool',
  'igp table': 'name',
};

const BGP: Options = {
  local: 'local',
  neighbor: 'neighbor',
  interface: 'string',
  'source address': 'address',
  multihop: 'optional-number',
  direct: 'none',
  'ttl security': 'bool',
  password: 'string',
  passive: 'bool',
  'graceful restart': 'bool',
  'graceful restart aware': 'none',
  'graceful restart time': 'number',
  'long lived graceful restart': 'bool',
  'long lived graceful restart aware': 'none',
  'long lived stale time': 'number',
  'hold time': 'number',
  'startup hold time': 'number',
  'keepalive time': 'number',
  'connect delay time': 'number',
  'connect retry time': 'number',
  'error wait time': 'two-numbers',
  'error forget time': 'number',
  'disable after error': 'bool',
  'disable after cease': 'bool-or-word',
  'rr client': 'none',
  'rr cluster id': 'quad',
  'rs client': 'none',
  'next hop self': 'none',
  'next hop keep': 'none',
  'missing lladdr self': 'none',
  'missing lladdr drop': 'none',
  'missing lladdr ignore': 'none',
  'gateway direct': 'none',
  'gateway recursive': 'none',
  'igp table': 'name',
  'add paths': 'bool',
  'add paths rx': 'none',
  'add paths tx': 'none',
  'allow local as': 'optional-number',
  'allow bgp_local_pref': 'bool',
  'enable as4': 'bool',
  'enable route refresh': 'bool',
  'enable extended messages': 'bool',
  capabilities: 'bool',
  'advertise ipv4': 'bool',
  secondary: 'bool',
  'path metric': 'bool',
  'med metric': 'bool',
  'prefer older': 'bool',
  'deterministic med': 'bool',
  'igp metric': 'bool',
  'interpret communities': 'bool',
  'default bgp_med': 'number',
  'default bgp_local_pref': 'number',
  'route limit': 'number',
  'check link': 'bool',
  setkey: 'bool',
  bfd: 'bool-or-word',
};

/** By type; pipe is refused before its options are read. */
export const OPTIONS: { readonly [T in ProtocolType]: ReadonlyMap<string, ValueForm> } = {
  kernel: new Map(Object.entries({ ...COMMON, ...KERNEL })),
  device: new Map(Object.entries({ ...COMMON, 'scan time': 'number', primary: 'interfaces' } as Options)),
  direct: new Map(Object.entries({ ...COMMON, interface: 'interfaces', 'check link': 'bool' } as Options)),
  static: new Map(Object.entries({ ...COMMON, ...STATIC })),
  bgp: new Map(Object.entries({ ...COMMON, ...BGP })),
  pipe: new Map(),
  bfd: new Map(Object.entries({ ...COMMON, interface: 'bfd-interface', multihop: 'bfd-multihop' } as Options)),
};
