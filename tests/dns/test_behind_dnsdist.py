"""The front behind a real dnsdist that sends a PROXY header before each query over UDP."""

import asyncio
import re
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from dnslib import RCODE, DNSRecord
from support.dns.front import Serving
from support.dns.proxy_headers import proxied
from support.images.opened import Images
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from dns.front.resolver_plan import Admission, ResolverPlan
from dns.front.streams.server import StreamPlan
from fastpath.images.verdict import Action, Mode
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.counters import read_counters

Program = Callable[[str], str]

CHILD, ADULT, STRANGER, UNLISTED = "127.0.0.2", "127.0.0.3", "127.0.0.4", "127.0.0.9"
ADULT_NAMES = (("adult", "free.test", Mode.SUBTREE, Action.NXDOMAIN),)
PLAN = StreamPlan(proxies=(ip_network("127.0.0.1/32"), ip_network("::1/128")))
RESOLVER = ResolverPlan(4 << 20, Admission([f"{CHILD}/32", f"{ADULT}/32", "127.0.0.1/32", "::1/128"]), bytes(16))
# Its own checks come every second, and have to be resolved; maintenance() says what it thinks of us.
DNSDIST = """
setLocal("127.0.0.1:{port}")
addLocal("[::1]:{port}")
setACL({{"127.0.0.0/8", "::1/128"}})
newServer({{address="{behind}", useProxyProtocol=true, healthCheckMode="active", checkName="www.free.test.",
           mustResolve=true, checkInterval=1, checkTimeout=10000, maxCheckFailures=1}})
addAction(AllRule(), SetProxyProtocolValuesAction({{[2]="dns.test"}}))
function maintenance()
  local out = io.open("{state}.new", "w")
  out:write(tostring(getServer(0):isUp()))
  out:close()
  os.rename("{state}.new", "{state}")
end
"""

pytestmark = pytest.mark.services


class Dnsdist:
    """One that asks a front, and dig as its clients."""

    def __init__(self, program: Program, port: int, state: Path) -> None:
        self.program = program
        self.port = port
        self.state = state

    async def dig(self, client: str, *how: str, name: str = "www.free.test") -> str:
        at = "::1" if ":" in client else "127.0.0.1"
        process = await asyncio.create_subprocess_exec(
            self.program("dig"),
            f"@{at}",
            "-p",
            str(self.port),
            "-b",
            client,
            "+time=20",
            "+tries=1",
            *how,
            name,
            stdout=asyncio.subprocess.PIPE,
        )
        async with asyncio.timeout(60):
            out, _ = await process.communicate()
        return out.decode(errors="replace")

    async def is_content(self, after_s: float = 0) -> bool:
        """Whether its own checks are answered as it wants them."""
        await asyncio.sleep(after_s)
        async with asyncio.timeout(60):
            while not self.state.exists() or self.state.read_text() != "true":  # noqa: ASYNC110  # a file tells nobody
                await asyncio.sleep(0.05)
        return True


@asynccontextmanager
async def dnsdist(program: Program, folder: Path, behind: Endpoint) -> AsyncIterator[Dnsdist]:
    port, state, config = free_port(), folder / "state", folder / "dnsdist.conf"
    config.write_text(DNSDIST.format(port=port, behind=behind, state=state))
    process = await asyncio.create_subprocess_exec(
        program("dnsdist"), "--supervised", "--disable-syslog", "-C", str(config), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        served = Dnsdist(program, port, state)
        await served.is_content()
        yield served
    finally:
        process.terminate()
        await process.wait()


@pytest.mark.parametrize(("listener", "children"), [(0, (CHILD, "::1")), (1, (CHILD,))])
async def test_clients_of_one_dnsdist_have_rules_of_their_own_and_its_own_checks_are_answered(
    serving: Serving,
    unbound: Endpoint,
    program: Program,
    images: Images,
    tmp_path: Path,
    listener: int,
    children: tuple[str, ...],
) -> None:
    """What dnsdist checks is a name that children may not have; it asks by 127.0.0.1, then by ::1."""
    homes = images.subscribers([(child, 7) for child in children]), images.policy([(7, ProfileSpec(2, (), 0, 0))])
    async with (
        serving(ADULT_NAMES, (unbound,), PLAN, homes, resolver=RESOLVER) as front,
        dnsdist(program, tmp_path, front.bound[listener]) as proxy,
    ):
        told = {client: await proxy.dig(client) for client in (CHILD, ADULT, "::1", STRANGER)}
        again = await proxy.dig(CHILD)
        cut = await proxy.dig(ADULT, "TXT", "+noedns", "+ignore", name="big.test")
        over_tcp = await proxy.dig(ADULT, "TXT", name="big.test")
        assert await proxy.is_content(after_s=1.5)

    for child in children:
        assert "status: NXDOMAIN" in told[child] and "EDE: 17 (Filtered)" in told[child]
    assert "EDE: 17 (Filtered)" in again
    assert all("198.51.100.10" in said for client, said in told.items() if client not in (*children, STRANGER))
    assert "status: REFUSED" in told[STRANGER] and "EDE: 18 (Prohibited)" in told[STRANGER]
    assert re.search(r"flags: [a-z ]*\btc\b", cut) and "xxxxx" in over_tcp and "(TCP)" in over_tcp
    counted = read_counters(images.folder / "c-udp")
    assert (counted["dns_proxy_refused"], counted["dns_blocked"]) == (0, len(children) + 1)


async def test_dnsdist_finds_a_front_down_that_it_is_no_proxy_of(
    serving: Serving, unbound: Endpoint, program: Program, tmp_path: Path
) -> None:
    """Header or not, both have to be told the same."""
    async with serving((), (unbound,), StreamPlan(proxies=(ip_network("192.0.2.0/24"),))) as front:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3), dnsdist(program, tmp_path, front.bound[0]):
                pass


async def test_nobody_else_speaks_for_a_client(serving: Serving, unbound: Endpoint, images: Images) -> None:
    homes = images.subscribers([(CHILD, 7)]), images.policy([(7, ProfileSpec(2, (), 0, 0))])
    query = bytes(DNSRecord.question("www.free.test").pack())
    loop = asyncio.get_running_loop()
    async with serving(ADULT_NAMES, (unbound,), PLAN, homes, resolver=RESOLVER) as front:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
            stranger.setblocking(False)
            stranger.bind((UNLISTED, 0))
            await loop.sock_sendto(stranger, proxied(query, ADULT), front.bound[0])
            async with asyncio.timeout(60):
                answer = await loop.sock_recv(stranger, 4096)

    assert answer[:2] == b"\r\n" and answer[3] & 15 in (RCODE.FORMERR, RCODE.NOTIMP) and len(answer) <= len(query)
    assert read_counters(images.folder / "c-udp")["dns_forwarded"] == 0
