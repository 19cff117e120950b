"""Not a BGP daemon: bgpload's own relay, which passes UPDATEs on verbatim.
It shows the harness' ceiling and the floor that sockets and copying set.
Option sink=1: it drops the UPDATEs instead, for scenario `send`."""
import os

OPT = dict(sink="", bin=os.environ.get("BGPLOAD") or os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bgpload"))
VERBATIM = True      # attributes arrive as they were sent


def version():
    return "verbatim" if os.path.exists(OPT["bin"]) else None


def supports(scenario):
    if scenario[0] in "bh" or (OPT["sink"] and scenario != "send"):
        return "keeps no routes"
    return None


def processes(spec):
    return [[OPT["bin"], "relay", "--listen", spec.addr, "--as", str(spec.asn)] + (["--sink"] if OPT["sink"] else [])]
