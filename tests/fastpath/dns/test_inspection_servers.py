"""Answers of real servers, inspected and without their ECH; what is left is read by kdig and dig."""

import contextlib
import re
import socket
import subprocess
import threading
from collections.abc import Iterator

import pytest
from support.dns.zone_servers import CONFIGS, HOST, ask, serving_zone
from support.images.opened import Images
from support.packets.shapes import question

from fastpath.dns.ech_strip import without_ech
from fastpath.dns.inspection import inspect
from fastpath.dns.records import records
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_text

A, MX, HTTPS = 1, 15, 65
ECH = "AEX+DQBBpQAgACBUkSNDMyMhIQR+yBW0ZAKAqz8xsoFDwVgUbYqLnUoMcgAEAAEAAQASY2xvdWRmbGFyZS1lY2guY29tAAA="

ZONE = f"""
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
@ NS ns2
ns1 A 192.0.2.53
ns2 A 192.0.2.54
plain A 192.0.2.1
plain A 192.0.2.2
www.shop CNAME edge.cdn
edge.cdn CNAME node.order
node.order A 192.0.2.3
free CNAME plain
old DNAME new.order
www.new.order A 192.0.2.4
shop HTTPS 1 svc.cdn mandatory=alpn,ech alpn=h2,h3 ipv4hint=192.0.2.5 ech={ECH} ipv6hint=2001:db8::5
shop HTTPS 2 svc.order alpn=h2 ech={ECH}
shop MX 5 mail.shop
alias CNAME modern
modern HTTPS 1 . alpn=h2 ech={ECH}
svc.cdn A 192.0.2.5
svc.cdn HTTPS 1 . ech={ECH}
mail.shop A 192.0.2.6
"""


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    with serving_zone(tmp_path_factory.mktemp("servers"), ZONE) as ports:
        yield ports


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> TableSet:
    images = Images(tmp_path_factory.mktemp("images"))
    return TableSet(images.names([("orders", "order.test", Mode.SUBTREE, Action.NO_ACTION, 9)]))


@contextlib.contextmanager
def stripping(port: int) -> Iterator[int]:
    """A relay to a server that takes ECH out of its answers."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as relay:
        relay.bind((HOST, 0))

        def serve() -> None:
            while True:
                query, client = relay.recvfrom(4096)
                if not query:
                    return
                relay.sendto(without_ech(ask(port, query)), client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield relay.getsockname()[1]
        finally:
            relay.sendto(b"", relay.getsockname())
            thread.join()


def shown(tool: str, port: int, name: str, qtype: str) -> list[str]:
    """The records of an answer as a client prints them: TTLs, which count down, left out, and so is the order of one
    RRset, which servers turn."""
    flags = ["+noall", "+answer", "+authority", "+additional", "+rec", "+noedns"]
    command = [tool, f"@{HOST}", "-p", str(port), name, qtype, *flags]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    assert "malformed" not in done.stdout.lower() + done.stderr.lower(), done
    assert not re.search("bad packet|extra bytes|trailing garbage", done.stdout + done.stderr, re.IGNORECASE), done
    lines = [line for line in done.stdout.splitlines() if line and not line.startswith(";")]
    return sorted(" ".join(part for at, part in enumerate(line.split()) if at != 1) for line in lines)


ENGINES = list(CONFIGS)


@pytest.mark.services
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "qtype", "culprit"),
    [
        (b"www.shop.test", A, "node.order.test"),
        (b"shop.test", HTTPS, "svc.order.test"),
        (b"www.old.test", A, "new.order.test"),
        (b"free.test", A, None),
        (b"plain.test", A, None),
        (b"alias.test", HTTPS, None),
        (b"shop.test", MX, None),
        (b"nothing.test", A, None),
    ],
)
def test_what_a_server_answers_is_inspected(
    servers: dict[str, int], tables: TableSet, engine: str, name: bytes, qtype: int, culprit: str | None
) -> None:
    octets = ask(servers[engine], question(name, qtype))
    found = inspect(tables, octets, None, 0)

    assert records(octets), "every answer here holds a record"
    assert (None if found.culprit is None else to_text(found.culprit)) == culprit
    assert found.decision.order == (9 if culprit else 0)


@pytest.mark.services
@pytest.mark.parametrize("tool", ["kdig", "dig"])
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("name", "qtype"), [("shop.test", "HTTPS"), ("alias.test", "HTTPS"), ("shop.test", "MX"), ("plain.test", "A")]
)
def test_a_client_reads_all_but_ech_of_what_a_server_answers(
    servers: dict[str, int], engine: str, tool: str, name: str, qtype: str
) -> None:
    whole = shown(tool, servers[engine], name, qtype)
    with stripping(servers[engine]) as relay:
        stripped = shown(tool, relay, name, qtype)

    assert "ech=" in "".join(whole) or qtype != "HTTPS"
    expected = [re.sub(r"(mandatory=\S*),ech", r"\1", re.sub(r" ech=\S+", "", line)) for line in whole]
    assert stripped == sorted(expected)
