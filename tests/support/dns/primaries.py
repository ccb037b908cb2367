"""Real name servers as primaries of a policy zone: BIND, Knot, NSD, PowerDNS; TSIG, IXFR (not PowerDNS), NOTIFY.

Each runs on a port of its own, with its files in a folder of its own, until the block ends.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from support.system.ports import free_port

from filterd.lab.patience import Patience

HOST = "127.0.0.1"
ZONE = "rpz.test"
KEY = "transfer.test"
SECRET = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
READY_S = 60.0
NO_TLS: Mapping[str, str | Path] = MappingProxyType({})
HEAD = (
    "$ORIGIN {zone}.\n$TTL 60\n"
    "@ SOA ns.vendor.test. host.vendor.test. {serial} 3600 600 86400 60\n@ NS ns.vendor.test.\n"
)

BIND = """
{head}
key "{key}" {{ algorithm {algorithm}; secret "{secret}"; }};
options {{ directory "{folder}"; pid-file none; session-keyfile none; listen-on port {port} {{ {host}; }};
  listen-on-v6 {{ none; }}; recursion no; dnssec-validation no; empty-zones-enable no; allow-transfer {{ {who}; }};
  notify {notify}; {also} notify-delay 0; notify-rate 1000; startup-notify-rate 1000;
  ixfr-from-differences yes; max-journal-size 100m; transfer-format many-answers; {more} }};
controls {{ }};
logging {{ channel here {{ stderr; severity info; }}; category default {{ here; }}; }};
zone "{zone}" {{ type primary; file "zone"; allow-query {{ any; }}; allow-update {{ {who}; }};
  check-names ignore; }};
"""

KNOT = """
server:
    listen: {host}@{port}
    rundir: {folder}
    {knot_tls}
database:
    storage: {folder}/db
log:
  - target: stderr
    any: info
key:
  - id: {key}
    algorithm: {algorithm}
    secret: {secret}
remote:
  - id: filterd
    address: {host}@{notify_port}
acl:
  - id: transfer
    {knot_who}
    action: [transfer, update]
template:
  - id: default
    storage: {folder}
    file: zone
    zonefile-load: difference
    journal-content: changes
zone:
  - domain: {zone}
    acl: [transfer]
    {knot_notify}
"""

NSD = """
server:
  ip-address: {host}@{port}
  zonesdir: "{folder}"
  xfrdir: "{folder}"
  xfrdfile: "{folder}/xfrd.state"
  zonelistfile: "{folder}/zone.list"
  pidfile: "{folder}/nsd.pid"
  database: ""
  username: ""
  chroot: ""
  verbosity: 2
  xfrd-reload-timeout: 0
remote-control:
  control-enable: no
key:
  name: {key}
  algorithm: {algorithm}
  secret: "{secret}"
zone:
  name: {zone}
  zonefile: zone
  store-ixfr: yes
  create-ixfr: yes
  provide-xfr: {host} {nsd_who}
  {nsd_notify}
"""


POWERDNS = """
launch=gsqlite3
gsqlite3-database={folder}/database
gsqlite3-dnssec=yes
local-address={host}
local-port={port}
socket-dir={folder}
daemon=no
guardian=no
webserver=no
primary=yes
zone-cache-refresh-interval=0
query-cache-ttl=0
cache-ttl=0
allow-axfr-ips={host}
setuid=0
"""
POWERDNS_SCHEMA = "/usr/share/doc/pdns-backend-sqlite3/schema.sqlite3.sql"


def records(names: Sequence[str]) -> str:
    """What blocks names and all below them."""
    return "".join(f"{name} CNAME .\n*.{name} CNAME .\n" for name in names)


@dataclass
class PrimaryServer:
    """A running primary."""

    kind: str
    port: int
    folder: Path
    key: str  # as dig -y takes it; "" without
    process: subprocess.Popen[bytes]

    def update(self, *lines: str) -> None:
        """Change the zone by dynamic update (BIND, Knot)."""
        text = f"server {HOST} {self.port}\nzone {ZONE}\n" + "\n".join(lines) + "\nsend\n"
        key = ["-y", self.key] if self.key else []
        done = subprocess.run(["nsupdate", *key], input=text, text=True, capture_output=True)
        assert done.returncode == 0, done.stderr

    def reload(self, serial: int, body: str) -> None:
        """Change the zone's file."""
        write_zone(self.folder, serial, body)
        if self.kind == "powerdns":
            _pdnsutil(self.folder, "load-zone", ZONE, str(self.folder / "zone"))
        else:
            self.process.send_signal(signal.SIGHUP)

    def log(self) -> str:
        return (self.folder / "log").read_text()


def write_zone(folder: Path, serial: int, body: str) -> None:
    (folder / "new").write_text(HEAD.format(zone=ZONE, serial=serial) + body)
    (folder / "new").replace(folder / "zone")


@contextlib.contextmanager
def primary(
    kind: str,
    folder: Path,
    body: str,
    algorithm: str | None = "hmac-sha256",
    notify_port: int = 0,
    more: str = "",
    head: str = "",
    tls: Mapping[str, str | Path] = NO_TLS,
) -> Iterator[PrimaryServer]:
    """Run a primary of ZONE.   algorithm None: whoever asks is answered;   more: of BIND's options;   head: before
    them;   tls: of Knot's server"""
    folder.mkdir()
    write_zone(folder, 1, body)
    port = free_port()
    text = {"bind": BIND, "knot": KNOT, "nsd": NSD, "powerdns": POWERDNS}[kind].format(
        folder=folder,
        host=HOST,
        port=port,
        zone=ZONE,
        key=KEY,
        secret=SECRET,
        notify_port=notify_port or 1,
        algorithm=algorithm or "hmac-sha256",
        who=f'key "{KEY}"' if algorithm else "any",
        head=head,
        notify="explicit" if notify_port else "no",
        more=more,
        also=f"also-notify {{ {HOST} port {notify_port} key {KEY}; }};" if notify_port else "",
        knot_who=f"key: {KEY}" if algorithm else f"address: {HOST}",
        knot_notify="notify: filterd" if notify_port else "",
        nsd_who=KEY if algorithm else "NOKEY",
        nsd_notify=f"notify: {HOST}@{notify_port} {KEY}" if notify_port else "",
        knot_tls="\n    ".join(f"{key}: {value}" for key, value in tls.items()),
    )
    (folder / "conf").write_text(text)
    (folder / "db").mkdir()
    argv = {
        "bind": ["named", "-f", "-n", "1", "-c"],
        "knot": ["knotd", "-c"],
        "nsd": ["nsd", "-d", "-c"],
        "powerdns": ["pdns_server", f"--config-dir={folder}", "--config-name="],
    }[kind]
    if kind == "powerdns":
        _fill_powerdns(folder, algorithm)
    with (folder / "log").open("wb") as log:
        path = os.environ["PATH"] + ":/usr/sbin"
        program = shutil.which(argv[0], path=path)
        assert program, f"{argv[0]} is not installed"
        words = argv[1:] if kind == "powerdns" else [*argv[1:], str(folder / "conf")]
        process = subprocess.Popen([program, *words], stdout=log, stderr=log)
    key = f"{algorithm}:{KEY}:{SECRET}" if algorithm else ""
    server = PrimaryServer(kind, port, folder, key, process)
    try:
        _wait(server)
        yield server
    finally:
        process.terminate()
        process.wait(READY_S)


def _fill_powerdns(folder: Path, algorithm: str | None) -> None:
    (folder / "conf").rename(folder / "pdns.conf")
    schema = Path(POWERDNS_SCHEMA).read_text()
    subprocess.run(["sqlite3", str(folder / "database")], input=schema, text=True, check=True, capture_output=True)
    _pdnsutil(folder, "load-zone", ZONE, str(folder / "zone"))
    _pdnsutil(folder, "set-kind", ZONE, "primary")
    if algorithm:
        _pdnsutil(folder, "import-tsig-key", KEY, algorithm, SECRET)
        _pdnsutil(folder, "activate-tsig-key", ZONE, KEY, "primary")


def _pdnsutil(folder: Path, *words: str) -> None:
    done = subprocess.run(["pdnsutil", f"--config-dir={folder}", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def _wait(server: PrimaryServer) -> None:
    """Until it answers for the zone."""
    patience = Patience(READY_S)
    while not patience.is_over() and server.process.poll() is None:
        asked = ["kdig", f"@{HOST}", "-p", str(server.port), "+short", "+retry=0", "+time=1", ZONE, "SOA"]
        if subprocess.run(asked, capture_output=True, text=True).stdout.startswith("ns."):
            return
        time.sleep(0.05)
    raise AssertionError(server.log()[-3000:])
