"""From the rows of an order to what is asked."""

from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.orders import NOW, publish, push, statuses

from filterd.box.errors import ApiRefusal
from filterd.commands.verifier import processes
from filterd.commands.verifier.questions import ENTRY, NEIGHBOUR, Question, Way, questions
from filterd.commands.verifier.seen import ANSWER, Observation
from filterd.commands.verifier.verification import (
    MAX_ASKED,
    NEWEST,
    Place,
    _asked,
    _led_elsewhere,
    _sample,
    cover_of,
    place_of,
    verify,
)
from filterd.config.load import read_config
from mgmt.orders.approvals import Proposal, approve, propose
from mgmt.orders.base.cover import Cover
from mgmt.orders.base.model import EntryMode
from mgmt.orders.confirmation.verifications import in_force
from mgmt.orders.phases.canary_rules import Policy
from mgmt.orders.store import get_order
from mgmt.staff.approvals.rules import Signatory
from parental.store.database import writing

BOX = b"""
isp: {name: n, url: "https://isp.example", contact: c}
dns: {listen: ["0.0.0.0:53"], upstreams: ["192.0.2.53:53"]}
splash: {address4: 192.0.2.80}
"""
PROBED = BOX + b"verifier: {probe: /run/netns/probe"


def place(text: bytes) -> Place:
    return place_of(read_config(text, "f.yaml", Path("/")))


def test_what_is_asked_follows_from_the_configuration() -> None:
    whole = place(PROBED + b", sink: /run/netns/sink, sink4: 192.0.2.9, dns4: 192.0.2.1}")
    assert [str(way) for way in whole.ways] == ["dns-udp-4", "dns-tcp-4", "tls-4", "quic-4", "http-4"]
    assert whole.marks.pages == {"192.0.2.80"} and str(whole.upstream) == "192.0.2.53:53"

    names_alone = place(PROBED + b", dns6: '2001:db8::1'}")
    assert [str(way) for way in names_alone.ways] == ["dns-udp-6", "dns-tcp-6"] and names_alone.sink is None


@pytest.mark.parametrize(("text", "said"), [(BOX, "/verifier/probe is not set"), (PROBED + b"}", "dns4, dns6 nor")])
def test_a_box_that_is_not_set_up_says_what_is_missing(text: bytes, said: str) -> None:
    with pytest.raises(ApiRefusal, match=said):
        place(text)


def test_an_order_of_child_abuse_material_is_never_sent() -> None:
    order: Any = SimpleNamespace(id=3, ground="PECA s. 22", ref="1")
    with pytest.raises(ApiRefusal, match="nothing sent") as refused:
        verify(place(PROBED + b", dns4: 192.0.2.1}"), order, [], 1, lambda _: False)
    assert "22" not in str(refused.value)


def test_of_a_large_order_the_newest_entries_are_asked_and_some_of_the_others_once_each() -> None:
    rows: list[Any] = list(range(5000))
    sample = list(_sample(rows))
    assert len(sample) == MAX_ASKED == len(set(sample)) and sample == sorted(sample)
    assert sample[-NEWEST:] == rows[-NEWEST:]
    assert _sample(rows[:MAX_ASKED]) == rows[:MAX_ASKED]


WIDER = Proposal(kind="broader", number=1, reason="r", reference="L", collateral="c", expires=NOW + timedelta(days=9))


@pytest.mark.parametrize("canary", [Policy("gw1", "gw1", 600, 100), None])
@pytest.mark.parametrize("url", ["https://shared.example/a/b", "https://shared.example/#!/a"])
def test_a_url_is_asked_by_its_host_while_that_is_tried_as_when_it_is_enforced(
    engine: Engine, url: str, canary: Policy | None
) -> None:
    with writing(engine) as conn:
        order = push(conn, url)
        first, second = Signatory("amna", "compliance", "root"), Signatory("bilal", "approver", "root")
        approve(conn, propose(conn, get_order(conn, order), WIDER, first, NOW), second, NOW)
        publish(conn, canary=canary)
        assert statuses(conn, order)[0][0] == ("pending" if canary else "enforced_broader")
        rows = in_force(conn, order, "gw1")
        asked = questions([_asked(row) for row in rows], [Way("dns-udp", 4), Way("http", 4)], cover_of(rows))

    of_entry = [(each.way.channel, each.name, each.target) for each in asked if each.kind == ENTRY]
    assert of_entry == [("dns-udp", "shared.example", "/"), ("http", "shared.example", "/")]
    assert "shared.example" not in {each.name for each in asked if each.kind != ENTRY}, "it is no neighbour"


@pytest.mark.parametrize(
    ("leads_to", "is_closed"), [("cdn.bad.example.", True), ("203.0.113.9", True), ("192.0.2.9", False)]
)
def test_a_neighbour_that_dns_blocks_for_what_it_leads_to_is_excused_where_the_order_closes_that(
    monkeypatch: pytest.MonkeyPatch, leads_to: str, is_closed: bool
) -> None:
    monkeypatch.setattr(processes, "ask", lambda plan: {0: Observation(0, ANSWER, 1, data=[leads_to])})
    cover = Cover([(b"\x03cdn\x03bad\x07example\0", EntryMode.EXACT), (b"203.0.113.0/24", EntryMode.ADDRESS)])
    above = Question(3, NEIGHBOUR, 1, Way("dns-udp", 4), "bad.example")

    found = _led_elsewhere(place(PROBED + b", dns4: 192.0.2.1}"), [above], cover, lambda _: False)
    assert found == ({"bad.example"} if is_closed else set())
