"""A million names from text to the first blocked answer, and what that takes of memory: filterd beside real servers.

    python bench/load.py

`…_s` is from the start of the program until it blocks the last name of its list, `…_mib` what is resident then.
filterd compiles once (`filterd_compile_s`, its own memory in `…_compile_mib`); then each start maps the image, whose
pages all workers share: `filterd_own_mib` is what a worker has for itself.  RPZ zones hold two records a name.
A server that is not installed is left out, with a line that says so.
"""

import contextlib
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.dns import load as asking
from support.dns import resolvers
from support.dns import rpz_zones as rpzones

from bench.corpus import names
from fastpath.wire.name import to_wire
from rules.lists.compiler.compile import compile_sources
from rules.lists.source import parse_source

N_NAMES = 1_000_000
DNSDIST_PORT = 5305
PORTS = resolvers.PORTS | {"dnsdist": DNSDIST_PORT}
PROGRAMS = {"dnsdist": "dnsdist"} | resolvers.PROGRAMS
DNSDIST = """
setSecurityPollSuffix("")
setLocal("127.0.0.1:{port}")
newServer({{address="127.0.0.1:{upstream}", healthCheckMode="up"}})
local listed = newSuffixMatchNode()
for line in io.lines("{listed}") do listed:add(line) end
addAction(SuffixMatchNodeRule(listed), RCodeAction(DNSRCode.NXDOMAIN))
"""

Figures = dict[str, float]


def write_lists(folder: Path) -> tuple[Path, Path, str]:
    """The names as text, as a policy zone, and the last of them."""
    plain, zone = folder / "names.txt", folder / "zone.rpz"
    name = ""
    with plain.open("w") as listed, zone.open("w") as policy:
        policy.write(rpzones.zone_text({}))
        for name in names(N_NAMES):
            listed.write(f"{name}\n")
            policy.write(f"{name} {rpzones.NXDOMAIN}\n*.{name} {rpzones.NXDOMAIN}\n")
    return plain, zone, name


def compile_apart(plain: Path) -> Figures:
    """Compile in a process of its own."""
    argv = [sys.executable, "-P", __file__, str(plain)]
    said = subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.split()
    return {"filterd_compile_s": float(said[0]), "filterd_compile_mib": float(said[1])}


def compile_here(plain: Path) -> None:
    source = parse_source(f"{plain},list=names,tier=security,action=nxdomain,allow_public_suffix=yes")
    report = compile_sources([source], plain.parent, bytes(range(16)), 1)
    report.path.rename(plain.with_suffix(".img"))
    print(report.seconds, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def commands(folder: Path, plain: Path, zone: Path) -> dict[str, Callable[[], list[str]]]:
    """How each server is started."""
    config = folder / "dnsdist.lua"
    config.write_text(DNSDIST.format(port=DNSDIST_PORT, upstream=resolvers.UPSTREAM[1], listed=plain))
    found: dict[str, Callable[[], list[str]]] = {
        "filterd": lambda: resolvers.filterd_command(plain.with_suffix(".img"), folder),
        "dnsdist": lambda: ["dnsdist", "--supervised", "--config", str(config)],
    }
    for engine in resolvers.TEXTS:
        found[engine] = lambda engine=engine: resolvers.command(engine, zone, folder)
    return found


def measure(server: str, argv: list[str], folder: Path, last: str) -> Figures:
    """Start one server, wait until it blocks, look at its memory."""
    with contextlib.ExitStack() as stack:
        began = time.perf_counter()
        process = resolvers.start(server, argv, folder, stack)
        log = folder / f"{server}.log"
        resolvers.wait_for((resolvers.HOST, PORTS[server]), process, log, to_wire(last.encode()), _is_blocked)
        seconds = time.perf_counter() - began
        octets = resident(process.pid)
    found = {f"{server}_s": seconds, f"{server}_mib": (octets["RssAnon"] + octets["RssFile"]) / 1024}
    return found | ({"filterd_own_mib": octets["RssAnon"] / 1024} if server == "filterd" else {})


def resident(pid: int) -> dict[str, int]:
    """KiB of a process's own memory and of the files it maps."""
    return {key: int(n) for key, n in re.findall(r"(Rss\w+):\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())}


def _is_blocked(answer: asking.Answer) -> bool:
    return answer.rcode == asking.NXDOMAIN


def figures() -> Figures:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, zone, last = write_lists(folder)
        found = compile_apart(plain)
        for server, command in commands(folder, plain, zone).items():
            if server != "filterd" and shutil.which(PROGRAMS[server]) is None:
                print(f"bench load: {server} is not installed; left out", file=sys.stderr)
                continue
            found |= measure(server, command(), folder, last)
    return found


if __name__ == "__main__":
    if len(sys.argv) == 2:
        os.nice(10)
        compile_here(Path(sys.argv[1]))
    else:
        for key, value in figures().items():
            print(f"{key:24} {value:,.2f}")
