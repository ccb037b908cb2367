"""From what was seen to what it means."""

import pytest

from filterd.commands.verifier.questions import DNS_UDP, ENTRY, NEIGHBOUR, NEUTRAL, QUIC, TLS, Question, Way
from filterd.commands.verifier.seen import (
    ANSWER,
    ARRIVED,
    FAULT,
    NO_PATH,
    PAGE,
    PROHIBITED,
    RESET,
    SILENCE,
    Observation,
)
from filterd.commands.verifier.verdicts import Marks, Outcome, State, judge, state_of, told, too_wide

PAGES = Marks(frozenset({"192.0.2.80"}))
DNS, HELLO = Way(DNS_UDP, 4), Way(TLS, 4)


def outcome(
    way: Way, seen: Observation | None, *, neutral: str = ARRIVED, upstream: Observation | None = None
) -> Outcome:
    """Of one entry, where the neutral name was seen so."""
    asked = [Question(0, NEUTRAL, 0, way, "n.invalid"), Question(1, ENTRY, 1, way, "bad.example")]
    found = {0: Observation(0, neutral, 1)} | ({} if seen is None else {1: seen})
    (only,) = judge(asked, found, PAGES, {} if upstream is None else {"bad.example": upstream})
    return only.outcome


@pytest.mark.parametrize("kind", [RESET, SILENCE, PROHIBITED])
def test_what_does_not_reach_the_sink_is_blocked_here_only_where_a_neutral_name_does(kind: str) -> None:
    assert outcome(HELLO, Observation(1, kind, 5)) is Outcome.HERE
    for neutral in (SILENCE, NO_PATH, RESET):
        assert outcome(HELLO, Observation(1, kind, 5), neutral=neutral) is Outcome.UNASKED


def test_what_arrives_is_open_and_what_had_no_path_was_not_asked() -> None:
    assert outcome(HELLO, Observation(1, ARRIVED, 5)) is Outcome.OPEN
    assert outcome(HELLO, Observation(1, NO_PATH, 5)) is Outcome.UNASKED
    assert outcome(HELLO, None) is Outcome.UNASKED


def test_the_page_of_orders_is_this_gateways_and_another_page_proves_nothing() -> None:
    assert outcome(HELLO, Observation(1, PAGE, 5, status=451), neutral=SILENCE) is Outcome.HERE
    assert outcome(HELLO, Observation(1, PAGE, 5, status=403)) is Outcome.UNASKED


def test_an_answer_that_leads_to_the_block_page_is_ours_whatever_the_upstream_says() -> None:
    theirs = Observation(0, ANSWER, 1, rcode=3, ede=[16])
    assert outcome(DNS, Observation(1, ANSWER, 5, data=["192.0.2.80"], ede=[4]), upstream=theirs) is Outcome.HERE


def test_a_block_that_the_upstream_answers_as_well_is_the_upstreams() -> None:
    censored = Observation(1, ANSWER, 5, rcode=3, ede=[16])
    assert outcome(DNS, censored) is Outcome.HERE
    assert outcome(DNS, censored, upstream=Observation(0, ANSWER, 1, rcode=0, data=["192.0.2.9"])) is Outcome.HERE
    assert outcome(DNS, censored, upstream=censored) is Outcome.UPSTREAM
    assert outcome(DNS, Observation(1, ANSWER, 5, rcode=5), upstream=censored) is Outcome.UPSTREAM


def test_a_name_that_does_not_exist_is_not_called_blocked() -> None:
    assert outcome(DNS, Observation(1, ANSWER, 5, rcode=3)) is Outcome.OPEN
    assert outcome(DNS, Observation(1, ANSWER, 5, rcode=0, data=["192.0.2.9"])) is Outcome.OPEN
    for each in (Observation(1, ANSWER, 5, rcode=2), Observation(1, SILENCE, 5), Observation(1, FAULT, 5)):
        assert outcome(DNS, each) is Outcome.UNASKED


def state(*seen: tuple[str, Way, Observation], excused: frozenset[str] = frozenset()) -> State:
    asked = [Question(at, kind, 1, way, f"{at}.example") for at, (kind, way, _) in enumerate(seen)]
    neutral = [Question(90 + n, NEUTRAL, 0, way, "n.invalid") for n, way in enumerate((HELLO, Way(QUIC, 4)))]
    found = {at: each for at, (_, _, each) in enumerate(seen)} | {n.at: Observation(n.at, ARRIVED, 1) for n in neutral}
    return state_of(judge([*asked, *neutral], found, PAGES, {}), excused=excused)


def test_an_order_is_verified_only_where_all_of_it_is_blocked_and_its_neighbours_are_open() -> None:
    blocked, arrived = Observation(0, RESET, 1), Observation(0, ARRIVED, 1)
    good = (ENTRY, HELLO, blocked), (NEIGHBOUR, HELLO, arrived)

    assert state(*good) is State.VERIFIED
    assert state(*good, (ENTRY, HELLO, Observation(0, NO_PATH, 1))) is State.INCOMPLETE
    assert state(*good, (NEIGHBOUR, HELLO, blocked)) is State.TOO_WIDE
    assert state(*good, (NEIGHBOUR, HELLO, blocked), (ENTRY, Way(QUIC, 4), arrived)) is State.OPEN
    assert state() is State.INCOMPLETE


def test_a_neighbour_that_another_order_blocks_is_excused_by_its_name() -> None:
    both = (ENTRY, HELLO, Observation(0, RESET, 1)), (NEIGHBOUR, HELLO, Observation(0, RESET, 1))

    assert state(*both, excused=frozenset({"1.example"})) is State.VERIFIED
    assert state(*both, excused=frozenset({"2.example"})) is State.TOO_WIDE


def test_a_report_has_each_way_of_each_entry_with_the_time_of_the_last_and_the_neighbours_that_are_blocked() -> None:
    asked = [
        Question(0, ENTRY, 7, DNS, "bad.example"),
        Question(1, ENTRY, 7, HELLO, "bad.example"),
        Question(2, NEIGHBOUR, 7, DNS, "x-bad.example"),
        Question(3, NEUTRAL, 0, HELLO, "n.invalid"),
    ]
    seen = {
        0: Observation(0, ANSWER, 5, ede=[16]),
        1: Observation(1, RESET, 9),
        2: Observation(2, ANSWER, 11, ede=[16]),
    }
    found = judge(asked, seen | {3: Observation(3, ARRIVED, 1)}, PAGES, {})

    assert told(found) == [{"number": 7, "ways": {"dns-udp-4": "here", "tls-4": "here"}, "at_ms": 9}]
    assert {name: each.number for name, each in too_wide(found).items()} == {"x-bad.example": 7}
