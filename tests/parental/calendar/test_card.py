import pytest

from parental.calendar.card import MAX_CARDS, Card, Kind, check_number
from parental.calendar.day_sets import DaySet
from parental.store.errors import BadSchedule


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"start_minute": 1440}, "begin within a day"),
        ({"minutes": 0}, "last 1 to 1440"),
        ({"minutes": 1441}, "last 1 to 1440"),
        ({"days": frozenset()}, "name days"),
        ({"days": frozenset({7})}, "name days"),
        ({"day_sets": frozenset()}, "no kind of days"),
        ({"kind": Kind.OTHER}, "name"),
        ({"kind": Kind.OTHER, "label": "x" * 41}, "40 characters"),
        ({"label": "Ours"}, "no other kind"),
        ({"pack": "pk-pb/single-boys"}, "leave the pack out"),
        ({"allowed": frozenset(map(str, range(65)))}, "at most 64"),
    ],
)
def test_what_is_no_closed_time_is_refused(wrong: dict[str, object], told: str) -> None:
    right: dict[str, object] = {"kind": Kind.SLEEP, "start_minute": 0, "minutes": 60}

    with pytest.raises(BadSchedule, match=told):
        Card(**(right | wrong))  # type: ignore[arg-type]


def test_cards_of_different_days_do_not_crowd_a_day() -> None:
    cards = [Card(Kind.PRAYER, 60 * n, 10, frozenset({day})) for day in range(2) for n in range(12)]
    check_number(tuple(cards))

    with pytest.raises(BadSchedule, match="on one day"):
        check_number((*cards, Card(Kind.PRAYER, 900, 10)))


def test_a_profile_has_no_more_cards_than_a_family_needs() -> None:
    cards = [
        Card(Kind.PRAYER, 60, 10, frozenset({n % 7}), frozenset({list(DaySet)[n % 4]})) for n in range(MAX_CARDS + 1)
    ]

    with pytest.raises(BadSchedule, match="at most 40"):
        check_number(tuple(cards))
