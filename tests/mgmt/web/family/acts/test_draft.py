from collections import defaultdict
from dataclasses import replace

import pytest

from mgmt.web.family.acts.draft import LEARNING, USUAL, Draft, Unfit, draft_of, draft_of_card
from parental.calendar.card import Card, Kind
from parental.calendar.day_sets import DaySet
from parental.calendar.sun import Turn

EVERY = frozenset(DaySet)


def read(**fields: str) -> Draft:
    return draft_of(defaultdict(str, fields))


def test_the_usual_bedtime_is_half_past_nine_to_half_past_six_every_night() -> None:
    card = USUAL[Kind.SLEEP].card()

    assert (card.start_minute, card.minutes) == (21 * 60 + 30, 540)
    assert card.days == frozenset(range(7)) and card.day_sets == EVERY and card.allowed is None


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.OTHER])
def test_every_usual_card_can_be_saved_as_it_is(kind: Kind) -> None:
    assert USUAL[kind].card().kind is kind


@pytest.mark.parametrize(
    ("step", "start", "end"),
    [
        ("start+30", 1320, 390),
        ("start-5", 1285, 390),
        ("end+5", 1290, 395),
        ("end-30", 1290, 360),
        ("", 1290, 390),
        ("id+5", 1290, 390),
        ("start+7", 1290, 390),
    ],
)
def test_a_press_moves_one_end_by_five_or_thirty_minutes(step: str, start: int, end: int) -> None:
    moved = USUAL[Kind.SLEEP].stepped(step)

    assert (moved.start, moved.end) == (start, end)


def test_steps_go_around_midnight_and_the_same_start_and_end_are_a_whole_day() -> None:
    draft = Draft(Kind.PRAYER, 0, 5)

    assert draft.stepped("start-5").start == 1435
    assert draft.stepped("end-5").minutes == 1440
    assert draft.stepped("end-5").card().minutes == 1440


def test_a_form_is_read_as_it_was_shown_and_a_card_comes_back_from_its_form_unchanged() -> None:
    found = read(kind="school", start="480", end="720", day0="1", day4="1", pack="pk-pb/single-boys", on="0", card="3")
    assert found.days == {0, 4} and found.pack == "pk-pb/single-boys" and not found.is_on and found.id == 3

    card = Card(Kind.HOMEWORK, 1000, 60, frozenset({1}), frozenset({DaySet.EXAMS}), allowed=frozenset({"games"}), id=5)
    assert draft_of_card(card).card(card) == card


@pytest.mark.parametrize("minute", ["1440", "-5", "x", "٣", "", "99999999999999999999"])
def test_what_is_no_time_of_day_is_the_usual_one(minute: str) -> None:
    assert read(kind="sleep", start=minute).start == 21 * 60 + 30


def test_homework_leaves_learning_open_where_that_is_ticked_and_sleep_never_does() -> None:
    said = {"day0": "1", "set-school": "1", "soft": "1"}

    assert read(kind="homework", **said).card().allowed == LEARNING
    assert read(kind="homework", **{**said, "soft": ""}).card().allowed is None
    assert read(kind="sleep", **said).card().allowed is None


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "sleep", "set-school": "1"}, "family.hours.no.day"),
        ({"kind": "sleep", "day0": "1"}, "family.hours.no.kind"),
        ({"kind": "other", "day0": "1", "set-school": "1", "label": "  "}, "family.hours.no.name"),
        ({"kind": "other", "day0": "1", "set-school": "1", "label": "\0a"}, "family.hours.no.name"),
        ({"kind": "other", "day0": "1", "set-school": "1", "label": "\u200d"}, "family.hours.no.name"),
        ({"kind": "nonsense", "day0": "1", "set-school": "1"}, "family.hours.no.name"),
    ],
)
def test_what_a_card_lacks_is_named(fields: dict[str, str], message: str) -> None:
    with pytest.raises(Unfit) as refused:
        read(**fields).card()
    assert refused.value.message == message


def test_a_name_is_one_line_of_forty_characters_at_most() -> None:
    found = read(kind="other", day0="1", label="cricket\n " + "x" * 60, **{"set-school": "1"})

    assert found.card().label == ("cricket " + "x" * 60)[:40]


def test_a_school_that_is_not_known_is_left_out() -> None:
    assert read(kind="school", pack="pk-xx/none").pack == ""
    assert read(kind="sleep", pack="pk-pb/single-boys").pack == ""


def test_a_card_by_the_sun_stays_so_in_ramadan_alone() -> None:
    sets = frozenset({DaySet.RAMADAN})
    card = Card(Kind.PRAYER, 1080, 60, day_sets=sets, begins=Turn.IFTAR, id=5)
    draft = draft_of_card(card)

    assert draft.card(card) == card
    for sets in (EVERY, frozenset({DaySet.SCHOOL}), frozenset({DaySet.RAMADAN, DaySet.EXAMS})):
        with pytest.raises(Unfit) as refused:
            replace(draft, day_sets=sets).card(card)
        assert refused.value.message == "family.hours.sun.alone"
    assert replace(draft, day_sets=EVERY, begins=None).card(card).begins is None


def test_a_time_of_the_sun_is_read_from_the_form_of_any_card_but_a_schools() -> None:
    said = {"day0": "1", "set-ramadan": "1", "begins": "iftar", "ends": "suhoor"}

    card = read(kind="sleep", **said).card()
    assert (card.begins, card.ends) == (Turn.IFTAR, Turn.SUHOOR)
    assert read(kind="school", **said).card().begins is None
    assert read(kind="sleep", **{**said, "begins": "noon", "ends": ""}).card().begins is None
