"""Unbound, BIND, PowerDNS Recursor and filterd with one response policy zone: 100,000 questions, the same verdicts.

The resolvers differ from filterd and from each other in one thing alone, which owner a wildcard leaves its place to;
`oracle.wildcards` holds their three ways, and each must keep to its own for every name that was asked.  PowerDNS has
BIND's way on record as the right one and its own, which is filterd's, as a defect that its operators expect (pdns
#8231): here a passthru of one name does not open what is below it.
"""

import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import NamedTuple, Protocol

import pytest
from oracle.wildcards import ClosestEncloser, LongestWildcard, NeighboursEncloser
from support.dns import load as asking
from support.dns import resolvers
from support.dns import rpz_zones as rpzones
from support.system.namespace import in_a_network_of_its_own

from bench.corpus import names
from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action
from fastpath.wire.name import to_wire
from rules.lists.compiler.compile import compile_sources
from rules.lists.compiler.report import CompileReport
from rules.lists.source import describe_source

pytestmark = pytest.mark.kernel

N_LISTED = 20_000
N_FREE = 2_000
ENGINES = (*resolvers.TEXTS, "filterd")
NOW_S = 1_795_000_000
OPTIONS = {"format": "rpz", "match": "as-written", "tier": "security", "allow_public_suffix": "yes"}


class OwnerFor(Protocol):
    def owner_for(self, name: str) -> str | None: ...


WILDCARDS: dict[str, Callable[[Sequence[str]], OwnerFor]] = {
    "unbound": NeighboursEncloser,
    "bind": ClosestEncloser,
    "recursor": LongestWildcard,
    "filterd": LongestWildcard,
}


class Asked(NamedTuple):
    name: str
    qtype: int


class Compared(NamedTuple):
    """One zone, and what everybody says to each question."""

    owners: dict[str, str]
    asked: list[Asked]
    verdicts: dict[str, list[str]]  # by engine
    decided: list[Action]  # by the tables
    report: CompileReport


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Compared:
    missing = [program for program in resolvers.PROGRAMS.values() if shutil.which(program) is None]
    if missing:
        pytest.skip(f"not installed: {', '.join(missing)}")
    folder = tmp_path_factory.mktemp("resolvers")
    listed = listed_names()
    owners = rpzones.make_zone(listed)
    zone = folder / "zone.rpz"
    zone.write_text(rpzones.zone_text(owners))
    report = compile_sources([describe_source("zone", zone, OPTIONS)], folder, bytes(range(16)), 1)
    draw = random.Random(5)
    free = [f"free{n}.example" for n in range(N_FREE)]
    asked = [
        Asked(name, draw.choice((asking.A, asking.A, asking.A, asking.AAAA)))
        for name in rpzones.questions(listed, free)
    ]
    tables = TableSet(open_image(report.path, ImageKind.NAMES))
    decided = [tables.decide(to_wire(name.encode()), None, NOW_S).action for name, _ in asked]
    return Compared(owners, asked, ask_everybody(asked, zone, report.path, folder), decided, report)


def listed_names() -> list[str]:
    """Some of every part of the lists, in no order."""
    listed = list(islice(names(), 0, None, 55))
    random.Random(1).shuffle(listed)
    return listed[:N_LISTED]


def ask_everybody(asked: Sequence[Asked], zone: Path, image: Path, folder: Path) -> dict[str, list[str]]:
    draw = random.Random(6)
    questions = [(as_written(name, draw), qtype) for name, qtype in asked]
    answers: dict[str, list[asking.Answer | None]] = {}

    async def ask() -> None:
        with resolvers.running(zone, image, folder) as servers, ThreadPoolExecutor(len(servers)) as pool:
            asking_all = {engine: pool.submit(asking.ask_all, server, questions) for engine, server in servers.items()}
            answers.update({engine: future.result() for engine, future in asking_all.items()})

    in_a_network_of_its_own(ask)
    return {engine: [verdict(answer) for answer in given] for engine, given in answers.items()}


def as_written(name: str, draw: random.Random) -> bytes:
    """On the wire, every other one in mixed case."""
    written = rpzones.in_mixed_case(name, draw) if draw.random() < 0.5 else name
    return b"".join(bytes([len(label)]) + label.encode() for label in written.split(".")) + b"\0"


def verdict(answer: asking.Answer | None) -> str:
    """What an answer says about its name, in a word."""
    if answer is None:
        return "drop"
    if answer.is_truncated:
        return "truncated"
    if answer.rcode == asking.NXDOMAIN:
        return "nxdomain"
    if answer.rcode != asking.NOERROR:
        return f"rcode {answer.rcode}"
    if answer.targets:
        return " ".join(["alias", *(target.hex() for target in answer.targets)])
    if answer.addresses & set(asking.ANYBODYS.values()):
        return "passthru"
    return " ".join(["data", *(address.hex() for address in answer.addresses)]) if answer.addresses else "nodata"


def verdict_of(data: str | None, qtype: int) -> str:
    """What the record at the owner that speaks demands."""
    fixed = {
        None: "passthru",
        rpzones.PASSTHRU: "passthru",
        rpzones.NXDOMAIN: "nxdomain",
        rpzones.NODATA: "nodata",
        rpzones.DROP: "drop",
        rpzones.TCP_ONLY: "truncated",
        rpzones.ALIAS: f"alias {to_wire(b'garden.example').hex()}",
    }
    if data in fixed:
        return fixed[data]
    assert data is not None
    rtype, address = data.split()
    if qtype != {"A": asking.A, "AAAA": asking.AAAA}[rtype]:
        return "nodata"
    return f"data {asking.address_octets(address).hex()}"


def expected(compared: Compared, engine: str) -> list[str]:
    speaker = WILDCARDS[engine](list(compared.owners))
    return [verdict_of(compared.owners.get(speaker.owner_for(name) or ""), qtype) for name, qtype in compared.asked]


def test_100_000_names_are_asked_for_and_every_rule_of_the_zone_is_read(compared: Compared) -> None:
    assert len({name for name, _ in compared.asked}) >= 100_000
    assert compared.report.n_rules == len(compared.owners)
    assert compared.report.n_skipped == 0


def test_every_verdict_is_among_the_answers_of_filterd(compared: Compared) -> None:
    seen = Counter(said.partition(" ")[0] for said in compared.verdicts["filterd"])

    assert set(seen) == {"passthru", "nxdomain", "nodata", "truncated", "drop", "data", "alias"}
    assert min(seen.values()) > 50
    assert seen["nxdomain"] > 40_000 < len(compared.asked) - seen["passthru"]


@pytest.mark.parametrize("engine", ENGINES)
def test_each_gives_the_verdict_of_the_owner_that_its_wildcards_choose(compared: Compared, engine: str) -> None:
    wrong = [
        (*question, said, should)
        for question, said, should in zip(
            compared.asked, compared.verdicts[engine], expected(compared, engine), strict=True
        )
        if said != should
    ]

    assert wrong == []


@pytest.mark.parametrize("engine", resolvers.TEXTS)
def test_where_wildcards_mean_the_same_a_resolver_and_filterd_give_the_same_verdict(
    compared: Compared,
    engine: str,
) -> None:
    theirs, ours = WILDCARDS[engine](list(compared.owners)), LongestWildcard(compared.owners)
    pairs = zip(compared.asked, compared.verdicts[engine], compared.verdicts["filterd"], strict=True)
    different = [name for (name, _), said, filterd_said in pairs if said != filterd_said]

    assert [name for name in different if theirs.owner_for(name) == ours.owner_for(name)] == []
    assert len(different) < len(compared.asked) / 50


def test_the_recursor_and_filterd_agree_on_every_name(compared: Compared) -> None:
    assert compared.verdicts["recursor"] == compared.verdicts["filterd"]


def test_the_tables_decide_what_the_answers_say(compared: Compared) -> None:
    speaker = LongestWildcard(compared.owners)
    actions = {
        None: Action.PASSTHRU,
        rpzones.PASSTHRU: Action.PASSTHRU,
        rpzones.NXDOMAIN: Action.NXDOMAIN,
        rpzones.NODATA: Action.NODATA,
        rpzones.DROP: Action.DROP,
        rpzones.TCP_ONLY: Action.TCP_ONLY,
    }
    wrong = [
        (name, action)
        for (name, _), action in zip(compared.asked, compared.decided, strict=True)
        if action != actions.get(compared.owners.get(speaker.owner_for(name) or ""), Action.LOCAL_DATA)
    ]

    assert wrong == []
