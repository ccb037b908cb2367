import asyncio
import contextlib
import re
import struct
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from support.images.opened import Entry, Images
from support.system.ports import free_port

from dns.base.endpoints import Endpoint
from dns.base.message import Question, write_message
from dns.base.wire_format import AXFR, SOA
from dns.zones.rpz_edition import Plan
from dns.zones.served_zone import Rights, ServedZone
from dns.zones.server import ZoneServer
from dns.zones.tsig import Key, read_key
from dns.zones.xfr_in import Limits, Primary, transfer
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.report.counters import Counters
from fastpath.wire.name import to_wire

pytestmark = pytest.mark.services

KEY_TEXT = "hmac-sha256:filterd-rpz:MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
KEY = read_key(KEY_TEXT)
SIGNED, OPEN = "rpz.example", "open.example"
LATE_SHARE = 1 / 4  # of the time of a transfer
TRIES = 5  # on a machine that others use, an event loop may wait for the processor for a second
HERE = (ip_network("127.0.0.1/32"), ip_network("::1/128"))
Serving = Callable[..., contextlib.AbstractAsyncContextManager[ZoneServer]]


@pytest.fixture
def serving(images: Images) -> Serving:
    """serving(names, …): both zones, with these names, while the context lasts."""

    @asynccontextmanager
    async def serve(names: Sequence[str] = (), more: Sequence[ServedZone] = ()) -> AsyncIterator[ZoneServer]:
        zones = [
            ServedZone(Plan(to_wire(SIGNED.encode()), ("malware",)), Rights(HERE, KEY)),
            ServedZone(Plan(to_wire(OPEN.encode()), ("malware",)), Rights(HERE)),
            *more,
        ]
        listen = [Endpoint("127.0.0.1", free_port()), Endpoint("::1", free_port())]
        server = ZoneServer(zones, listen, Counters(images.folder / "counters"))
        async with asyncio.TaskGroup() as group:
            running = group.create_task(server.run())
            await server.update(made(images, names))
            yield server
            running.cancel()

    return serve


def made(images: Images, names: Sequence[str]) -> TableSet:
    entries: list[Entry] = [("malware", name, Mode.SUBTREE) for name in names]
    return TableSet(images.names(entries))


async def run(*argv: str) -> str:
    process = await asyncio.create_subprocess_exec(*argv, stdout=asyncio.subprocess.PIPE)
    async with asyncio.timeout(60):
        said, _ = await process.communicate()
    return said.decode()


async def ask(tool: str, at: Endpoint, *arguments: str) -> str:
    return await run(tool, f"@{at.host}", "-p", str(at.port), *arguments)


def status(said: str) -> str | None:
    found = re.search(r"status: (\w+)", said)
    return found[1] if found else None


@pytest.mark.parametrize("tool", ["dig", "kdig"])
@pytest.mark.parametrize("at", [0, 1], ids=["IPv4", "IPv6"])
async def test_dig_and_kdig_fetch_a_signed_zone_and_its_changes(
    serving: Serving,
    images: Images,
    program: Callable[[str], str],
    tool: str,
    at: int,
) -> None:
    program(tool)
    async with serving(["a.test"]) as server:
        here = server.bound[at]
        whole = await ask(tool, here, "-y", KEY_TEXT, SIGNED, "AXFR")
        await server.update(made(images, ["a.test", "b.test"]))
        changes = await ask(tool, here, "-y", KEY_TEXT, SIGNED, "IXFR=1", "+tcp")
        soa = await ask(tool, here, "-y", KEY_TEXT, SIGNED, "SOA", "+norec")

    # both check every signature, and say so of one that is wrong
    assert not [said for said in (whole, changes, soa) if re.search("(?i)(could|can)not|warning|fail", said)]
    assert re.findall(r"^(\S+)\s+60\s+IN\s+CNAME\s+\.$", whole, re.M) == [f"a.test.{SIGNED}.", f"*.a.test.{SIGNED}."]
    assert re.findall(r"SOA\s+localhost\. hostmaster\.localhost\. (\d+)", changes) == ["2", "1", "2", "2"]
    assert re.findall(r"^(\S+)\s.*CNAME", changes, re.M) == [f"b.test.{SIGNED}.", f"*.b.test.{SIGNED}."]
    assert status(soa) == "NOERROR"


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ((), "REFUSED"),
        (("-y", KEY_TEXT.replace("MDEy", "AAAA")), "NOTAUTH"),
        (("-y", KEY_TEXT.replace("filterd-", "x")), "NOTAUTH"),
    ],
    ids=["no key", "another secret", "another name"],
)
async def test_without_the_zones_key_dig_is_refused(
    serving: Serving,
    program: Callable[[str], str],
    key: tuple[str, ...],
    said: str,
) -> None:
    program("dig")
    async with serving(["a.test"]) as server:
        soa = await ask("dig", server.bound[0], *key, SIGNED, "SOA")
        whole = await ask("dig", server.bound[0], *key, SIGNED, "AXFR")

    assert status(soa) == said
    assert "Transfer failed" in whole
    assert "a.test" not in whole


async def test_our_own_client_takes_the_zone_and_what_changes(serving: Serving, images: Images) -> None:
    owners: list[bytes] = []
    async with serving(["a.test"]) as server:
        primary = Primary(server.bound[0], KEY)
        apex = to_wire(SIGNED.encode())
        whole = await transfer(primary, apex, None, lambda record: owners.append(record.owner), Limits())
        await server.update(made(images, ["b.test"]))
        changed = await transfer(primary, apex, whole.serial, lambda _: None, Limits())

    assert to_wire(b"a.test.rpz.example") in owners
    assert [(len(change.removed), len(change.added)) for change in changed.changes] == [(2, 2)]


async def test_one_connection_may_ask_again_and_again(serving: Serving) -> None:
    async with serving(["a.test"]) as server:
        reader, writer = await asyncio.open_connection(*server.bound[0])
        for qtype in (SOA, AXFR, SOA):
            writer.write(framed(write_message(7, 0, [Question(to_wire(OPEN.encode()), qtype)])))
            (length,) = struct.unpack(">H", await reader.readexactly(2))
            assert (await reader.readexactly(length))[:2] == b"\0\7"
        writer.close()


def framed(message: bytes) -> bytes:
    return struct.pack(">H", len(message)) + message


async def test_while_a_secondary_does_not_read_the_others_are_served_and_memory_stays_small(
    serving: Serving,
    program: Callable[[str], str],
) -> None:
    program("dig")
    async with serving([f"{n}.{'x' * 60}.test" for n in range(120_000)]) as server:
        before = resident()
        stalled = [await asyncio.open_connection(*server.bound[0], limit=1024) for _ in range(6)]
        for _, writer in stalled:
            writer.write(framed(write_message(7, 0, [Question(to_wire(OPEN.encode()), AXFR)])))
        await asyncio.sleep(0.3)
        shares = list[float]()
        while not shares or (min(shares) >= LATE_SHARE and len(shares) < TRIES):
            latest, took = await lateness_while(ask("dig", server.bound[0], OPEN, "AXFR", "+noall", "+stats"))
            shares.append(latest / took)
        risen = resident() - before
        for _, writer in stalled:
            writer.transport.abort()

    # records are made beside the event loop: in it, it would be late by nearly all of the time
    assert min(shares) < LATE_SHARE, shares
    assert risen < 40 << 20


def resident() -> int:
    """Octets of this process in memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) << 10


async def lateness_while(work: "asyncio._CoroutineLike[str]") -> tuple[float, float]:
    """By how much the event loop was late at most until `work` had ended, and how long that took, in seconds."""
    latest, started = 0.0, asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(work)
        while not task.done():
            began = asyncio.get_running_loop().time()
            await asyncio.sleep(0.005)
            latest = max(latest, asyncio.get_running_loop().time() - began - 0.005)
    assert "XFR size: 240003 records" in task.result()
    return latest, asyncio.get_running_loop().time() - started


async def test_more_transfers_than_are_made_at_once_wait_their_turn(
    serving: Serving,
    program: Callable[[str], str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program("dig")
    monkeypatch.setattr("dns.zones.server.MAX_TRANSFERS", 1)
    async with serving(["a.test"]) as server:
        all_said = await asyncio.gather(*(ask("dig", server.bound[0], OPEN, "AXFR") for _ in range(5)))

    assert ["XFR size: 5 records" in said for said in all_said] == [True] * 5


async def test_a_secondary_that_takes_nothing_for_long_is_let_go(
    serving: Serving,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dns.zones.server.STALL_S", 0.2)
    async with serving([f"{n}.{'x' * 60}.test" for n in range(120_000)]) as server:
        reader, writer = await asyncio.open_connection(*server.bound[0], limit=1024)
        writer.write(framed(write_message(7, 0, [Question(to_wire(OPEN.encode()), AXFR)])))
        await asyncio.sleep(1)

        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            await reader.readexactly(1 << 30)
        writer.close()


async def test_octets_that_are_no_request_end_a_connection_and_no_datagram_ends_the_server(serving: Serving) -> None:
    async with serving(["a.test"]) as server:
        reader, writer = await asyncio.open_connection(*server.bound[0])
        writer.write(framed(b"nothing"))
        assert await reader.read() == b""
        writer.close()
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(asyncio.DatagramProtocol, remote_addr=server.bound[0])
        for octets in (b"", b"\0", b"\0" * 12, b"\xff" * 600):
            transport.sendto(octets)
        transport.close()
        await asyncio.sleep(0.05)
        _, writer = await asyncio.open_connection(*server.bound[0])
        writer.close()


async def test_the_status_tells_serial_records_and_what_was_left_out(
    serving: Serving,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with serving(["a.test", "a.rpz-nsip"]) as server:
        told = server.status()

    reason = "ends in a label that makes it a trigger of another kind"
    zones = [{"zone": zone, "serial": 1, "records": 2, "unpublished": {reason: 2}} for zone in (SIGNED, OPEN)]
    assert told == {"zones": zones, "refused": 0}
    assert f"zone {SIGNED}: owners left out: 2 {reason}" in caplog.text


async def test_refusals_are_counted_and_said_but_not_a_line_each(
    serving: Serving,
    program: Callable[[str], str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    program("dig")
    async with serving(["a.test"]) as server:
        for _ in range(3):
            await ask("dig", server.bound[0], SIGNED, "SOA", "+norec")
        told = server.status()

    assert told["refused"] == 3
    lines = [line for line in caplog.messages if "refused" in line]
    assert lines == [
        "zones: to 127.0.0.1: REFUSED: zone rpz.example is for Key(filterd-rpz, hmac-sha256), "
        "the request is signed by no key; 1 requests refused so far"
    ]


async def test_an_address_that_is_not_ours_is_said_and_nothing_stays_open(images: Images) -> None:
    free = Endpoint("127.0.0.1", free_port())

    with pytest.raises(OSError, match="assign requested address"):
        ZoneServer([], [free, Endpoint("192.0.2.1", 0)], Counters(images.folder / "counters"))


async def test_two_keys_of_one_name_are_refused(images: Images) -> None:
    zones = [
        ServedZone(Plan(to_wire(name), ()), Rights(HERE, Key(KEY.name, "hmac-sha256", bytes([n]) * 32)))
        for n, name in enumerate((b"a.example", b"b.example"))
    ]

    with pytest.raises(ValueError, match="two keys"):
        ZoneServer(zones, [], Counters(images.folder / "counters"))
