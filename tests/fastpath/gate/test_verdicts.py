"""What the names of a hello, or the lack of them, mean for its packet."""

from pathlib import Path

import pytest
from support.gate.lab import ALLOWED, BLOCKED, DECOY, NOW_S, REAL, RELEASED, SPOKEN, Lab
from support.images.opened import LISTS, Images
from support.packets.builders import ACCEPTED, Client, hello, hello_message, request
from support.packets.initials import crypto, initial

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import MARK_VERDICT
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Channel, GateCategory, Mode
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.counters import read_counted
from fastpath.report.spool import Reporter
from fastpath.wire.name import to_wire
from rules.base.category import category_number

UNDECIDABLE = [
    ("not TLS", b"SSH-2.0-client\r\n", "gate_not_tls"),
    ("no name", hello(), "gate_no_name"),
    ("an address for a name", hello(b"192.0.2.1"), "gate_malformed"),
    ("a name with a blank", hello(b"www blocked"), "gate_malformed"),
    ("lengths that do not nest", hello(b"allowed.test")[:43] + b"\xff" + hello(b"allowed.test")[44:], "gate_malformed"),
]


def test_any_listed_name_among_several_blocks(lab: Lab) -> None:
    assert lab.send(Client(), 0, hello(b"www.allowed.test", b"blocked.test")) == BLOCKED


@pytest.mark.parametrize(("why", "octets", "counter"), UNDECIDABLE)
def test_what_cannot_be_decided_is_counted_and_goes_by_the_policy(
    lab: Lab, closed_lab: Lab, why: str, octets: bytes, counter: str
) -> None:
    assert lab.send(Client(), 0, octets) == ALLOWED
    assert lab.send(Client(), len(octets), b"more", SPOKEN) == SPOKEN
    assert lab.answer(Client(), len(octets + b"more"), b"x") == RELEASED
    assert closed_lab.send(Client(), 0, octets) == BLOCKED
    assert lab.counted(counter) == 1
    assert closed_lab.counted(counter) == 1


def test_a_packet_of_a_locked_subscriber_is_blocked_even_without_a_name(lab: Lab) -> None:
    assert lab.send(Client("192.0.2.66"), 0, hello()) == BLOCKED
    assert lab.send(Client("2001:db8::66", "2001:db8:1::1"), 0, DECOY) == BLOCKED
    assert lab.send(Client("192.0.2.66", sport=1), 0, hello(b"help.test")) == ALLOWED


def test_without_tables_packets_are_let_go_and_counted(tmp_path: Path) -> None:
    reporter = Reporter(tmp_path / "counters", tmp_path / "spool")
    gate = GateLoop(0, Handoff(), reporter, [443], [80], 0, {}, 4)

    gate.feed(Client().accepted(), ACCEPTED, NOW_S)
    assert gate.feed(Client().segment(0, REAL), Client().mark(0), NOW_S) == MARK_VERDICT | ALLOWED
    assert reporter.counters.values()["no_tables"] == 1


@pytest.mark.parametrize("payload", [REAL, DECOY], ids=["a name", "none"])
def test_a_gate_that_is_shut_without_images_blocks_what_it_would_judge(tmp_path: Path, payload: bytes) -> None:
    reporter = Reporter(tmp_path / "counters", tmp_path / "spool")
    gate = GateLoop(0, Handoff(), reporter, [443], [80], 0, {}, 4)
    gate.shut_without_images()

    assert gate.feed(Client().segment(0, payload), Client().mark(0), NOW_S) == MARK_VERDICT | BLOCKED


def test_a_gate_that_was_shut_without_images_judges_once_it_has_some(images: Images, tmp_path: Path) -> None:
    reporter, handoff = Reporter(tmp_path / "counters", tmp_path / "spool"), Handoff()
    handoff.give(TableSet(images.names([])))
    gate = GateLoop(0, handoff, reporter, [443], [80], 0, {}, 4)
    gate.shut_without_images()

    gate.feed(Client().accepted(), ACCEPTED, NOW_S)
    assert gate.feed(Client().segment(0, REAL), Client().mark(0), NOW_S) == MARK_VERDICT | ALLOWED


@pytest.fixture
def tried_lab(tmp_path: Path, images: Images) -> Lab:
    images.try_out("malware", "adult")
    names = [
        ("malware", "tried.test", Mode.SUBTREE),
        ("malware", "blocked.test", Mode.SUBTREE),
        ("orders", "blocked.test", Mode.SUBTREE),
        ("adult", "closed.test", Mode.SUBTREE),
    ]
    people = {"192.0.2.66/32": ProfileSpec(1 << 1, (), NOW_S + 1000, 0), "192.0.2.7/32": ProfileSpec(1 << 1, (), 0, 0)}
    return Lab(
        tmp_path,
        TableSet(
            images.names(names),
            subscribers=images.subscribers([(prefix, number) for number, prefix in enumerate(people)]),
            policy=images.policy(list(enumerate(people.values()))),
        ),
    )


def shadowed(lab: Lab) -> dict[tuple[str, int], int]:
    found = read_counted(lab.folder / "counters")
    return {(LISTS[number].id, channel): n for (number, channel), n in found.items()}


def test_what_a_list_in_the_shadow_would_block_is_let_go_and_counted_once_a_hello(tried_lab: Lab) -> None:
    both = hello(b"www.tried.test", b"tried.test")

    assert tried_lab.send(Client(), 0, both) == ALLOWED
    assert tried_lab.send(Client(), len(both), b"more", SPOKEN) == SPOKEN
    assert tried_lab.answer(Client(), len(both + b"more"), b"x") == RELEASED
    assert shadowed(tried_lab) == {("malware", Channel.SNI): 1}
    assert tried_lab.counted("gate_blocked") == tried_lab.counted("events") == 0


def test_a_hello_that_is_blocked_leaves_no_count_of_a_list_in_the_shadow(tried_lab: Lab) -> None:
    assert tried_lab.send(Client(), 0, hello(b"tried.test", b"www.blocked.test")) == BLOCKED
    assert tried_lab.send(Client("192.0.2.66"), 0, hello(b"tried.test")) == BLOCKED
    assert shadowed(tried_lab) == {}
    assert tried_lab.counted("events") == 2


def test_a_category_in_the_shadow_is_counted_for_those_who_close_it(tried_lab: Lab) -> None:
    assert tried_lab.send(Client(), 0, hello(b"closed.test")) == ALLOWED
    assert shadowed(tried_lab) == {}
    assert tried_lab.send(Client("192.0.2.7"), 0, hello(b"closed.test")) == ALLOWED
    assert shadowed(tried_lab) == {("adult", Channel.SNI): 1}


def test_quic_and_http_are_counted_as_such(tried_lab: Lab) -> None:
    assert tried_lab.send_datagram(initial(crypto(0, hello_message(b"tried.test")), size=1200)) == 0
    assert tried_lab.send(Client(dport=80), 0, request(b"tried.test")) == ALLOWED
    assert shadowed(tried_lab) == {("malware", Channel.QUIC): 1, ("malware", Channel.HTTP): 1}


@pytest.mark.parametrize(("why", "octets", "counter"), UNDECIDABLE)
def test_what_cannot_be_judged_is_blocked_for_whom_it_is_closed_and_for_nobody_else(
    tmp_path: Path, images: Images, why: str, octets: bytes, counter: str
) -> None:
    profile = ProfileSpec(1 << GateCategory.UNDECIDABLE, (), 0, 0)
    lab = own_lab(tmp_path, images, profile)

    assert lab.send(Client("192.0.2.7"), 0, octets) == BLOCKED
    assert lab.send(Client("192.0.2.7", sport=2), 0, hello(b"free.test")) == ALLOWED
    assert lab.send(Client("192.0.2.8"), 0, octets) == ALLOWED


def test_a_soft_lock_lets_through_what_its_categories_hold_and_nothing_without_a_name(
    tmp_path: Path, images: Images
) -> None:
    lab = own_lab(tmp_path, images, ProfileSpec(0, (), 0, 0, soft=((0, 10080, 1 << 70),)))

    sent = [hello(b"www.games.test"), hello(b"free.test"), hello(), hello(b"help.test")]
    states = [lab.send(Client("192.0.2.7", sport=port), 0, octets) for port, octets in enumerate(sent, 1)]

    assert states == [ALLOWED, BLOCKED, BLOCKED, ALLOWED]
    assert lab.send(Client("192.0.2.8"), 0, hello(b"free.test")) == ALLOWED


@pytest.mark.parametrize(("why", "octets", "counter"), UNDECIDABLE)
def test_a_profile_that_closes_what_cannot_be_decided_gets_none_of_it_and_others_do(
    tmp_path: Path, images: Images, why: str, octets: bytes, counter: str
) -> None:
    lab = own_lab(tmp_path, images, ProfileSpec(1 << category_number("undecidable"), (), 0, 0))

    assert lab.send(Client("192.0.2.7"), 0, octets) == BLOCKED
    assert lab.send(Client("192.0.2.8"), 0, octets) == ALLOWED
    assert lab.counted(counter) == 2
    assert lab.send(Client("192.0.2.7", sport=1), 0, hello(b"free.test")) == ALLOWED


def test_a_households_own_names_are_judged_in_a_hello(tmp_path: Path, images: Images) -> None:
    allowed, denied = (to_wire(b"ok.games.test"),), (to_wire(b"no.test"), to_wire(b"help.test"))
    lab = own_lab(tmp_path, images, ProfileSpec(1 << 70, (), 0, 0, allowed=allowed, denied=denied))

    names = b"ok.games.test", b"www.games.test", b"a.no.test", b"help.test"
    states = [lab.send(Client("192.0.2.7", sport=port), 0, hello(name)) for port, name in enumerate(names, 1)]

    assert states == [ALLOWED, BLOCKED, BLOCKED, ALLOWED]


def own_lab(folder: Path, images: Images, profile: ProfileSpec) -> Lab:
    names = images.names([("games", "games.test", Mode.SUBTREE), ("help", "help.test", Mode.SUBTREE)])
    subscribers = images.subscribers([("192.0.2.7", 7)])
    return Lab(folder / "lab", TableSet(names, None, subscribers, None, images.policy([(7, profile)])))
