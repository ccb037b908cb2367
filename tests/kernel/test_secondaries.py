"""BIND, Unbound, PowerDNS Recursor and Knot fetch our zones, block by them, and are told of every change."""

import asyncio
import logging
import re
import shutil
import time
from collections.abc import Iterable
from ipaddress import ip_network
from pathlib import Path
from typing import NamedTuple

import pytest
from support.dns import load as asking
from support.dns import secondaries
from support.dns.resolvers import HOST
from support.dns.secondaries import KEY_TEXT, KNOT_DNS_PORT, OPEN_ZONE, PORTS, PRIMARY_PORT, ZONE
from support.images.opened import Entry, Images
from support.images.prefixes import entries
from support.system.namespace import in_a_network_of_its_own

from dns.base.endpoints import Endpoint
from dns.zones.rpz_edition import Plan
from dns.zones.served_zone import REFRESH_S, Rights, ServedZone
from dns.zones.server import ZoneServer
from dns.zones.tsig import read_key
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.report.counters import Counters
from fastpath.wire.name import to_wire

pytestmark = pytest.mark.kernel

SPLASH = "192.0.2.80"
BLOCKED, FREE, FREE6 = f"data {SPLASH}", "free", "its own"
PATIENCE_S = 120.0  # of a busy machine; by themselves, secondaries would look after REFRESH_S
N_UPDATES = 4

LISTED: list[Entry] = [
    ("orders", "bad.test", Mode.SUBTREE),
    ("orders", "gone.test", Mode.SUBTREE),
    ("malware", "one.test", Mode.EXACT),
    ("malware", "below.test", Mode.BELOW),
    ("orders", "deep.in.bad.test", Mode.EXACT, Action.PASSTHRU),
    ("malware", "empty.test", Mode.SUBTREE, Action.NODATA),
    ("orders", "two.test", Mode.SUBTREE),
    ("orders", "one.two.test", Mode.EXACT, Action.PASSTHRU),
    ("malware", "two.test", Mode.SUBTREE),
    ("csam", "secret.test", Mode.SUBTREE),
    ("adult", "adult.test", Mode.SUBTREE),
    *entries("malware", "198.51.100.0/24"),
    *entries("malware", "198.51.100.9", Action.PASSTHRU),
    *entries("orders", "203.0.113.0/25"),
    *entries("malware", "2001:db8:bac::/47", Action.NODATA),
    # so that a change is a small part of the zone: knotd takes a whole zone where it is not
    *(("malware", f"filler{n}.test", Mode.SUBTREE) for n in range(200)),
]
EXPECTED = {
    "bad.test": BLOCKED,
    "www.bad.test": BLOCKED,
    "a.b.c.bad.test": BLOCKED,
    "notbad.test": FREE,
    "gone.test": BLOCKED,
    "one.test": "nxdomain",
    "www.one.test": FREE,
    "below.test": FREE,
    "www.below.test": "nxdomain",
    "empty.test": "nodata",
    "www.empty.test": "nodata",
    "new.test": FREE,
    # an exception below a wildcard opens one name, whatever a resolver makes of wildcards
    "deep.in.bad.test": FREE,
    "in.bad.test": BLOCKED,
    "other.in.bad.test": BLOCKED,
    "www.deep.in.bad.test": BLOCKED,
    # and only of its own list
    "two.test": BLOCKED,
    "one.two.test": "nxdomain",
    "www.one.two.test": BLOCKED,
    # of lists that are not in the zone
    "secret.test": FREE,
    "www.secret.test": FREE,
    "adult.test": FREE,
}
# Of names by their one address.  Knot Resolver knows no triggers by address.
BY_ADDRESS = {
    "198.51.100.7": "nxdomain",
    "198.51.100.9": "data 198.51.100.9",
    "203.0.113.127": BLOCKED,
    "203.0.113.128": "data 203.0.113.128",
    "192.0.2.1": "data 192.0.2.1",
}
BY_ADDRESS6 = {"2001:db8:bad::1": "nodata", "2001:db8:bae::1": FREE6}


class Seen(NamedTuple):
    """What happened, by resolver."""

    at_first: dict[str, dict[str, str]]  # by name
    by_address: dict[str, dict[str, str]]  # of names that have one
    after_s: dict[str, list[float]]  # of each update, until it was in force
    at_last: dict[str, dict[str, str]]
    transfers: list[str]  # what our log says of them
    files: str  # all that the secondaries have written


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Seen:
    missing = [program for each in secondaries.PROGRAMS.values() for program in each if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    found: list[Seen] = []

    async def live() -> None:
        found.append(await watch(tmp_path_factory.mktemp("secondaries")))

    in_a_network_of_its_own(live)
    return found[0]


async def watch(folder: Path) -> Seen:
    images, transfers = Images(folder), Transfers()
    logging.getLogger("dns.zones").addHandler(transfers)
    logging.getLogger("dns.zones").setLevel(logging.INFO)
    base = images.names(LISTED)
    server = ZoneServer(zones(), [Endpoint(HOST, PRIMARY_PORT)], Counters(folder / "counters"))
    async with asyncio.TaskGroup() as group:
        running = group.create_task(server.run())
        await server.update(TableSet(base))
        async with secondaries.running(folder) as addresses:
            at_first, by_address = {}, {}
            for engine, address in addresses.items():
                await until(address, "bad.test", BLOCKED, PATIENCE_S)
                await until(address, "free.test", FREE, PATIENCE_S)  # the upstream of all of them may come up later
                at_first[engine] = await verdicts(address, EXPECTED)
                by_address[engine] = await verdicts_by_address(address)
            after_s: dict[str, list[float]] = {engine: [] for engine in addresses}
            for n in range(N_UPDATES):
                await server.update(
                    TableSet(
                        base,
                        images.names(
                            [("orders", f"new{i}.test", Mode.SUBTREE) for i in range(n + 1)],
                            base,
                            drops=["gone.test", *(f"new{i}.test" for i in range(n + 1))],
                        ),
                    )
                )
                each = await asyncio.gather(
                    *(until(address, f"new{n}.test", BLOCKED, PATIENCE_S) for address in addresses.values())
                )
                for engine, seconds in zip(addresses, each, strict=True):
                    after_s[engine].append(seconds)
            changed = ["www.gone.test", "new0.test", "www.new0.test", "bad.test", "secret.test"]
            at_last = {engine: await verdicts(address, changed) for engine, address in addresses.items()}
            files = "".join(
                path.read_text("latin-1") for path in folder.rglob("*") if path.is_file() and path.suffix != ".img"
            )
        running.cancel()
    return Seen(at_first, by_address, after_s, at_last, transfers.said, files)


class Transfers(logging.Handler):
    """What the server says of its transfers."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if "XFR" in record.getMessage():
            self.said.append(record.getMessage())


def zones() -> list[ServedZone]:
    """One with a key, for three of them, and one without, for Unbound."""

    def plan(name: str) -> Plan:
        return Plan(to_wire(name.encode()), ("orders", "malware"), (SPLASH, "2001:db8::80"))

    here = (ip_network(f"{HOST}/32"),)
    told = [Endpoint(HOST, port) for port in (PORTS["bind"], PORTS["recursor"], KNOT_DNS_PORT)]
    return [
        ServedZone(plan(ZONE), Rights(here, read_key(KEY_TEXT)), told),
        ServedZone(plan(OPEN_ZONE), Rights(here), [Endpoint(HOST, PORTS["unbound"])]),
    ]


async def until(address: asking.Address, name: str, wanted: str, patience_s: float) -> float:
    """The seconds until a resolver says what is wanted of names below one; infinite: it did not in time.

    Always of another name: PowerDNS 5.4 answers what it has cached."""
    began = time.monotonic()
    while time.monotonic() < began + patience_s:
        asked = f"n{time.monotonic_ns()}.{name}"
        if (await verdicts(address, [asked], 0.3, 2))[asked] == wanted:
            return time.monotonic() - began
        await asyncio.sleep(0.02)
    return float("inf")


async def verdicts(
    address: asking.Address, names: Iterable[str], patience_s: float = 0.5, rounds: int = 4
) -> dict[str, str]:
    """By name.   patience_s, rounds: as ask_all() has them; a busy machine may answer late"""
    questions = [(to_wire(name.encode()), asking.A) for name in names]
    answers = await asyncio.to_thread(asking.ask_all, address, questions, patience_s, rounds)
    return dict(zip(names, map(verdict, answers), strict=True))


async def verdicts_by_address(address: asking.Address) -> dict[str, str]:
    """What is said of names that have one address each, asked for by its type."""
    asked = [*BY_ADDRESS, *BY_ADDRESS6]
    questions = [(asking.name_at(each), asking.AAAA if ":" in each else asking.A) for each in asked]
    answers = await asyncio.to_thread(asking.ask_all, address, questions)
    return {
        each: FREE6 if answer and asking.address_octets(each) in answer.addresses and ":" in each else verdict(answer)
        for each, answer in zip(asked, answers, strict=True)
    }


def verdict(answer: asking.Answer | None) -> str:
    if answer is None:
        return "nothing"
    if answer.rcode != asking.NOERROR:
        return "nxdomain" if answer.rcode == asking.NXDOMAIN else f"rcode {answer.rcode}"
    if not answer.addresses:
        return "nodata"
    if asking.ANYBODYS[asking.A] in answer.addresses:
        return FREE
    return " ".join(["data", *(".".join(map(str, octets)) for octets in answer.addresses)])


@pytest.mark.parametrize("engine", PORTS)
def test_each_blocks_what_the_lists_hold_and_nothing_else(seen: Seen, engine: str) -> None:
    assert seen.at_first[engine] == EXPECTED


@pytest.mark.parametrize("engine", [engine for engine in PORTS if engine != "knot"])
def test_each_that_knows_triggers_by_address_blocks_answers_that_lead_there(seen: Seen, engine: str) -> None:
    assert seen.by_address[engine] == BY_ADDRESS | BY_ADDRESS6


def test_knot_resolver_lets_addresses_go(seen: Seen) -> None:
    free = {each: f"data {each}" for each in BY_ADDRESS} | dict.fromkeys(BY_ADDRESS6, FREE6)

    assert seen.by_address["knot"] == free


@pytest.mark.parametrize("engine", PORTS)
def test_each_has_every_change_because_it_is_told_of_it(seen: Seen, engine: str) -> None:
    assert max(seen.after_s[engine]) < REFRESH_S
    assert seen.at_last[engine] == {
        "www.gone.test": FREE,
        "new0.test": BLOCKED,
        "www.new0.test": BLOCKED,
        "bad.test": BLOCKED,
        "secret.test": FREE,
    }


@pytest.mark.parametrize("zone", [ZONE, OPEN_ZONE])
def test_changes_come_as_changes(seen: Seen, zone: str) -> None:
    told = [said for said in seen.transfers if f"zone {zone}: " in said]

    n_secondaries = 3 if zone == ZONE else 1
    assert sum("AXFR" in said for said in told) == n_secondaries
    # one transfer may bring several changes
    assert N_UPDATES * n_secondaries >= sum("IXFR" in said for said in told) >= n_secondaries


def test_a_confidential_name_is_nowhere(seen: Seen) -> None:
    assert re.search(r"filler7[.\x04]test[.\x03\x04](rpz|open)", seen.files)
    # as text and as on the wire; that it was asked for stands in logs and caches
    assert not re.search(r"secret[.\x04]test[.\x03\x04](rpz|open)", seen.files)
