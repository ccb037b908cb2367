"""DNS front before a real unbound, every query for another allowed name: queries a second there and back.

The front has one core; unbound, which has all answers at hand, shares the other with dnsperf: the number is a floor.
`lost` is what dnsperf got no answer to.
"""
import asyncio
import os
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.dns import CLIENT_CORE, SERVER_CORE, free_port, run_dnsperf, wait_for, write_image
from dns import AnswerPolicy, Endpoint, serve
from fastpath.counters import read_counters
from fastpath.image import open_image
from fastpath.layout import ImageKind
from fastpath.tables import TableSet

N_ASKED = 1_000_000     # more than are asked in a run
UNBOUND = """
server:
    verbosity: 0
    use-syslog: no
    username: ""
    chroot: ""
    directory: "{folder}"
    pidfile: ""
    interface: 127.0.0.1@{port}
    num-threads: 1
    do-daemonize: no
    so-rcvbuf: 4m
    trust-anchor-file: ""
    module-config: "iterator"
    local-zone: "free.test." redirect
    local-data: "free.test. 300 IN A 198.51.100.10"
remote-control:
    control-enable: no
"""


def serve_alone(image: str, port: int, upstream: int, state: str) -> None:
    """The front's process: one worker on one core."""
    os.sched_setaffinity(0, {SERVER_CORE})
    tables = TableSet(open_image(image, ImageKind.NAMES))
    behind = Endpoint("127.0.0.1", upstream)
    asyncio.run(serve([Endpoint("127.0.0.1", port)], [behind], tables, AnswerPolicy(), 1, Path(state)))


def start_unbound(folder: Path, port: int) -> "subprocess.Popen[bytes]":
    config = folder / "unbound.conf"
    config.write_text(UNBOUND.format(folder=folder, port=port))
    return subprocess.Popen(["taskset", "-c", str(CLIENT_CORE), "unbound", "-d", "-c", str(config)])


def figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        state, image, queries = Path(folder), Path(folder, "names.img"), Path(folder, "queries")
        write_image(image, ["listed.test"])
        queries.write_text("".join(f"n{number}.free.test A\n" for number in range(N_ASKED)))
        port, upstream = free_port(), free_port()
        command = [sys.executable, __file__, "serve", str(image), str(port), str(upstream), folder]
        running = [start_unbound(state, upstream), subprocess.Popen(command)]
        try:
            wait_for(upstream)
            wait_for(port)
            found = run_dnsperf(port, queries)
        finally:
            for process in running:
                process.terminate()
                process.wait()
        counted = read_counters(state / "counters" / "dns-0")
    found["forwarded_per_s"] = found.pop("blocked_per_s")
    return found | {name: counted[f"dns_{name}"] for name in ("upstream_lost", "upstream_late", "send_failed")}


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve_alone(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), sys.argv[5])
    else:
        for key, value in figures().items():
            print(f"{key:20} {value:,.2f}")
