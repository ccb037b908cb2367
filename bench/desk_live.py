"""An order on two gateways that share one database in PostgreSQL: how soon it holds on both.

live_p50_ms, live_p99_ms   from the push of an order of 100 entries to the first moment at which the resolvers of both
                           gateways block its last one, of N_ORDERS orders; in milliseconds.   Goal: p99 ≤ 2,000
full_list_s                from the moment at which the next version of a whole list of 1,000,000 names comes, 20,000 of
                           them others, to that at which both block its last one; in seconds.   Goal: ≤ 60
Two whole filterd without packets, on the loopback; both, PostgreSQL and this program share the cores.
"""

import contextlib
import os
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import quantiles

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import yaml
from support.database.postgresql import PostgresqlServer, programs

from filterd.commands.verifier.dns_client import DnsQuestion, message_of, read_answer
from filterd.lab.addresses import LOOPBACK
from filterd.lab.api_desk import Desk, RequestRefusal
from filterd.lab.gateway import Folder, Gateway, filterd_command, write_configuration
from filterd.lab.loopback import Loopback, loopback
from filterd.lab.processes import wait_until
from filterd.lab.servers import start_resolver

N_ENTRIES, N_ORDERS = 100, 50
N_NAMES, N_OTHERS = 1_000_000, 20_000  # more new ones are held for approval
PATIENCE_S = 120.0
POLL_S, ASK_S = 0.002, 0.5
SECOND = replace(LOOPBACK, dns_port=15310, splash_port=15391, api_port=15398)


def figures() -> dict[str, float]:
    """The figures; see the head of this file; none without PostgreSQL."""
    if programs() is None:
        print("desk_live: PostgreSQL is not installed", file=sys.stderr)
        return {}
    with contextlib.ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        server = PostgresqlServer()
        stack.callback(server.remove)
        places = [stack.enter_context(loopback(root / str(n), at)) for n, at in enumerate((LOOPBACK, SECOND))]
        start_resolver(places[0], "resolver", LOOPBACK.resolver4, LOOPBACK.resolver6)
        gateways = [_gateway(place, server.url()) for place in places]
        first = gateways[0]
        _upgrade(first)
        for gateway in gateways:
            gateway.start()
            stack.callback(gateway.stop)
        desk = Desk(places[0], first.make_token("operator"))
        wait_until(lambda: _is_up(desk), "the first gateway", PATIENCE_S)
        _wait_until_blocked(_name(N_NAMES - 1), gateways)
        return _orders(desk, gateways) | {"full_list_s": _full_list(gateways)}


def _orders(desk: Desk, gateways: list[Gateway]) -> dict[str, float]:
    took = []
    for number in range(N_ORDERS):
        entries = [f"n{n}.order{number}.test" for n in range(N_ENTRIES)]
        began = time.monotonic()
        desk.post("/v1/orders", {"issuer": "PTA", "ref": f"live-{number}", "ground": "g", "entries": entries})
        _wait_until_blocked(entries[-1], gateways)
        took.append((time.monotonic() - began) * 1000)
    each = quantiles(took, n=100, method="inclusive")
    return {"live_p50_ms": each[49], "live_p99_ms": each[98]}


def _full_list(gateways: list[Gateway]) -> float:
    for gateway in gateways:
        _write_list(gateway.folder.orders.with_suffix(".new"), N_OTHERS)
    began = time.monotonic()
    for gateway in gateways:
        gateway.folder.orders.with_suffix(".new").rename(gateway.folder.orders)
        os.kill(gateway.pids()["control-0"], signal.SIGHUP)
    _wait_until_blocked(_name(N_NAMES + N_OTHERS - 1), gateways)
    return time.monotonic() - began


def _write_list(path: Path, first: int) -> None:
    with path.open("w") as file:
        file.write("url\n")
        file.writelines(f"{_name(n)}\n" for n in range(first, first + N_NAMES))


def _name(number: int) -> str:
    return f"site-{number}.shop-{number % 977}.test"


def _gateway(place: Loopback, database: str) -> Gateway:
    place.directory.mkdir(exist_ok=True)
    gateway = Gateway(place, Folder(place.directory))
    _write_list(gateway.folder.orders, 0)
    write_configuration(gateway, 0)
    said = yaml.safe_load(gateway.folder.configuration.read_text()) | {"database": {"url": database}}
    gateway.folder.configuration.write_text(yaml.safe_dump(said))
    return gateway


def _upgrade(gateway: Gateway) -> None:
    done = gateway.place.run(
        "gateway", filterd_command("db", "upgrade", "--config", str(gateway.folder.configuration)), timeout_s=PATIENCE_S
    )
    if done.returncode != 0:
        raise AssertionError(done.stderr)


def _is_up(desk: Desk) -> bool:
    with contextlib.suppress(RequestRefusal):
        return desk.is_up()
    return False


def _wait_until_blocked(name: str, gateways: list[Gateway]) -> None:
    """Until each resolver in turn says so; what one has closed stays closed."""
    for gateway in gateways:
        at = gateway.place.addresses
        with _asking(at.gateway4, at.dns_port) as own:
            wait_until(lambda own=own: _is_blocked(own, name), f"{name} at {at.dns_port}", PATIENCE_S, POLL_S)  # type: ignore[misc]


@contextlib.contextmanager
def _asking(host: str, port: int) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.settimeout(ASK_S)
        own.connect((host, port))
        yield own


def _is_blocked(own: socket.socket, name: str) -> bool:
    """Whether the answer says that it is one of this box (RFC 8914)."""
    named = DnsQuestion(0, name)
    with contextlib.suppress(OSError):
        own.send(message_of(named, int.from_bytes(os.urandom(2))))
        return bool(read_answer(named, own.recv(4096)).ede)
    return False
