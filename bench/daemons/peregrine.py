"""Peregrine, stand-alone: `node dist/peregrine.js run --config FILE`.

Options: flags=... for Node (comma between them, for example `flags=--cpu-prof,--max-semi-space-size=8`), main=... for
another build.  As BIRD does here, it resolves next hops through the connected subnet; the kernel's table is written
only when the scenario is about it.
"""
import os
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
OPT = dict(node="node", main=os.path.join(ROOT, "dist", "peregrine.js"), flags="")


def version():
    try:
        r = subprocess.run([OPT["node"], OPT["main"], "--version"], capture_output=True, text=True)
    except OSError:
        return None
    return r.stdout.strip().replace("peregrine ", "") if r.returncode == 0 else None


def supports(scenario):
    return None


def processes(spec):
    family = f"ipv{spec.af}-unicast"
    c = [f"routerId: {spec.router_id}",
         f"as: {spec.asn}",
         "logLevel: warn",
         f"controlSocket: {spec.dir}/peregrine.sock",
         f"listen: [{{ address: '{spec.addr}' }}]",
         f"kernel: {{ enabled: {'true' if spec.kernel else 'false'} }}",
         # The other daemons of the comparison send and install one path of each prefix.
         "decision: { multipath: false }",
         "peers:"]
    for p in spec.peers:
        o = [f"address: '{p.addr}'", f"localAddress: '{spec.addr}'", f"as: {p.asn}", "passive: true",
             f"holdTimeSeconds: {spec.hold}", f"families: [{family}]"]
        if p.role == "client":
            o.append("routeReflectorClient: true")
        if not p.export:
            o.append("export: reject-all")
        c.append(f"  - {{ {', '.join(o)} }}")
    conf = os.path.join(spec.dir, "peregrine.yaml")
    with open(conf, "w") as f:
        f.write("\n".join(c) + "\n")
    return [[OPT["node"], *filter(None, OPT["flags"].split(",")), OPT["main"], "run", "--config", conf]]
