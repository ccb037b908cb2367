"""A list that is another name server's zone: 100 names of a million change there, and are blocked here.

A real Knot DNS holds a policy zone.  filterd is told of a change (NOTIFY, sent here: Knot waits a second before its
own), asks for the difference (IXFR), makes a delta of it, and a DNS worker serves that.  `live_ms` is from the NOTIFY
until the last of the 100 names is blocked, the median of N_CHANGES, `longest_ms` the worst; `first_s` is what the whole
zone takes at the start.
Goal: live_ms ≤ 200.
"""

import contextlib
import json
import shutil
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.appliance import Appliance
from bench.corpus import names
from bench.flood import Figures, free_port, leave_for_own_network
from fastpath.wire.name import to_wire

ZONE, HOST = "rpz.vendor.test", "127.0.0.1"
N_NAMES = 1_000_000
N_CHANGED = 100
N_CHANGES = 10
WAIT_S, AT_ONCE_S = 600.0, 0.005
A, SOA, NXDOMAIN = 1, 6, 3
NOTIFY = 0x2400  # the opcode, with AA
KNOT = """
server:
    listen: {host}@{port}
    rundir: {folder}
database:
    storage: {folder}/db
log:
  - target: stderr
    any: warning
acl:
  - id: transfer
    address: {host}
    action: transfer
zone:
  - domain: {zone}
    storage: {folder}
    file: zone
    zonefile-sync: -1
    zonefile-load: difference
    journal-content: changes
    acl: transfer
"""


@contextlib.contextmanager
def vendor(folder: Path, listed: list[str], port: int) -> Iterator[Path]:
    """Knot DNS with the zone, as long as the block lasts; its configuration."""
    with (folder / "zone").open("w") as file:
        file.write(f"{ZONE}. 60 SOA ns.{ZONE}. host.{ZONE}. 1 300 60 86400 60\n{ZONE}. 60 NS ns.{ZONE}.\n")
        file.writelines(f"{name}.{ZONE}. 60 CNAME .\n" for name in listed)
    config = folder / "knot.conf"
    config.write_text(KNOT.format(host=HOST, zone=ZONE, port=port, folder=folder))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(["knotd", "-c", config], stderr=log)
    try:
        while serial_of(port) is None and process.poll() is None:
            pass
        yield config
    finally:
        process.terminate()
        process.wait()


def answer_to(port: int, name: str, qtype: int, flags: int = 0x100) -> bytes | None:
    """Over UDP, at once or not at all: what is not blocked is nobody's here.   flags  with the opcode; RD"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking, contextlib.suppress(TimeoutError, OSError):
        asking.settimeout(AT_ONCE_S)
        asking.connect((HOST, port))
        asking.send(struct.pack(">6H", 1, flags, 1, 0, 0, 0) + to_wire(name.encode()) + struct.pack(">HH", qtype, 1))
        return asking.recv(4096)
    return None


def serial_of(port: int) -> bytes | None:
    answer = answer_to(port, ZONE, SOA)
    return answer if answer and answer[3] & 15 == 0 and answer[7] else None


def until_blocked(port: int, name: str) -> None:
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline:
        answer = answer_to(port, name, A)
        if answer and answer[3] & 15 == NXDOMAIN:
            return
    raise TimeoutError(f"{name}: not blocked after {WAIT_S:g} s; stopped; read the logs")


def changed(config: Path, told: int, port: int, number: int) -> float:
    """Seconds from telling of 100 new names until the last of them is blocked."""
    fresh = [f"n{n}.change{number}.example" for n in range(N_CHANGED)]
    steps = [f"zone-begin {ZONE}", *(f"zone-set {ZONE} {name} 60 CNAME ." for name in fresh), f"zone-commit {ZONE}"]
    for step in steps:
        subprocess.run(["knotc", "-c", config, *step.split()], check=True, stdout=subprocess.DEVNULL)
    began = time.monotonic()
    answer_to(told, ZONE, SOA, NOTIFY)
    for name in fresh:
        until_blocked(port, name)
    return time.monotonic() - began


def figures() -> Figures:
    if shutil.which("knotd") is None:
        return {}
    leave_for_own_network()
    listed = list(names(N_NAMES))
    with tempfile.TemporaryDirectory() as name:
        folder, own, at, told = Path(name), Path(name, "knot"), free_port(), free_port()
        (own / "db").mkdir(parents=True)
        appliance = Appliance(folder, ["bench.example"], 1)
        said = json.loads(appliance.config.read_text())
        said["lists"].append(
            {"id": "vendor", "zone": ZONE, "primaries": [f"{HOST}:{at}"], "format": "rpz", "tier": "security"}
        )
        said["transfers"] = {"notify": [f"{HOST}:{told}"]}
        appliance.config.write_text(json.dumps(said))
        with vendor(own, listed, at) as config, appliance.running(is_apart=False):
            began = time.monotonic()
            until_blocked(appliance.port, listed[-1])
            first_s = time.monotonic() - began
            seconds = [changed(config, told, appliance.port, number) for number in range(N_CHANGES)]
    return {
        "names": N_NAMES,
        "changes": N_CHANGES,
        "first_s": first_s,
        "live_ms": statistics.median(seconds) * 1e3,
        "longest_ms": max(seconds) * 1e3,
    }


if __name__ == "__main__":
    print(figures())
