"""Verifies one order: from its rows to a report, by probe and sink.

    entries in force → questions → probe and sink → upstream, where only it can tell → outcomes → report

Confidential entries are in no row: orders of child abuse material are refused when they are pushed, and what speaks of
it all the same is not sent here.
Invariants: a report says how many of how many entries were asked; nothing is written here.
"""

import random
import socket
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, NamedTuple

import msgspec
from sqlalchemy import Row

from dns.base.endpoints import Endpoint
from filterd.box.errors import ApiRefusal
from filterd.commands.verifier import processes
from filterd.commands.verifier.questions import (
    DNS_CHANNELS,
    DNS_HTTPS,
    DNS_TCP,
    DNS_TLS,
    DNS_UDP,
    ENTRY,
    HTTP,
    PACKET_CHANNELS,
    QUIC,
    TLS,
    EntryInForce,
    Question,
    Way,
    questions,
)
from filterd.commands.verifier.seen import Observation, ProbePlan
from filterd.commands.verifier.sink import SinkPlan
from filterd.commands.verifier.verdicts import Marks, QuestionOutcome, judge, needs_upstream, state_of, told, too_wide
from filterd.config import Config
from mgmt.contract.errors import BadRequest
from mgmt.orders.base.cover import Cover
from mgmt.orders.base.judge import host_of_entry
from mgmt.orders.base.model import EntryMode, EntryStatus, mode_of
from mgmt.orders.base.sealed import refuse_sealed
from mgmt.orders.confirmation.verifications import Verification

MAX_ASKED = 1000  # entries of one verification: a larger order is sampled
HOPS = 2  # through the gateway, and to a sink right behind it
NEWEST = 900  # of a sample: what came last; the rest at random

Excuse = Callable[[str], bool]  # whether something else than this order blocks a name, URL or address


class Place(NamedTuple):
    """From where to where, and by which ways."""

    ways: tuple[Way, ...]
    plan: ProbePlan
    sink: SinkPlan | None
    marks: Marks
    upstream: Endpoint | None


def place_of(config: Config) -> Place:
    """What the configuration says.   Raises ApiRefusal where it says too little."""
    said = config.verifier
    if said.probe is None:
        raise ApiRefusal("verifier: /verifier/probe is not set; nothing asked; see docs/audit/verification.md")
    resolvers = _given(said.dns4, said.dns6) if config.dns.workers else {}
    sinks = _given(said.sink4, said.sink6) if said.sink is not None and config.gate.workers else {}
    dns_ports = _dns_ports(config)
    ports = {TLS: config.gate.tls_ports[0], QUIC: config.gate.tls_ports[0], HTTP: config.gate.http_ports[0]}
    ways = [Way(channel, family) for family in resolvers for channel in dns_ports]
    ways += [Way(channel, family) for family in sinks for channel in PACKET_CHANNELS]
    if not ways:
        raise ApiRefusal("verifier: neither /verifier/dns4, dns6 nor a sink is set; nothing asked; set one of them")
    pages = frozenset(each for each in (config.splash.address4, config.splash.address6) if each)
    plan = ProbePlan(str(said.probe), resolvers, dns_ports, sinks, ports, HOPS, [])
    plain = [each for each in config.dns.upstreams if isinstance(each, Endpoint)]
    return Place(tuple(ways), plan, _sink_of(config, sinks), Marks(pages), plain[0] if plain else None)


def verify(place: Place, order: Row[Any], rows: Sequence[Row[Any]], revision: int, excuse: Excuse) -> Verification:
    """Ask the traffic about an order.   rows  its entries in force.   Raises MissingPart, ApiRefusal."""
    try:
        refuse_sealed("", ground=order.ground, ref=order.ref)
    except BadRequest as reason:
        raise ApiRefusal(f"order {order.id}: {reason}; nothing sent; its entries are never sent anywhere") from reason
    began = time.monotonic()
    sample = _sample(rows)
    cover = cover_of(rows)
    asked = questions([_asked(row) for row in sample], place.ways, cover)
    seen = _ask(place, asked)
    unclear = {each.name for each in asked if each.at in seen and needs_upstream(each, seen[each.at], place.marks)}
    found = judge(asked, seen, place.marks, _ask_upstream(place, unclear))
    wide = too_wide(found)
    others = frozenset(name for name in wide if excuse(name))
    others |= _led_elsewhere(place, [each for name, each in wide.items() if name not in others], cover, excuse)
    at, took_ms = datetime.now(UTC), int((time.monotonic() - began) * 1000)
    state = state_of(found, excused=others)
    report = _report(place, rows, sample, found, {name: q.number for name, q in wide.items() if name not in others})
    counts = Counter(each.outcome.value for each in found if each.question.kind == ENTRY)
    return Verification(order.id, at, took_ms, revision, state.value, report, dict(counts))


def _ask(place: Place, asked: Sequence[Question]) -> dict[int, Observation]:
    with nullcontext() if place.sink is None else processes.standing_sink(place.sink):
        return processes.ask(msgspec.structs.replace(place.plan, questions=[_sent(each) for each in asked]))


def _led_elsewhere(place: Place, wide: Sequence[Question], cover: Cover, excuse: Excuse) -> frozenset[str]:
    """Neighbours that are blocked in DNS alone, by what their answers lead to: an alias or an address that the order
    itself, or something else, closes."""
    led = _ask_upstream(place, {each.name for each in wide if each.way.channel in DNS_CHANNELS})

    def is_closed(text: str) -> bool:
        name = text.rstrip(".").lower()
        return cover.has_address(text) or cover.has_name(name) or excuse(name)

    return frozenset(name for name, seen in led.items() if any(is_closed(each) for each in seen.data))


def _ask_upstream(place: Place, names: set[str]) -> dict[str, Observation]:
    """What the upstream says of names, asked from this place."""
    if place.upstream is None or not names:
        return {}
    each_of = list(enumerate(sorted(names)))
    family = 6 if ":" in place.upstream.host else 4
    plan = ProbePlan(
        "",
        {family: place.upstream.host},
        {DNS_UDP: place.upstream.port},
        {},
        {},
        0,
        [(at, DNS_UDP, family, name, "/") for at, name in each_of],
    )
    found = processes.ask(plan)
    return {name: found[at] for at, name in each_of if at in found}


def _report(
    place: Place,
    rows: Sequence[Row[Any]],
    sample: Sequence[Row[Any]],
    found: Sequence[QuestionOutcome],
    wide: dict[str, int],
) -> str:
    said = {
        "node": socket.gethostname(),
        "ways": [str(way) for way in place.ways],
        "entries": len(rows),
        "asked": sum(row.mode != EntryMode.ADDRESS for row in sample),
        "not_visible": sum(row.status == EntryStatus.NOT_VISIBLE for row in rows),
        "results": told(found),
        "too_wide": [{"number": number, "name": name} for name, number in sorted(wide.items())],
        "not_here": [
            {"number": each.question.number, "way": str(each.question.way), "seen": each.seen}
            for each in found
            if each.question.kind == ENTRY and each.outcome.value != "here"
        ][:MAX_ASKED],
    }
    return msgspec.json.encode(said, order="sorted").decode()


def _asked(row: Row[Any]) -> EntryInForce:
    if row.is_by_host:
        return EntryInForce(row.number, host_of_entry(row.value) or row.wire, EntryMode.EXACT)
    return EntryInForce(row.number, row.wire, mode_of(row.mode))


def cover_of(rows: Sequence[Row[Any]]) -> Cover:
    """What the entries of an order that are in force cover."""
    return Cover((each.wire, each.mode) for each in map(_asked, rows))


def _sample(rows: Sequence[Row[Any]]) -> Sequence[Row[Any]]:
    if len(rows) <= MAX_ASKED:
        return rows
    old = random.sample(range(len(rows) - NEWEST), MAX_ASKED - NEWEST)
    return [rows[at] for at in sorted(old)] + list(rows[-NEWEST:])


def _sent(question: Question) -> tuple[int, str, int, str, str]:
    return question.at, question.way.channel, question.way.family, question.name, question.target


def _dns_ports(config: Config) -> dict[str, int]:
    ports = {DNS_UDP: config.dns.listen[0].port, DNS_TCP: config.dns.listen[0].port}
    if config.dns.tls.listen:
        ports[DNS_TLS] = config.dns.tls.listen[0].port
    if config.dns.https.listen:
        ports[DNS_HTTPS] = config.dns.https.listen[0].port
    return ports


def _given(four: str | None, six: str | None) -> dict[int, str]:
    return {family: address for family, address in ((4, four), (6, six)) if address}


def _sink_of(config: Config, sinks: dict[int, str]) -> SinkPlan | None:
    if not sinks:
        return None
    return SinkPlan(
        str(config.verifier.sink),
        list(sinks.values()),
        [config.gate.tls_ports[0]],
        [config.gate.http_ports[0]],
    )
