"""No address of a listed name comes through a front from real servers that add it: MX, SRV, NAPTR, HTTPS, transfers."""

import asyncio
from collections.abc import Iterator

import pytest
from support.dns.front import Serving
from support.dns.zone_servers import CONFIGS, HOST, serving_zone

from dns.base.endpoints import Endpoint
from dns.front.front import DnsFront
from fastpath.images.verdict import Mode

LISTED4, LISTED6 = "192.0.2.66", "2001:db8::66"
ZONE = f"""
$TTL 60
@ SOA ns1 hostmaster 1 3600 600 86400 60
@ NS ns1
@ NS node.order
ns1 A 192.0.2.53
plain A 192.0.2.1
plain A 192.0.2.2
node.order A {LISTED4}
node.order AAAA {LISTED6}
node.order HTTPS 1 . ipv4hint={LISTED4} ipv6hint={LISTED6}
mail MX 5 node.order
_sip._udp SRV 1 1 5060 node.order
phone NAPTR 1 1 "a" "SIP+D2U" "" node.order
web HTTPS 0 node.order
service SVCB 1 node.order
sub NS node.order
"""
ASKED = [
    ("mail.test", "MX"),
    ("_sip._udp.test", "SRV"),
    ("phone.test", "NAPTR"),
    ("web.test", "HTTPS"),
    ("service.test", "SVCB"),
    ("test", "NS"),
    ("plain.test", "A"),
    ("www.sub.test", "A"),
    ("test", "ANY"),
    ("test", "AXFR"),
    ("test", "IXFR=0"),
    ("test", "MAILB"),
]
ENTRIES = (("orders", "order.test", Mode.SUBTREE),)


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, int]]:
    with serving_zone(tmp_path_factory.mktemp("servers"), ZONE) as ports:
        yield ports


async def dug(host: str, port: int, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        "dig", f"@{host}", "-p", str(port), "+time=20", "+tries=1", *arguments, stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return out.decode()


def leaks(said: str) -> bool:
    return LISTED4 in said or LISTED6 in said


@pytest.mark.services
@pytest.mark.parametrize("engine", list(CONFIGS))
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_no_address_of_a_listed_name_comes_from_a_real_server(
    serving: Serving, servers: dict[str, int], engine: str, transport: str
) -> None:
    async with serving(ENTRIES, (Endpoint(HOST, servers[engine]),)) as front:
        said = {each: await _through(front, transport, *each) for each in ASKED}

    assert {each: answer for each, answer in said.items() if leaks(answer)} == {}
    assert "192.0.2.1" in said["plain.test", "A"] and "node.order.test." in said["mail.test", "MX"]
    assert "REFUSED" in said["test", "AXFR"] + said["test", "MAILB"]


async def _through(front: DnsFront, transport: str, name: str, qtype: str) -> str:
    host, port = front.bound[0]
    return await dug(host, port, transport if qtype != "AXFR" else "+tcp", name, qtype)


@pytest.mark.services
async def test_the_servers_themselves_do_add_such_addresses(servers: dict[str, int]) -> None:
    said = {engine: await dug(HOST, port, "mail.test", "MX") for engine, port in servers.items()}

    assert all(leaks(said[engine]) for engine in ("bind", "knot", "nsd")), said
