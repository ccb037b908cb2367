import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from dnslib import RCODE, DNSRecord
from support.dns.front import Serving
from support.images.opened import Images
from support.system.namespace import add_address6, in_a_network_of_its_own, run_ip
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from dns.base.errors import UpstreamIsOurselves
from dns.front.answers import AnswerPolicy, Splash
from dns.front.front import DnsFront, open_tcp, open_udp, serve
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Channel, Mode
from fastpath.report.counters import read_counters
from fastpath.report.spool import Reporter, read_segment, segment_numbers, segment_path
from rules.base.local_data import record_octets

Program = Callable[[str], str]

BLOCKED = (
    ("orders", "n.test", Mode.SUBTREE),
    ("malware", "evil.test", Mode.SUBTREE),
    ("csam", "c.test", Mode.SUBTREE, Action.REFUSED),
)


async def told(*command: str) -> str:
    """What a program prints."""
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        out, _ = await process.communicate()
    return out.decode()


def at(front: DnsFront, family: int = 0) -> tuple[str, ...]:
    return (f"@{front.bound[family].host}", "-p", str(front.bound[family].port))


async def dig(program: Program, front: DnsFront, *question: str, family: int = 0) -> str:
    return await told(program("dig"), *at(front, family), "+time=20", "+tries=1", *question)


@pytest.mark.services
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize("family", [0, 1])
async def test_dig_gets_the_splash_for_a_listed_name_and_the_truth_for_a_free_one(
    serving: Serving, unbound: Endpoint, program: Program, transport: str, family: int
) -> None:
    async with serving(BLOCKED, (unbound,)) as front:
        listed = await dig(program, front, transport, "+short", "www.n.test", "A", family=family)
        listed6 = await dig(program, front, transport, "+short", "www.n.test", "AAAA", family=family)
        free = await dig(program, front, transport, "+short", "www.free.test", "A", family=family)
        absent = await dig(program, front, transport, "absent.test", "A", family=family)

    assert (listed.split(), listed6.split(), free.split()) == (["192.0.2.80"], ["2001:db8::80"], ["198.51.100.10"])
    assert "status: NXDOMAIN" in absent


@pytest.mark.services
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_dig_reads_the_extended_error_and_the_soa_of_a_block(
    serving: Serving, unbound: Endpoint, program: Program, transport: str
) -> None:
    async with serving(BLOCKED, (unbound,)) as front:
        order = await dig(program, front, transport, "www.n.test", "HTTPS")
        security = await dig(program, front, transport, "evil.test", "A")

    assert "EDE: 16 (Censored)" in order and "status: NOERROR" in order and re.search(r"\sSOA\s", order)
    assert "EDE: 15 (Blocked)" in security and "status: NXDOMAIN" in security
    assert "EDNS: version: 0" in order and "udp: 1232" in order


@pytest.mark.services
async def test_nobody_can_tell_a_confidential_block_from_an_order(
    serving: Serving, unbound: Endpoint, program: Program
) -> None:
    async with serving(BLOCKED, (unbound,)) as front:
        for qtype in ("A", "AAAA", "TXT", "HTTPS"):
            said = [
                await dig(program, front, "+norrcomments", "+nostats", "+nocmd", "+qid=7", name, qtype)
                for name in ("n.test", "c.test")
            ]

            assert said[0].replace("n.test", "c.test") == said[1]


@pytest.mark.services
@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
async def test_dig_gets_the_local_data_of_a_list(serving: Serving, program: Program, transport: str) -> None:
    garden = record_octets(b"CNAME", 3600, (b"garden.example.",))
    data = record_octets(b"A", 3600, (b"192.0.2.7",)) + record_octets(b"MX", 30, (b"10", b"mail.example."))
    entries = (
        ("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, data),
        ("malware", "c.test", Mode.EXACT, Action.LOCAL_DATA, 0, garden),
    )
    async with serving(entries) as front:
        address = await dig(program, front, transport, "wWw.n.test", "A")
        nothing = await dig(program, front, transport, "n.test", "AAAA")
        exchange = await dig(program, front, transport, "+short", "n.test", "MX")
        alias = await dig(program, front, transport, "+short", "c.test", "MX")

    assert re.search(r"^wWw\.n\.test\.\s+60\s+IN\s+A\s+192\.0\.2\.7$", address, re.MULTILINE)
    assert "EDE: 15 (Blocked)" in address and "EDE: 4 (Forged Answer)" in address
    assert "status: NOERROR" in nothing and "ANSWER: 0" in nothing and re.search(r"\sSOA\s", nothing)
    assert "EDE: 15 (Blocked)" in nothing and "Forged" not in nothing
    assert (exchange.strip(), alias.strip()) == ("10 mail.example.", "garden.example.")


@pytest.mark.services
async def test_kdig_gets_local_data_that_a_datagram_does_not_hold(serving: Serving, program: Program) -> None:
    data = record_octets(b"TXT", 60, (b"x" * 240, b"y" * 240))
    async with serving((("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, data),)) as front:
        said = await told(program("kdig"), *at(front), "+noedns", "+retry=0", "n.test", "TXT")
        cut = await told(program("kdig"), *at(front), "+noedns", "+retry=0", "+ignore", "n.test", "TXT")

    assert "y" * 240 in said and "TCP" in said and "WARNING" not in said
    assert " tc " in cut and "y" not in cut.partition("QUESTION SECTION")[2].partition("Received")[0]


@pytest.mark.services
async def test_an_answer_too_large_for_udp_comes_over_tcp_by_itself(
    serving: Serving, unbound: Endpoint, program: Program
) -> None:
    async with serving(BLOCKED, (unbound,)) as front:
        said = await dig(program, front, "+bufsize=1232", "big.test", "TXT")
        cut = await dig(program, front, "+ignore", "+bufsize=1232", "big.test", "TXT")

    assert "(TCP)" in said and "x" * 250 in said
    assert " tc " in cut


@pytest.mark.services
async def test_kdig_gets_pipelined_queries_answered_over_one_connection(
    serving: Serving, unbound: Endpoint, program: Program
) -> None:
    async with serving(BLOCKED, (unbound,)) as front:
        said = await told(
            program("kdig"),
            "+tcp",
            "+keepopen",
            "+short",
            *at(front),
            "www.free.test",
            "n.test",
            "www.free.test",
            "AAAA",
        )

    assert set(said.split()) == {"198.51.100.10", "192.0.2.80", "2001:db8:1::10"}


@pytest.mark.services
async def test_dnsperf_loses_nothing_of_a_mixed_load(
    serving: Serving, unbound: Endpoint, program: Program, tmp_path: Path, images: Images
) -> None:
    queries = tmp_path / "queries"
    queries.write_text("".join(f"q{i}.n.test A\nwww.free.test A\nq{i}.evil.test AAAA\n" for i in range(300)))

    async with serving(BLOCKED, (unbound,)) as front:
        said = await told(
            program("dnsperf"),
            "-s",
            "127.0.0.1",
            "-p",
            str(front.bound[0].port),
            "-d",
            str(queries),
            "-n",
            "5",
            "-q",
            "50",
        )

    assert re.search(r"Queries completed:\s+4500 \(100\.00%\)", said), said
    counted = read_counters(images.folder / "c-udp")
    asked = counted["dns_forwarded"] + counted["dns_coalesced"]
    assert (counted["dns_blocked"], asked, counted["dns_answered"]) == (3000, 1500, 1500)


@pytest.mark.services
async def test_a_second_upstream_takes_over_while_the_first_is_dead(
    serving: Serving, unbound: Endpoint, program: Program
) -> None:
    async with serving((), (Endpoint("127.0.0.1", 1), unbound)) as front:
        deadline = asyncio.get_running_loop().time() + 60
        said = ""
        while "198.51.100.10" not in said and asyncio.get_running_loop().time() < deadline:
            said = await told(program("dig"), *at(front), "+time=1", "+tries=1", "+short", "www.free.test")
        over_tcp = await dig(program, front, "+tcp", "+short", "www.free.test")

    assert said.split() == over_tcp.split() == ["198.51.100.10"]


@pytest.mark.services
async def test_new_tables_are_in_force_once_use_returns(
    serving: Serving, images: Images, unbound: Endpoint, program: Program
) -> None:
    async with serving((), (unbound,)) as front:
        before = await dig(program, front, "+short", "www.free.test")
        await front.use(TableSet(images.names([("orders", "free.test", Mode.SUBTREE)])))
        udp = await dig(program, front, "+short", "www.free.test")
        tcp = await dig(program, front, "+tcp", "+short", "www.free.test")

    assert (before.strip(), udp.strip(), tcp.strip()) == ("198.51.100.10", "192.0.2.80", "192.0.2.80")


async def test_a_front_that_serves_goes_on_turning_also_when_nobody_asks(serving: Serving) -> None:
    async with serving((), (Endpoint("192.0.2.53", 53),)) as front, asyncio.timeout(60):
        before = front.n_turns
        while front.n_turns < before + 2:  # noqa: ASYNC110  # the loop has no way to call Python
            await asyncio.sleep(0.05)


async def test_events_of_udp_and_tcp_go_to_their_own_spools(serving: Serving, images: Images) -> None:
    query = bytes(DNSRecord.question("www.n.test").pack())
    async with serving(BLOCKED) as front:
        reader, writer = await asyncio.open_connection(*front.bound[0])
        writer.write(len(query).to_bytes(2, "big") + query)
        async with asyncio.timeout(60):
            await reader.readexactly(2)
        writer.close()
        await udp_exchange(front.bound[0], query)

    for name in ("udp", "tcp"):
        folder = str(images.folder / name)
        [event] = read_segment(segment_path(folder, segment_numbers(folder)[0]), 0, 9).events
        assert (event.channel, event.rule, event.list) == (Channel.DNS, "n.test", "orders")


async def udp_exchange(endpoint: Endpoint, query: bytes, patience_s: float = 60) -> bytes:
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as client:
        client.connect(endpoint)
        async with asyncio.timeout(patience_s):
            await loop.sock_sendall(client, query)
            return await loop.sock_recv(client, 4096)


def quiet_front(images: Images, listen: Endpoint, *upstreams: Endpoint) -> DnsFront:
    udp, tcp = (Reporter(images.folder / f"c-{name}", images.folder / name) for name in ("udp", "tcp"))
    return DnsFront([listen], upstreams, udp, tcp, AnswerPolicy(Splash(IPv4Address("192.0.2.80"))))


@pytest.mark.kernel
@pytest.mark.parametrize("n_upstreams", [1, 2])
def test_a_front_blocks_before_there_is_a_network_and_forwards_once_there_is_one(
    images: Images, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch, n_upstreams: int
) -> None:
    monkeypatch.setattr("dns.front.front.CONNECT_EVERY_S", 0.02)
    upstreams = [Endpoint("192.0.2.53", 5353), Endpoint("2001:db8::53", 5353)][:n_upstreams]
    listed, free = (bytes(DNSRecord.question(name).pack()) for name in ("n.test", "free.test"))

    async def serve_without_a_network() -> None:
        front = quiet_front(images, Endpoint("127.0.0.1", 0), *upstreams)
        async with asyncio.TaskGroup() as group:
            running = group.create_task(front.run())
            await front.use(TableSet(images.names(BLOCKED)))
            blocked = DNSRecord.parse(await udp_exchange(front.bound[0], listed))
            early = await udp_exchange(front.bound[0], free)
            run_ip("address", "add", "192.0.2.53/32", "dev", "lo")
            add_address6("2001:db8::53")
            with echoing(upstreams[0]):
                answer = await first_answer(front.bound[0], free)
            running.cancel()
        assert DNSRecord.parse(early).header.rcode == RCODE.SERVFAIL  # at once: no upstream is within reach
        assert str(blocked.a.rdata) == "192.0.2.80"
        assert answer[:2] == free[:2] and answer[2] & 0x80

    in_a_network_of_its_own(serve_without_a_network)

    assert read_counters(images.folder / "c-udp")["dns_no_upstream"] > 0
    warned = [record.getMessage() for record in caplog.records if record.name == "dns.front.front"]
    assert warned[:n_upstreams] == [
        f"dns upstream {upstream}: out of reach (Network is unreachable); "
        "still blocking; trying again; check the routes"
        for upstream in upstreams
    ]


@contextmanager
def echoing(endpoint: Endpoint) -> Iterator[None]:
    """An upstream that answers every query with its own question."""
    opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    opened.bind(endpoint)
    opened.setblocking(False)

    def answer() -> None:
        query, sender = opened.recvfrom(4096)
        opened.sendto(query[:2] + b"\x81" + query[3:], sender)

    loop = asyncio.get_running_loop()
    loop.add_reader(opened, answer)
    try:
        yield
    finally:
        loop.remove_reader(opened)
        opened.close()


async def first_answer(endpoint: Endpoint, query: bytes) -> bytes:
    """The first answer that is no failure: ask again and again, as a stub resolver does."""
    async with asyncio.timeout(60):
        while True:
            with suppress(TimeoutError):
                answer = await udp_exchange(endpoint, query, patience_s=0.1)
                if answer[3] & 15 != RCODE.SERVFAIL:
                    return answer
            await asyncio.sleep(0.02)


@pytest.mark.kernel
def test_a_front_ends_where_a_late_address_makes_an_upstream_this_box(
    images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dns.front.front.CONNECT_EVERY_S", 0.02)

    async def serve_then_loop() -> None:
        front = quiet_front(images, Endpoint("0.0.0.0", 5353), Endpoint("192.0.2.53", 5353))
        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(front.run())
            await front.use(TableSet(images.names(BLOCKED)))
            run_ip("address", "add", "192.0.2.53/32", "dev", "lo")

    with pytest.raises(ExceptionGroup) as caught:
        in_a_network_of_its_own(serve_then_loop)
    assert caught.group_contains(UpstreamIsOurselves, match="192.0.2.53:5353: it is this box")


def test_a_front_whose_upstream_is_itself_is_refused_before_it_binds(images: Images) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        ours = Endpoint(*opened.getsockname())

        with pytest.raises(UpstreamIsOurselves, match=f"dns upstream {ours}: "):
            quiet_front(images, Endpoint("0.0.0.0", ours.port), Endpoint("127.0.0.1", 9), ours)


async def test_newer_tables_given_meanwhile_count_as_taken(images: Images) -> None:
    front = quiet_front(images, Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", 9))
    tables = [TableSet(images.names(BLOCKED)) for _ in range(2)]

    async with asyncio.TaskGroup() as group:
        using = [group.create_task(front.use(each)) for each in tables]
        await asyncio.sleep(0)  # both are given before the loop has its first turn
        running = group.create_task(front.run())
        await asyncio.gather(*using)
        running.cancel()


async def test_workers_share_the_endpoints_and_all_of_them_serve(images: Images, tmp_path: Path) -> None:
    endpoint = Endpoint("127.0.0.1", free_port())
    tables = TableSet(images.names(BLOCKED))
    policy = AnswerPolicy(Splash(IPv4Address("192.0.2.80")))
    query = bytes(DNSRecord.question("n.test").pack())
    paths = [tmp_path / "counters" / f"dns-{number}" for number in range(2)]

    async with asyncio.TaskGroup() as group:
        running = group.create_task(serve([endpoint], [Endpoint("127.0.0.1", 9)], tables, policy, 2, tmp_path))
        async with asyncio.timeout(60):
            while not all(path.exists() and read_counters(path)["dns_blocked"] for path in paths):
                try:
                    await udp_exchange(endpoint, query)
                except ConnectionRefusedError:
                    await asyncio.sleep(0.01)
        running.cancel()


async def test_everything_is_closed_after_a_cancel(serving: Serving) -> None:
    async with serving(BLOCKED) as front:
        endpoint = front.bound[0]

    open_udp(endpoint).close()
    with socket.create_server(endpoint):
        pass


def test_a_port_in_use_is_reported_with_its_endpoint() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        taken = Endpoint(*opened.getsockname())

        with pytest.raises(OSError) as caught:
            open_udp(taken)

    assert str(taken) in caught.value.__notes__[0]


def test_a_front_that_cannot_have_its_second_endpoint_leaves_no_socket_of_the_first(images: Images) -> None:
    with socket.socket() as opened:
        opened.bind(("127.0.0.1", 0))
        opened.listen()
        taken = Endpoint(*opened.getsockname())
        free = Endpoint("127.0.0.1", free_port())
        udp, tcp = (Reporter(images.folder / f"c{name}", images.folder / name) for name in "ab")

        with pytest.raises(OSError, match="in use"):
            DnsFront([free, taken], [Endpoint("127.0.0.1", 9)], udp, tcp, AnswerPolicy())

    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(type=kind) as again:
            again.bind(free)  # without SO_REUSEPORT: nobody else may have it


def test_a_port_that_is_taken_for_tcp_is_not_chosen(images: Images, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def taken_once(endpoint: Endpoint, is_alone: bool) -> socket.socket:
        tried.append(endpoint.port)
        if len(tried) == 1:
            raise OSError("in use")
        return open_tcp(endpoint, is_alone)

    monkeypatch.setattr("dns.front.front.open_tcp", taken_once)

    front = quiet_front(images, Endpoint("127.0.0.1", 0), Endpoint("127.0.0.1", 9))

    # another process may have the next one, too
    assert [endpoint.port for endpoint in front.bound] == tried[-1:] and len(tried) > 1
    front.close()


def test_a_port_of_the_kernels_choice_is_no_other_fronts() -> None:
    with ExitStack() as stack:
        ports = [stack.enter_context(open_udp(Endpoint("127.0.0.1", 0))).getsockname()[1] for _ in range(800)]

    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("opens", [open_udp, open_tcp])
def test_a_port_of_the_kernels_choice_can_be_joined(opens: Callable[[Endpoint], socket.socket]) -> None:
    with opens(Endpoint("127.0.0.1", 0)) as first, opens(Endpoint(*first.getsockname())) as second:
        assert first.getsockname() == second.getsockname()


def test_tcp_does_not_join_what_another_has_at_the_port_that_the_kernel_chose_for_udp() -> None:
    with open_tcp(Endpoint("127.0.0.1", 0)) as other, pytest.raises(OSError, match="in use"):
        open_tcp(Endpoint(*other.getsockname()), is_alone=True)


def test_tcp_and_udp_of_an_endpoint_share_a_port_and_ipv6_takes_no_mapped_addresses(images: Images) -> None:
    of_udp, of_tcp = (Reporter(images.folder / f"c{name}", images.folder / name) for name in "ab")
    front = DnsFront([Endpoint("::1", 0)], [Endpoint("127.0.0.1", 9)], of_udp, of_tcp, AnswerPolicy())
    try:
        with open_udp(Endpoint("::1", 0)) as udp, open_tcp(Endpoint("::1", 0)) as tcp:
            assert [one.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY) for one in (udp, tcp)] == [1, 1]
        socket.create_connection(front.bound[0]).close()
    finally:
        front.close()


async def test_the_journal_tells_of_an_upstream_that_is_silent_and_of_its_return(
    serving: Serving, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "dns.front.front")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind(("127.0.0.1", 0))
        upstream = Endpoint(*opened.getsockname())
    silent = (
        f"dns upstream {upstream}: it does not answer; probed until it does; check the upstream and the route to it"
    )

    async with serving((), (upstream,)) as front, asyncio.timeout(60):
        while silent not in caplog.messages:
            with suppress(TimeoutError):
                await udp_exchange(front.bound[0], bytes(DNSRecord.question("free.test").pack()), patience_s=0.02)
        assert front.upstreams() == {str(upstream): False}
        with echoing(upstream):
            while f"dns upstream {upstream}: it answers again" not in caplog.messages:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        assert front.upstreams() == {str(upstream): True}
