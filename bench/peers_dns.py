"""DNS servers to measure beside filterd: one list of names blocked with all below them, one upstream, one thread each.

dnsdist 1.9 with recvmmsg vectors of 64 and a packet cache, Unbound with local zones (its fastest way to block),
PowerDNS Recursor with a response policy zone; the settings were fair to each when they were compared.  A server that
is not installed is left out, with a line that says so.
"""

import contextlib
import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from support.dns import load as asking
from support.dns import resolvers
from support.dns import rpz_zones as rpzones

from fastpath.wire.name import to_wire

HOST = "127.0.0.1"

DNSDIST = """
setSecurityPollSuffix("")
setUDPMultipleMessagesVectorSize(64)
setMaxUDPOutstanding(65535)
setUDPSocketBufferSizes(4194304, 4194304)
setLocal("127.0.0.1:{port}", {{reusePort=false}})
newServer({{address="127.0.0.1:{upstream}", sockets=1, healthCheckMode="up"}})
getPool(""):setCache(newPacketCache(1000000, {{numberOfShards=1}}))
local listed = newSuffixMatchNode()
for line in io.lines("{folder}/names.txt") do listed:add(line) end
addAction(SuffixMatchNodeRule(listed), RCodeAction(DNSRCode.NXDOMAIN))
"""
UNBOUND = """
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: 127.0.0.1@{port}
  do-not-query-localhost: no
  do-ip6: no
  num-threads: 1
  outgoing-range: 16384
  num-queries-per-thread: 8192
  so-rcvbuf: 4m
  so-sndbuf: 4m
  msg-cache-size: 256m
  rrset-cache-size: 512m
  module-config: "iterator"
  qname-minimisation: no
  local-zone: "test." nodefault
  local-zone: "invalid." nodefault
  include: "{folder}/zones.conf"
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{upstream}
"""
RECURSOR = """
incoming:
  listen: ["127.0.0.1:{port}"]
  allow_from: ["127.0.0.0/8"]
outgoing:
  dont_query: []
dnssec:
  validation: "off"
logging:
  loglevel: 3
packetcache:
  max_entries: 1000000
recordcache:
  max_entries: 2000000
recursor:
  socket_dir: "{folder}"
  threads: 1
  max_mthreads: 8192
  security_poll_suffix: ""
  serve_rfc1918: false
  serve_rfc6303: false
  forward_zones_recurse: [{{zone: ".", forwarders: ["127.0.0.1:{upstream}"]}}]
  rpzs: [{{name: "{folder}/zone.rpz", policyName: "{apex}", ignoreDuplicates: true}}]
"""
# name → program, file, text, arguments
PEERS: dict[str, tuple[str, str, str, Callable[[Path], list[str]]]] = {
    "dnsdist": ("dnsdist", "dnsdist.lua", DNSDIST, lambda path: ["--supervised", "--config", str(path)]),
    "unbound": ("unbound", "unbound.conf", UNBOUND, lambda path: ["-d", "-p", "-c", str(path)]),
    "recursor": (
        "pdns_recursor",
        "recursor.yml",
        RECURSOR,
        lambda path: [f"--config-dir={path.parent}", "--daemon=no"],
    ),
}


def write_lists(folder: Path, listed: Iterable[str]) -> None:
    """The names as text, as local zones and as a policy zone."""
    with (
        (folder / "names.txt").open("w") as plain,
        (folder / "zones.conf").open("w") as zones,
        (folder / "zone.rpz").open("w") as policy,
    ):
        policy.write(rpzones.zone_text({}))
        for name in listed:
            plain.write(f"{name}\n")
            zones.write(f'local-zone: "{name}." always_nxdomain\n')
            policy.write(f"{name} {rpzones.NXDOMAIN}\n*.{name} {rpzones.NXDOMAIN}\n")


def start(peer: str, folder: Path, port: int, upstream: int, blocked: str, stack: contextlib.ExitStack) -> int | None:
    """Run `peer` on the lists in `folder` until the stack is left; its process once it blocks `blocked`.

    None, and a line on standard error, where it is not installed.   Raises AssertionError with its log."""
    program, name, text, arguments = PEERS[peer]
    if shutil.which(program) is None:
        print(f"bench: {program} is not installed; left out", file=sys.stderr)
        return None
    (folder / name).write_text(text.format(folder=folder, port=port, upstream=upstream, apex=rpzones.APEX))
    process = resolvers.start(peer, [program, *arguments(folder / name)], folder, stack)
    resolvers.wait_for(
        (HOST, port),
        process,
        folder / f"{peer}.log",
        to_wire(blocked.encode()),
        lambda answer: answer.rcode == asking.NXDOMAIN,
    )
    pid: int = process.pid
    return pid


def hold(pid: int, core: int) -> None:
    """Keep a process that runs already on one core."""
    for thread in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(thread.name), {core})
