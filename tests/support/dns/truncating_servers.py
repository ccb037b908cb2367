"""Real servers that truncate UDP answers: at 512 octets (Knot 1,220), or above a rate limit.

They know www.free.test and all names below many.test (198.51.100.10), middle.test and big.test (TXTs of 1,000 and of
40,000 octets).
"""

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

from support.dns.dot_servers import HOST, running

ZONE = """
$ORIGIN test.
$TTL 300
@ SOA ns.test. host.test. 1 3600 600 86400 60
@ NS ns.test.
ns A 127.0.0.1
www.free A 198.51.100.10
*.many A 198.51.100.10
middle TXT {middle}
"""

BIND = """
options {{ directory "{folder}"; pid-file none; session-keyfile none; listen-on port {port} {{ {host}; }};
  listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; empty-zones-enable no; {more} }};
controls {{ }};
zone "test" {{ type primary; file "zone"; }};
"""
AT_512 = "max-udp-size 512;"
# The same answer once a second; each further one is an empty one with TC: what a public server does to who asks much.
SLIPS = "rate-limit { responses-per-second 1; slip 1; };"

KNOT = """
server:
    listen: {host}@{port}
    rundir: {folder}
    udp-max-payload: 1220
database:
    storage: {folder}
log:
  - target: stderr
    any: info
zone:
  - domain: test
    file: {folder}/zone
"""

UNBOUND = """
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: {host}@{port}
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  max-udp-size: 512
  trust-anchor-file: ""
  module-config: "iterator"
  local-zone: "test." nodefault
auth-zone:
  name: "test"
  zonefile: "{folder}/zone"
  for-downstream: yes
  for-upstream: yes
remote-control:
  control-enable: no
"""

Server = Callable[[Path, int], contextlib.AbstractContextManager["subprocess.Popen[bytes]"]]


@contextlib.contextmanager
def bind(folder: Path, port: int, more: str = AT_512) -> Iterator["subprocess.Popen[bytes]"]:
    with _serving("named", folder, "named.conf", BIND, ("-g", "-c"), port, more) as process:
        yield process


@contextlib.contextmanager
def knot(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    with _serving("knotd", folder, "knot.conf", KNOT, ("-c",), port) as process:
        yield process


@contextlib.contextmanager
def unbound(folder: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    with _serving("unbound", folder, "unbound.conf", UNBOUND, ("-d", "-c"), port) as process:
        yield process


@contextlib.contextmanager
def _serving(
    name: str, folder: Path, config: str, text: str, options: tuple[str, ...], port: int, more: str = ""
) -> Iterator["subprocess.Popen[bytes]"]:
    folder.mkdir(exist_ok=True)
    zone = ZONE.format(middle=_texts(4)) + f"big TXT {_texts(160)}\n"
    (folder / "zone").write_text(zone)
    said = text.format(folder=folder, host=HOST, port=port, more=more)
    with running(name, folder, config, said, options, port) as process:
        yield process


def _texts(n: int) -> str:
    return " ".join(f'"{number:03}{"x" * 247}"' for number in range(n))
