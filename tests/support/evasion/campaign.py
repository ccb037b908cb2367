"""Plays every case of some rows twice in the lab, without and with the gate, and compares what servers received.

A case is known to the server by its client's address and port: no two cases have the same.
"""

import itertools
import json
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from support.evasion.decoys import CLOSED_S
from support.evasion.rows import BY_NAME, servers_of
from support.evasion.segments import Row
from support.gate.detour import detour
from support.gate.program import PYTHON, ROOT, Gate

from filterd.lab.processes import wait_until
from filterd.lab.topology import Lab

LISTED, BELOW, SIBLING, ALLOWED = "blocked.test", "www.blocked.test", "notblocked.test", "www.allowed.test"
NAMES = (LISTED, BELOW, SIBLING, ALLOWED)
FORBIDDEN = frozenset((LISTED, BELOW))
# Where each kind of server is: whose address, and port.
SERVERS = {
    "tls": ("foreign", 443),
    "fast open": ("resolver", 443),
    "lenient": ("foreign", 80),
    "nginx": ("resolver", 80),
    "quic": ("foreign", 443),
    "quic elsewhere": ("foreign", 8443),
    "quic retry": ("resolver", 443),
}
# More addresses of the internet: of a server of Multipath TCP, of one that takes early data, and of one that does so
# and answers a hello of today with a HelloRetryRequest.
MULTIPATH = ("192.0.2.41", "2001:db8:f::41")
EARLY = ("192.0.2.42", "2001:db8:f::42")
EARLY_RETRY = ("192.0.2.43", "2001:db8:f::43")
SERVED_EARLY = "served at an address for early data"
RETRY_CURVE = "secp384r1"
LOW_PORT = 200
FIRST_PORT, END_PORT = 2_000, 32_000  # below the ports that the kernel gives real clients
# The client's kernel knows none of these connections and would reset them; some are at a server's port.
CLIENT_RULES = f"table inet evader {{ chain out {{ type filter hook output priority 0; \
tcp sport {{ 80, 443, {FIRST_PORT}-{END_PORT} }} tcp flags rst drop; }}; }}"
# The server looks far away: what has few hops left does not reach it.
FAR_RULES = "table inet far { chain in { type filter hook prerouting priority -450; \
ip ttl < 10 drop; ip6 hoplimit < 10 drop; }; }"
PLAY_S = 300.0


@dataclass(frozen=True, slots=True)
class Case:
    """One connection."""

    row: str
    base: str
    framing: str
    name: str
    server: str

    @property
    def is_forbidden(self) -> bool:
        return self.name in FORBIDDEN


@dataclass(frozen=True, slots=True)
class Seen:
    """What came of a case: names that the server completed, and what the client saw."""

    names: frozenset[str]
    outcome: str


# No port is used twice, as the gateway's kernel remembers connections longer than a field lasts.
PORTS = {kind: itertools.count(kind[1]) for kind in itertools.product((False, True), (LOW_PORT, FIRST_PORT))}
Results = dict[Case, Seen]


@dataclass(frozen=True, slots=True)
class Campaign:
    """The same cases twice."""

    without_gate: Results
    with_gate: Results

    def reached(self, row: Row) -> dict[str, list[Case]]:
        """By server: the cases of a row that it completed without the gate."""
        found: dict[str, list[Case]] = {}
        for case, seen in self.without_gate.items():
            if case.row == row.name:
                found.setdefault(case.server, [])
                found[case.server] += [case] if case.name in seen.names else []
        return found

    def escaped(self, row: Row) -> list[Case]:
        """Cases with a listed name that a server completed through the gate."""
        return [case for case, seen in self.with_gate.items() if case.row == row.name and seen.names & FORBIDDEN]

    def overblocked(self, row: Row) -> list[Case]:
        """Cases with another name that a server completed without the gate, and not with it."""
        return [
            case
            for case in itertools.chain(*self.reached(row).values())
            if not case.is_forbidden and case.name not in self.with_gate[case].names
        ]


def cases_of(rows: list[Row]) -> list[Case]:
    return [
        Case(row.name, base, framing, name, server)
        for row in rows
        for base, framing, name in itertools.product(row.bases, row.framings, NAMES)
        for server in servers_of(row, base)
    ]


def canonical(name: str) -> str:
    """As a server looks a name up: without case, port and the root's dot."""
    return name.lower().partition(":")[0].rstrip(".")


def lost(rows: list[Row], campaign: Campaign) -> list[Case]:
    """Cases that no server has completed of rows that a server should complete all of."""
    found = []
    for row in rows:
        most = max(campaign.reached(row).values(), key=len, default=[])
        servers = {case.server for case in most or cases_of([row])}
        if row.reaches:
            found += [case for case in cases_of([row]) if case.server in servers and case not in most]
    return found


class Field:
    """The lab made ready: servers that keep a record, far away, and a client whose kernel keeps silent."""

    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab, self.folder, self.log = lab, folder, folder / "completed.log"
        self._gates = itertools.count(1)
        self._n_read = 0

    def without_gate(self, rows: list[Row]) -> Results:
        """Play the cases of `rows` where nothing is filtered."""
        results = self.play(cases_of(rows))
        # what a busy machine has lost is played once more; what is listed, never: once through is through
        return results | self.play(lost(rows, Campaign(results, {})))

    def campaign(self, rows: list[Row], without_gate: Results, routing: str = "symmetric") -> Campaign:
        """Play them with a gate.   routing: asymmetric, servers answer on another way."""
        way = detour(self.lab) if routing == "asymmetric" else nullcontext()
        with way, gate(self.lab, self.folder / f"gate-{next(self._gates)}", routing=routing):
            played = Campaign(without_gate, self.play(cases_of(rows)))
            played.with_gate.update(self.play([case for row in rows for case in played.overblocked(row)]))
            return played

    def play(self, cases: list[Case]) -> Results:
        """Play cases and read what the servers have noted of them."""
        if not cases:
            return {}
        jobs = [self._job(case) for case in cases]
        mac = self.lab.run("gateway", ["cat", "/sys/class/net/child/address"]).stdout.strip()
        job = {"interface": "gateway", "gateway_mac": mac, "cases": jobs}
        argv = [*PYTHON, str(ROOT / "tests/support/evasion/player.py")]
        done = self.lab.run("child", argv, json.dumps(job), PLAY_S)
        assert done.returncode == 0, done.stderr
        noted = self.noted()
        return {
            case: Seen(frozenset(noted[job[4], job[6]]), outcome)
            for case, job, outcome in zip(cases, jobs, json.loads(done.stdout), strict=True)
        }

    def _job(self, case: Case) -> tuple[str, str, str, str, str, str, int, int]:
        node, server_port = SERVERS[case.server]
        is_v6 = case.framing.startswith("IPv6")
        source, target = (str(getattr(self.lab.addresses, who + "46"[is_v6])) for who in ("child", node))
        first = LOW_PORT if BY_NAME[case.row].is_low_port else FIRST_PORT
        port = next(PORTS[is_v6, first])
        assert port < END_PORT, "more cases than ports"
        return (case.row, case.base, case.framing, case.name, source, target, port, server_port)

    def noted(self) -> dict[tuple[str, int], set[str]]:
        noted = defaultdict(set)
        lines = self.log.read_text().splitlines()
        for line in lines[self._n_read :]:
            address, port, name = json.loads(line)
            noted[address, int(port)].add(canonical(name))
        self._n_read = len(lines)
        return noted


@contextmanager
def field(lab: Lab, folder: Path) -> Iterator[Field]:
    """Start the servers beside those of the lab, and take everything out again."""
    ready = Field(lab, folder)
    lab.run("internet", ["sysctl", "-qw", "net.ipv4.tcp_fastopen=3"])
    lab.run("internet", ["nft", FAR_RULES])
    lab.run("child", ["nft", CLIENT_RULES])
    _change_addresses(lab, "add")
    servers = [lab.popen("internet", argv, "recorder") for argv in (_recorder(ready), _quic(ready), _nginx(ready))]
    try:
        wait_until(lambda: ready.log.exists() and ready.log.read_text().count("ready") == 2, "the recording servers")
        yield ready
    finally:
        for server in servers:
            lab.stop(server)
        _change_addresses(lab, "del")
        lab.run("internet", ["nft", "delete table inet far"])
        lab.run("child", ["nft", "delete table inet evader"])


@contextmanager
def gate(lab: Lab, folder: Path, routing: str = "symmetric") -> Iterator[Gate]:
    """A gate in the gateway.   What overruns its queue is dropped and sent again, so that nothing passes unjudged."""
    lab.run("gateway", ["sysctl", "-qw", f"net.netfilter.nf_conntrack_tcp_timeout_close={CLOSED_S}"])
    running = Gate(lab, folder, "open", routing)
    try:
        yield running
        assert running.counted("gate_verdict_failed") == 0
    finally:
        running.stop()


def _change_addresses(lab: Lab, change: str) -> None:
    """Add or delete what the lab's servers have no addresses for."""
    for address in itertools.chain(MULTIPATH, EARLY, EARLY_RETRY):
        length = 128 if ":" in address else 32
        lab.run("internet", ["ip", "address", change, f"{address}/{length}", "dev", "gateway"])


def _python(ready: Field, program: str) -> list[str]:
    certificate, key = (str(ready.lab.directory / "internet" / f"web.{kind}") for kind in ("pem", "key"))
    return [*PYTHON, str(ROOT / "tests/support/evasion" / program), certificate, key, str(ready.log)]


def _quic(ready: Field) -> list[str]:
    at = ready.lab.addresses
    foreign, resolver = (at.foreign4, at.foreign6), (at.resolver4, at.resolver6)
    # beside the lab's nginx, too: a client that is refused QUIC goes on over TCP at the same address
    places = [
        ("plain", foreign, 443),
        ("plain", foreign, 8443),
        ("retry", resolver, 443),
        ("plain", (at.web4, at.web6), 443),
        ("first", EARLY, 443),
    ]
    return _python(ready, "quic_recorder.py") + [
        f"{kind}@{address}@{port}" for kind, addresses, port in places for address in addresses
    ]


def _recorder(ready: Field) -> list[str]:
    at = ready.lab.addresses
    places = {
        "tls": (at.foreign4, at.foreign6),
        "http": (at.foreign4, at.foreign6),
        "fast": (at.resolver4, at.resolver6),
        "multipath": MULTIPATH,
    }
    return _python(ready, "recorder.py") + [
        f"{kind}@{address}" for kind, addresses in places.items() for address in addresses
    ]


def _nginx(ready: Field) -> list[str]:
    at = ready.lab.addresses
    path = ready.folder / "nginx.conf"
    early = _early_server(ready, EARLY, "auto") + _early_server(ready, EARLY_RETRY, RETRY_CURVE)
    path.write_text(_nginx_configuration(ready, [at.resolver4, f"[{at.resolver6}]"], early))
    return ["nginx", "-p", str(ready.folder), "-c", str(path), "-e", "stderr"]


def _early_server(ready: Field, addresses: tuple[str, str], curve: str) -> str:
    """A server that takes early data.   curve: the only one that it speaks, or auto"""
    certificate = ready.lab.directory / "internet/web"
    return f"""
  server {{
    listen {addresses[0]}:443 ssl; listen [{addresses[1]}]:443 ssl;
    ssl_certificate {certificate}.pem; ssl_certificate_key {certificate}.key;
    ssl_ecdh_curve {curve}; ssl_early_data on;
    return 200 "{SERVED_EARLY}";
  }}
"""


def _nginx_configuration(ready: Field, addresses: list[str], more: str) -> str:
    """Each request that is answered with 200 leaves its host in the log, as nginx understands it and as it was sent."""
    listen = "\n".join(f"    listen {address}:80 default_server;" for address in addresses)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "\n".join(f"  {kind}_temp_path {ready.folder}/{kind};" for kind in kinds)
    lines = "".join(f'["$remote_addr",$remote_port,"{name}"]\\n' for name in ("$host", "$http_host"))
    return f"""
daemon off; master_process off;
pid {ready.folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
  map $status $is_completed {{ 200 1; default 0; }}
  log_format completed escape=json '{lines.removesuffix(chr(92) + "n")}';
  access_log {ready.log} completed if=$is_completed;
{temporary}
  large_client_header_buffers 4 32k;
  lingering_close off;  # a request is logged when its connection ends
  server {{
{listen}
    location / {{ return 200 "ok"; }}
  }}
{more}}}
"""
