"""The gate beside Suricata 7, inline in the same lab: what a new connection costs, what it takes, what it stops.

Both have a million names and answer for the same connections on one core (bench/gate_live.py says how).  Suricata does
as little as its manual allows: one worker thread with the whole pipeline (`--runmode workers`), verdicts in batches of
20, fail-open, a dataset with a bucket for every name, no output but its log, TLS the only protocol.  It needs a
connection from its SYN on, both ways; by `bypass` it lets go of it once the name is known to be allowed, and the rules
that keep it in the kernel then are as cheap as filterd's.

    …_per_s, …_us           connections a second and 1/rate
    …_over_conntrack_us     beside the gateway that only tracks them
    …_mib                   resident afterwards, all that runs in the gateway
    …_blocked, …_blocked_left   connections to listed names that had no answer; those that the server still holds
    …_stops_PLAN            1: a connection to a listed name, sent like that, no answer.  tests/support/gate/evader.py
                            sends it, to a server that is far away: a time to live below 10 does not reach it

A dataset knows whole names only: Suricata is asked for listed names, filterd for names below them.
"""

import contextlib
import shutil
import sys
import tempfile
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.gate_live import ROUNDS, new_connections
from bench.testbed import (
    CORE,
    N_HELLOS,
    N_NAMES,
    START_S,
    Figures,
    Testbed,
    clear,
    listed,
    median,
    testbed,
    with_conntrack,
    with_filterd,
    write_hellos,
)
from filterd.lab.processes import tail, wait_until

CONFIGURATION = """%YAML 1.1
---
default-log-dir: {folder}
default-rule-path: {folder}
rule-files: [names.rules]
logging: {{default-log-level: notice, outputs: [{{console: {{enabled: yes}}}}]}}
outputs: []
stats: {{enabled: no}}
unix-command: {{enabled: no}}
max-pending-packets: 4096
detect: {{profile: high}}
nfq: {{mode: accept, batchcount: 20, fail-open: yes, bypass-mark: 1, bypass-mask: 1}}
app-layer: {{protocols: {{tls: {{enabled: yes, detection-ports: {{dp: 443}}, encryption-handling: bypass}}}}}}
flow: {{memcap: 512mb, hash-size: 262144, prealloc: 50000}}
stream: {{memcap: 512mb, inline: yes, midstream: no, reassembly: {{memcap: 512mb, depth: 1mb}}}}
datasets:
  defaults: {{memcap: 2gb, hashsize: 1048576}}
  limits: {{single-hashsize: 2097152}}
  listed: {{type: string, load: {folder}/listed.lst}}
"""
RULES = """\
drop tls any any -> any any (msg:"listed"; tls.sni; dotprefix; dataset:isset,listed; sid:1; rev:1;)
pass tls any any -> any any (msg:"free"; tls.sni; dotprefix; dataset:isnotset,listed; bypass; noalert; sid:2; rev:1;)
"""
FORWARD = """
table inet bench {
  chain before {
    type filter hook forward priority -160; policy accept;
    ct mark & 1 == 1 accept
    ct state invalid drop
    tcp dport 443 meta mark set 0x80
    tcp sport 443 meta mark set 0x80
  }
  chain after {
    type filter hook forward priority 0; policy accept;
    meta mark & 1 == 1 ct mark set 1
  }
}
"""
QUEUE = """\
*mangle
-A FORWARD -m mark --mark 0x80/0x80 -j NFQUEUE --queue-num 0 --queue-bypass
COMMIT
"""
BLOCKED_S, BLOCKED_RATE = 1.0, 100
BLOCKED, ALLOWED = "www.blocked.test", "www.allowed.test"
# Stream position, octets, time to live: HELLO is for the listed name, OTHER for an allowed one of the same length.
PLANS = {
    "one_segment": "[(0, HELLO, 64)]",
    "two_segments": "[(0, HELLO[:60], 64), (60, HELLO[60:], 64)]",
    "out_of_order": "[(60, HELLO[60:], 64), (0, HELLO[:60], 64)]",
    "record_fragments": "[(0, records(HELLO[5:], 20), 64)]",
    "low_ttl_decoy": "[(0, OTHER, 3), (0, HELLO, 64)]",
    "decoy_before_stream": "[(-100000, OTHER, 64), (0, HELLO, 64)]",
    "decoy_far_ahead": "[(40000, OTHER, 3), (0, HELLO, 64)]",
}
FAR = "table ip far { chain in { type filter hook input priority 0; ip ttl < 10 drop; }; }"
EVADER = Path(__file__).parents[1] / "tests/support/gate/evader.py"


@contextlib.contextmanager
def with_suricata(bed: Testbed) -> Iterator[None]:
    """Suricata as the gateway's filter."""
    write_suricata(bed)
    bed.must("gateway", "nft", "-f", "-", stdin=FORWARD)
    bed.must("gateway", "iptables-nft-restore", stdin=QUEUE)
    command = [
        "taskset",
        "-c",
        str(CORE),
        "suricata",
        "-c",
        str(bed.folder / "suricata.yaml"),
        "-q",
        "0",
        "--runmode",
        "workers",
        "-l",
        str(bed.folder),
    ]
    running = bed.place.popen("gateway", command, "suricata")
    log = bed.place.directory / "logs/gateway-suricata.log"
    try:
        wait_until(lambda: "Engine started" in tail(log) or running.poll() is not None, f"{log}: suricata", START_S)
        if running.poll() is not None:
            raise RuntimeError(f"suricata: ended with {running.returncode}; not measured; {tail(log)}")
        yield
    finally:
        bed.place.stop(running)
        log.unlink()
        clear(bed)


def write_suricata(bed: Testbed) -> None:
    (bed.folder / "suricata.yaml").write_text(CONFIGURATION.format(folder=bed.folder))
    (bed.folder / "names.rules").write_text(RULES)
    with (bed.folder / "listed.lst").open("wb") as file:
        file.writelines(b64encode(b"." + name.encode()) + b"\n" for name in (*listed(), BLOCKED))


FILTERS: dict[str, Callable[[Testbed], contextlib.AbstractContextManager[object]]] = {"filterd": with_filterd}
if shutil.which("suricata") is None:
    print("bench: suricata is not installed; left out", file=sys.stderr)
else:
    FILTERS["suricata"] = with_suricata
HELLOS = {"filterd": "blocked", "suricata": "listed"}


def stops(bed: Testbed) -> Figures:
    """Which plans came to nothing.   Raises RuntimeError where an allowed name comes to nothing, too."""
    found: Figures = {}
    bed.must("internet", "nft", FAR)
    with bed.server("serve", CORE):
        if outcome(bed, ALLOWED, PLANS["two_segments"]) != "answered":
            raise RuntimeError("evader: an allowed name had no answer; not measured; look at the logs")
        for label, plan in PLANS.items():
            found[f"stops_{label}"] = float(outcome(bed, BLOCKED, plan) in ("reset", "silence"))
    bed.must("internet", "nft", "delete table ip far")
    return found


def outcome(bed: Testbed, name: str, plan: str) -> str:
    root = EVADER.parents[2]
    paths = f"PYTHONPATH={root}:{root / 'tests'}"
    return bed.must("child", "env", paths, sys.executable, str(EVADER), bed.client, bed.web, name, plan).strip()


def blocked(bed: Testbed, name: str) -> Figures:
    """A few connections to listed names, and what the server still holds of them."""
    with bed.server("serve", CORE):
        said = bed.connect("paced", bed.folder / HELLOS[name], BLOCKED_S, BLOCKED_RATE, CORE)
        return {"blocked": said["begun"] - said["answered"], "blocked_left": bed.established()}


def resident(bed: Testbed) -> float:
    """MiB of all that runs in the gateway, shared pages by their share."""
    pids = bed.must("gateway", "ip", "netns", "pids", bed.place.namespace("gateway")).split()
    paths = [Path(f"/proc/{pid}/smaps_rollup") for pid in pids]
    return sum(int(path.read_text().partition("Pss:")[2].split()[0]) for path in paths if path.exists()) / 1024


def figures() -> Figures:
    found: Figures = {}
    rounds: dict[str, list[Figures]] = {name: [] for name in ("conntrack", *FILTERS)}
    with tempfile.TemporaryDirectory() as folder, testbed(Path(folder)) as bed:
        bed.offload(False)
        write_hellos(bed.folder / "listed", listed()[:: N_NAMES // N_HELLOS])
        for _ in range(ROUNDS):
            for name, gateway in {"conntrack": with_conntrack, **FILTERS}.items():
                with gateway(bed):
                    rounds[name].append(new_connections(bed, name))
                    if name in FILTERS:
                        rounds[name][-1] |= {"mib": resident(bed)}
        rates = {name: median(each) for name, each in rounds.items()}
        for name, gateway in FILTERS.items():
            over = rates[name]["us"] - rates["conntrack"]["us"]
            with gateway(bed):
                each = rates[name] | {"over_conntrack_us": over} | blocked(bed, name) | stops(bed)
            found |= {f"{name}_{key}": value for key, value in each.items()}
    return found | {f"conntrack_{key}": value for key, value in rates["conntrack"].items()}


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:36} {value:>12,.2f}")
