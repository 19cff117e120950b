/** The help text, in one place. */

import { DEFAULT_CONTROL_SOCKET } from '../api/schema.ts';

export const USAGE = `peregrine: a BGP-4 speaker and route-distribution daemon

Run
  peregrine run --config FILE                        stand-alone, from a YAML file (docs/stand-alone.md)
  peregrine run --node NAME --datastore DATASTORE    as a Calico node (docs/datastores.md); DATASTORE is one of
                                                       directory:PATH     files of Calico resources
                                                       kubernetes         the Kubernetes API
                                                       etcd, etcd:URL,... etcd v3
                                                     without --datastore: as DATASTORE_TYPE, ETCD_ENDPOINTS say
  peregrine run --bird-config FILE [--bird6-config FILE]
                                                     as bird and bird6 with the files that Calico's confd renders
                                                       (docs/bird-config.md)
  peregrine check --config FILE [--policies]         check a stand-alone file, start nothing
  peregrine derive --node NAME --datastore DATASTORE [--policies]
                                                     what this node would do, offline
  peregrine check|derive --bird-config FILE [--bird6-config FILE] [--policies]
                                                     are these files good; what do they mean
  peregrine plan --from running --to DATASTORE       what a change would do to the running daemon, step by step:
  peregrine plan --node NAME --from DATASTORE --to DATASTORE
                                                     hitless, soft (routes are evaluated anew) or reset, and why;
                                                     file:PATH instead of DATASTORE for a stand-alone daemon

In the place of BIRD
  peregrine bird|bird6 [-c FILE] [-s SOCKET] [-p]    BIRD's daemon by its command line (docs/bird-launcher.md)
  peregrine birdcl [-s SOCKET] [-v] [-r] [COMMAND]   BIRD's client (docs/bird-socket.md)

Ask a running daemon
  peregrine show status                              one page: revision, peers, tables, kernel, memory
  peregrine show peers                               every session with its state and counters
  peregrine show peer PEER                           one of them: timers, what both OPENs said
  peregrine show routes [PREFIX] [WHICH]             all paths: ">" best, "=" used beside it, "x" not eligible, and
                                                     why; of one PREFIX or the prefix for an address, every attribute
  peregrine show received PEER [PREFIX] [WHICH]      what a peer sent, before policy
  peregrine show accepted PEER [PREFIX] [WHICH]      what is left of it after import policy
  peregrine show advertised PEER [PREFIX] [WHICH]    what a peer was told
  peregrine show next-hops, interfaces, policies, update-groups, originated
                                                     what routes depend on; who is told the same; what we originate
  peregrine show kernel                              routes that were given to the kernel
  peregrine ready [--peers any|external|all|none]    exit status 0 when this node may be given traffic
  peregrine live                                     exit status 0 when the daemon answers
  peregrine show bfd                                 BFD sessions: state, timers, last diagnostic
  peregrine explain route PREFIX                     every candidate, and the step of the decision that decided
  peregrine explain advertised PREFIX PEER           each rule of export that ran, and its verdict
  peregrine explain kernel PREFIX                    why it is in the kernel, or not
  peregrine explain peer PEER                        what a session waits for, what is likely to be wrong, what to do
  peregrine events [PREFIX] [WHICH] [--kinds peer,revision,kernel,route] [--peer PEER] [--initial]
                                                     what changes, as it changes
  peregrine originate PREFIX --owner NAME [--lease SECONDS] [--community C]... [--service]
                                                     originate a prefix until it is withdrawn, or not asked for again
  peregrine withdraw [PREFIX] --owner NAME           withdraw it, or all of that owner
  peregrine peer PEER log-level LEVEL|default        how much is logged about a peer
  peregrine peer PEER refresh-in|refresh-out         ask a peer for all its routes again; send it all of ours again
  peregrine peer PEER reset|disable|enable           end its session; end it and stay away; come back
  peregrine peer PEER drain|undrain                  have it prefer others, then end its session; come back
  peregrine drain [--close-after SECONDS|never] [--reason TEXT] [--text TEXT]
                                                     have all peers prefer others, withdraw service addresses, then
                                                     end the sessions (docs/maintenance.md); undrain: come back
  peregrine undrain
  peregrine restart                                  end the process without a word: peers keep our routes

Options
  --socket PATH     control socket (default ${DEFAULT_CONTROL_SOCKET})
  --json            for programs: one JSON document, or one JSON value a line for lists (not for run)
  --watch           show and explain: again every two seconds
  --limit N, --cursor C
                    show routes, received, accepted, advertised: a page; what is left is named on stderr
  WHICH             --family ipv4-unicast|ipv6-unicast, --source PEER|static|kernel|direct, --community C, --as N,
                    --origin-as N, --match exact|longest|shorter|longer (how PREFIX is meant: itself, the longest that
                    covers it, all that cover it, all inside it), --longest (the same as --match longest)
  --policies        check and derive: also every policy in words
  --log-level LEVEL debug, info, warn or error
  --router-id ID    run, derive and plan with --node: dotted quad, or "hash" (as CALICO_ROUTER_ID)
  --socket-group GROUP, --api-listen ADDRESS:PORT, --api-tls-certificate FILE, --api-tls-key FILE,
  --api-token-file FILE, --api-read-token-file FILE
                    run: who may use the control socket, and the API on TCP (docs/control-api.md)
  --kernel none     run: neither read nor write the kernel's routes (every next hop counts as reachable)
  --on-sigterm WORD run: what SIGTERM does: restart (the default), shutdown or drain (PEREGRINE_ON_SIGTERM)
  --state-file PATH run: restart file (default: beside the control socket; PEREGRINE_STATE_FILE), or none
  --monitor-listen [ADDRESS:]PORT
                    run: also serve /metrics, /live and /ready there (docs/monitoring.md)
  --bird-socket PATH, --bird6-socket PATH, --bird-dialect 1.6|2, --bird-timeformat short|long
                    run: BIRD's control sockets (docs/bird-socket.md); with --node on in /var/run/calico
  --version, --help

Environment with --node, as calico-node has it: CALICO_ROUTER_ID, NAMESPACE, USE_POD_CIDR, CALICO_K8S_NODE_REF,
CALICO_ADVERTISE_CLUSTER_IPS, CALICO_ENDPOINT_STATUS_PATH_PREFIX, BGP_LOGSEVERITYSCREEN. Our own:
PEREGRINE_FELIX_GENERATION (auto, 3.28 to 3.33: docs/felix-generation.md), PEREGRINE_MISSING_PASSWORD
(unauthenticated, withhold: docs/differences.md), PEREGRINE_NEXT_HOP_OBJECTS (off, auto:
docs/adr/0009-next-hop-objects.md), PEREGRINE_DRAIN_ON (cordon, taint:KEY: docs/maintenance.md).
PEREGRINE_REHEARSAL=off keeps a daemon that has just started from warming up its code (0.3 s of processor time).

Signals of a running daemon: SIGHUP reads the configuration again, SIGUSR1 writes what is known to the log, SIGUSR2
drains, and the next one undrains. SIGTERM ends the process without telling the peers, so that graceful restart keeps
the routes (but see --on-sigterm). SIGINT (Ctrl-C) closes all sessions with Cease / Administrative Shutdown and ends it.
Kernel routes always stay.

Exit status: 0 done, 1 failed, 2 the command line or the configuration is wrong.
`;
