"""Real servers, each with the zone `test.`: BIND, Knot and NSD with its file, Unbound in front of BIND."""

import contextlib
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from support.packets.shapes import question
from support.system.ports import free_port

from filterd.lab.patience import Patience

HOST = "127.0.0.1"
READY_S = 60.0

CONFIGS = {
    "bind": """
options {{ directory "{folder}"; pid-file none; session-keyfile none; listen-on port {port} {{ {host}; }};
  listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; minimal-responses no; }};
controls {{ }};
zone "test" {{ type primary; file "{zone}"; }};
""",
    "knot": """
server:
    rundir: "{folder}"
    listen: {host}@{port}
database:
    storage: "{folder}"
zone:
  - domain: test
    file: "{zone}"
    zonefile-sync: -1
""",
    "nsd": """
server:
  ip-address: {host}@{port}
  chroot: ""
  username: ""
  pidfile: ""
  zonelistfile: "{folder}/zone.list"
  xfrdfile: ""
  xfrdir: "{folder}"
  minimal-responses: no
remote-control:
  control-enable: no
zone:
  name: test
  zonefile: "{zone}"
""",
    "unbound": """
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  interface: {host}@{port}
  do-not-query-localhost: no
  do-ip6: no
  minimal-responses: no
  module-config: "iterator"
  local-zone: "test." nodefault
remote-control:
  control-enable: no
stub-zone:
  name: "test."
  stub-addr: {host}@{upstream}
""",
}
COMMANDS = {
    "bind": ["named", "-g", "-n", "1", "-c"],
    "knot": ["knotd", "-c"],
    "nsd": ["nsd", "-d", "-c"],
    "unbound": ["unbound", "-d", "-c"],
}


def ask(port: int, query: bytes, timeout_s: float = 5) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.settimeout(timeout_s)
        asker.connect((HOST, port))
        asker.send(query)
        return asker.recv(65535)


@contextlib.contextmanager
def serving_zone(folder: Path, records: str) -> Iterator[dict[str, int]]:
    """Every server with these records below `test.`: engine → port.   Unbound asks BIND"""
    folder.chmod(0o755)
    zone = folder / "test.zone"
    zone.write_text(f"$ORIGIN test.\n{records}")
    with contextlib.ExitStack() as stack:
        ports: dict[str, int] = {}
        for engine in CONFIGS:
            ports[engine] = _start(engine, folder, zone, ports.get("bind", 0), stack)
        yield ports


def _start(engine: str, folder: Path, zone: Path, upstream: int, stack: contextlib.ExitStack) -> int:
    """Run a server until the stack is left; its port, once it answers."""
    own, port = folder / engine, free_port()
    own.mkdir()
    config = own / "server.conf"
    config.write_text(CONFIGS[engine].format(folder=own, host=HOST, port=port, zone=zone, upstream=upstream))
    log = own / "log"
    with log.open("wb") as said:
        process = subprocess.Popen([*COMMANDS[engine], str(config)], stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    stack.callback(process.wait, READY_S)
    stack.callback(process.terminate)
    patience = Patience(READY_S)
    while process.poll() is None and not patience.is_over():
        with contextlib.suppress(OSError):
            if ask(port, question(b"plain.test"), 0.2)[7] == 2:
                return port
        time.sleep(0.05)
    raise AssertionError(f"{engine} did not come up:\n{log.read_text()[-2000:]}")
