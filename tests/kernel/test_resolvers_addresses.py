"""Unbound, BIND, PowerDNS Recursor and filterd with one policy zone of address triggers: the same verdicts.

Every name that is asked for has one address: of several, resolvers choose by rules of their own.   Each is asked for
once: of several clients that wait for one answer, Unbound does not tell all to come over TCP.
"""

import random
import shutil
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from pathlib import Path
from typing import NamedTuple

import pytest
from support.dns import load as asking
from support.dns import resolvers
from support.dns import rpz_zones as rpzones
from support.system.namespace import in_a_network_of_its_own

from rules.base.prefixes import Network, is_one_rule, write_trigger
from rules.lists.compiler.compile import compile_sources
from rules.lists.source import describe_source

pytestmark = pytest.mark.kernel

OPTIONS = {"format": "rpz", "match": "as-written", "tier": "security"}
ENGINES = (*resolvers.TEXTS, "filterd")
DATA = {
    rpzones.NXDOMAIN: "nxdomain",
    rpzones.NODATA: "nodata",
    rpzones.PASSTHRU: "free",
    rpzones.TCP_ONLY: "truncated",
    "A 192.0.2.250": "data",
}
BLOCKS_V4 = [ip_network(text) for text in ("198.51.100.0/24", "203.0.113.0/24")]
BLOCKS_V6 = [ip_network(f"2001:db8:{n:x}::/48") for n in range(16)]


class Compared(NamedTuple):
    """What the zone says, what was asked for, and what everybody answers."""

    said: dict[Network, str]
    asked: list[IPv4Address | IPv6Address]
    verdicts: dict[str, list[str]]


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    missing = [program for program in resolvers.PROGRAMS.values() if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder, draw = tmp_path_factory.mktemp("resolvers"), random.Random(8)
    said = {prefix: draw.choice(list(DATA)) for prefix in prefixes(draw)}
    zone = folder / "zone.rpz"
    zone.write_text(rpzones.zone_text({write_trigger(prefix): data for prefix, data in said.items()}))
    report = compile_sources([describe_source("zone", zone, OPTIONS)], folder, bytes(range(16)), 1)
    assert report.n_skipped == 0
    asked = [ip_address(int(block.network_address) + n) for block in BLOCKS_V4 for n in range(256)]
    asked += [
        ip_address(int(block.network_address) + draw.choice((0, 1, 1 << 70, 1 << 79, draw.getrandbits(80))))
        for block in BLOCKS_V6
        for _ in range(16)
    ]
    asked = list(dict.fromkeys(asked))
    return Compared(said, asked, ask_everybody(asked, zone, report.path, folder))


def prefixes(draw: random.Random) -> list[Network]:
    """Of all lengths; of those that end inside of an octet (nibble) none holds another one."""
    found: list[Network] = [BLOCKS_V4[0], *BLOCKS_V6[:8], ip_network("2001:db8::/32")]
    for block in (*BLOCKS_V4, *BLOCKS_V6):
        for _ in range(12):
            n = draw.randint(block.prefixlen + 1, block.max_prefixlen)
            at = int(block.network_address) + draw.getrandbits(block.max_prefixlen - block.prefixlen)
            address = IPv4Address(at) if block.version == 4 else IPv6Address(at)
            prefix = ip_network((address, n), strict=False)
            if is_one_rule(prefix) or not any(prefix.overlaps(each) for each in found if not is_one_rule(each)):
                found.append(prefix)
    return found


def ask_everybody(
    asked: list[IPv4Address | IPv6Address], zone: Path, image: Path, folder: Path
) -> dict[str, list[str]]:
    questions = [(asking.name_at(str(each)), asking.A if each.version == 4 else asking.AAAA) for each in asked]
    answers: dict[str, list[asking.Answer | None]] = {}

    async def ask() -> None:
        with resolvers.running(zone, image, folder) as servers, ThreadPoolExecutor(len(servers)) as pool:
            asking_all = {engine: pool.submit(asking.ask_all, server, questions) for engine, server in servers.items()}
            answers.update({engine: future.result() for engine, future in asking_all.items()})

    in_a_network_of_its_own(ask)
    return {
        engine: [verdict(answer, each) for answer, each in zip(given, asked, strict=True)]
        for engine, given in answers.items()
    }


def verdict(answer: asking.Answer | None, address: IPv4Address | IPv6Address) -> str:
    if answer is None:
        return "nothing"
    if answer.is_truncated:
        return "truncated"
    if answer.rcode != asking.NOERROR:
        return "nxdomain" if answer.rcode == asking.NXDOMAIN else f"rcode {answer.rcode}"
    if not answer.addresses:
        return "nodata"
    return "free" if answer.addresses == {address.packed} else "data"


def expected(compared: Compared) -> list[str]:
    """What the longest prefix says that holds an address."""
    found = []
    for address in compared.asked:
        holding = [prefix for prefix in compared.said if address in prefix]
        said = DATA[compared.said[max(holding, key=lambda prefix: prefix.prefixlen)]] if holding else "free"
        found.append("nodata" if said == "data" and address.version == 6 else said)
    return found


@pytest.mark.parametrize("engine", ENGINES)
def test_each_gives_the_verdict_of_the_longest_prefix(compared: Compared, engine: str) -> None:
    wrong = [
        (str(address), said, should)
        for address, said, should in zip(compared.asked, compared.verdicts[engine], expected(compared), strict=True)
        if said != should
    ]

    assert wrong == []


def test_every_verdict_is_among_them(compared: Compared) -> None:
    assert set(compared.verdicts["filterd"]) == {*DATA.values()}
