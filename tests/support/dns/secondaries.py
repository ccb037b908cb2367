"""Real resolvers that fetch response policy zones from a primary, each on a port of its own, one upstream.

    primary ─ zone ─→ BIND | Unbound | PowerDNS Recursor | Knot DNS → its zone file → Knot Resolver

What they are told about the zone is what docs/operate/rpz.md tells an operator to write, with the addresses and paths
of a test; only what makes them run here stands in this file.   They run in the network namespace of the thread that
starts them.
"""

import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from support.dns import load as asking
from support.dns.resolvers import HOST, UPSTREAM, start

from filterd.lab.patience import Patience

PRIMARY_PORT = 5390
READY_S = 60
ZONE, OPEN_ZONE = "rpz.isp.example", "open.isp.example"  # with a key, and without: Unbound has no TSIG
SECRET = "c2VjcmV0LW9mLXRoaXJ0eS10d28tb2N0ZXRzLTAwMDA="
KEY_TEXT = f'key "filterd-rpz" {{ algorithm hmac-sha256; secret "{SECRET}"; }};'
PORTS = {"bind": 5302, "unbound": 5301, "recursor": 5303, "knot": 5305}
KNOT_DNS_PORT = 5306
PROGRAMS = {"bind": ("named",), "unbound": ("unbound",), "recursor": ("pdns_recursor",), "knot": ("knotd", "kresd")}

MANUAL = Path(__file__).parents[3] / "docs/operate/rpz.md"

BIND = """options {{
  directory "{folder}";
  pid-file none;
  session-keyfile none;
  listen-on port {port} {{ {host}; }};
  listen-on-v6 {{ none; }};
  allow-query {{ any; }};
  forward only;
  forwarders {{ {host} port {upstream}; }};
  dnssec-validation no;
  empty-zones-enable no;
"""
BIND_ALSO = """
controls {{ }};
logging {{ channel here {{ stderr; }}; category default {{ here; }}; category rpz {{ null; }}; }};
"""
UNBOUND = """server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  use-syslog: no
  verbosity: 2
  interface: {host}@{port}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  do-ip6: no
  local-zone: "test." nodefault
"""
UNBOUND_ALSO = """
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: {host}@{upstream}
"""
RECURSOR_INCOMING = """incoming:
  listen: ["{host}:{port}"]
  allow_from: ["127.0.0.0/8"]
"""
RECURSOR = """recursor:
  socket_dir: "{folder}"
  threads: 1
  security_poll_suffix: ""
  forward_zones_recurse: [{{zone: ".", forwarders: ["{host}:{upstream}"]}}]
"""
RECURSOR_ALSO = """
outgoing: {{dont_query: []}}
dnssec: {{validation: "off"}}
logging: {{loglevel: 6}}
"""
KNOT = """
server:
  rundir: "{folder}"
  listen: {host}@{knot}
log:
  - target: stderr
    any: info
database:
  storage: "{folder}/db"
"""
KRESD = """
net.listen('{host}', {port}, {{ kind = 'dns' }})
trust_anchors.remove('.')
modules = {{ 'policy' }}
"""
KRESD_ALSO = """
policy.add(policy.all(policy.STUB('{host}@{upstream}')))
"""


@contextlib.asynccontextmanager
async def running(folder: Path) -> AsyncIterator[dict[str, asking.Address]]:
    """Run the upstream and all four until the block ends; gives where each is.   The primary must serve already."""
    for engine in (*PORTS, "kresd"):
        (folder / engine).mkdir()
    (folder / "bind/rpz.key").write_text(KEY_TEXT)
    texts = _texts(folder)
    with contextlib.ExitStack() as stack:
        start("upstream", [sys.executable, "-m", asking.__name__, *map(str, UPSTREAM)], folder, stack)
        start("bind", ["named", "-f", "-n", "1", "-c", texts["bind"]], folder, stack)
        start("unbound", ["unbound", "-d", "-p", "-c", texts["unbound"]], folder, stack)
        start("recursor", ["pdns_recursor", f"--config-dir={folder / 'recursor'}", "--daemon=no"], folder, stack)
        start("knotd", ["knotd", "-c", texts["knot"]], folder, stack)
        await _wait_for(folder / "knot" / ZONE, folder / "knotd.log")
        start("kresd", ["kresd", "-n", "-c", texts["kresd"], str(folder / "kresd")], folder, stack)
        yield {engine: (HOST, port) for engine, port in PORTS.items()}


def _texts(folder: Path) -> dict[str, str]:
    """Write the configuration of each; gives the paths."""
    bind, unbound, knot, kresd = map(_snippet, ("named", "unbound", "knot", "lua\nlocal"))
    recursor = _snippet("recursor").replace("incoming:\n", RECURSOR_INCOMING).replace("recursor:\n", RECURSOR)
    # it has no trust anchor and its upstream no signatures
    unbound = unbound.replace("server:\n", UNBOUND).replace("respip validator iterator", "respip iterator")
    return {
        "bind": _written(folder, "bind", "named.conf", bind.replace("options {{\n", BIND) + BIND_ALSO),
        "unbound": _written(folder, "unbound", "unbound.conf", unbound + UNBOUND_ALSO),
        "recursor": _written(folder, "recursor", "recursor.yml", recursor + RECURSOR_ALSO),
        "knot": _written(folder, "knot", "knot.conf", KNOT + knot),
        "kresd": _written(folder, "knot", "kresd.conf", KRESD + kresd + KRESD_ALSO),
    }


def _snippet(beginning: str) -> str:
    """What the manual says, to be formatted with the places of this test.   beginning  its language, and more of it"""
    found = re.search(rf"^```(?={beginning})\w+\n(.*?)^```$", MANUAL.read_text(), re.M | re.S)
    assert found is not None, f"{MANUAL} has no snippet that begins with {beginning!r}"
    text = found[1].replace("{", "{{").replace("}", "}}")
    for ours, place in (
        ("192.0.2.1", "{host}"),
        ("5380", "{primary}"),
        ("SECRET", "{secret}"),
        ("/var/lib/knot", "{folder}"),
        ("/etc/bind", "{folder}"),
    ):
        text = text.replace(ours, place)
    return text


def _written(folder: Path, engine: str, name: str, text: str) -> str:
    path = folder / engine / name
    path.write_text(
        text.format(
            folder=folder / engine,
            host=HOST,
            port=PORTS[engine],
            upstream=UPSTREAM[1],
            primary=PRIMARY_PORT,
            secret=SECRET,
            knot=KNOT_DNS_PORT,
        )
    )
    return str(path)


async def _wait_for(path: Path, log: Path) -> None:
    patience = Patience(READY_S)
    while not path.exists():
        assert not patience.is_over(), f"{path} did not come:\n{log.read_text()[-4000:]}"
        await asyncio.sleep(0.02)
