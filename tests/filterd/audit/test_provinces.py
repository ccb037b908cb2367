from collections.abc import Iterable, Iterator

import pytest
from sqlalchemy import Connection, Engine

from filterd.audit import provinces
from filterd.audit.provinces import Provinces
from parental.people import accounts, children
from parental.policy import subscribers as store
from parental.policy.profile import Profile
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.store.database import open_database, writing
from parental.store.engines import Where


@pytest.fixture
def engine(database: Where) -> Iterator[Engine]:
    """Line 7 in Punjab, line 8 nowhere."""
    engine = open_database(database)
    with writing(engine) as conn:
        for line in (7, 8):
            store.put_subscriber(conn, Subscriber(line, "Home", (parse_prefix(f"192.0.2.{line}"),)))
        accounts.set_province(conn, 7, "PK-PB")
    yield engine
    engine.dispose()


def child_of(conn: Connection, account: int) -> int:
    return children.add_child(conn, account, {"nickname": "Ayesha"}, Profile()).profile


def test_a_subscriber_is_where_its_line_is_and_a_stranger_nowhere_that_is_known(engine: Engine) -> None:
    assert Provinces(engine).of([7, 8, 0, 4_294_967_294]) == {
        7: "PK-PB",
        8: "unknown",
        0: "unknown",
        4_294_967_294: "unknown",
    }
    assert Provinces(engine).of([]) == {}


def test_a_child_is_where_all_lines_of_the_account_are_and_nowhere_where_they_are_apart(engine: Engine) -> None:
    with writing(engine) as conn:
        child = child_of(conn, 7)
    assert Provinces(engine).of([child]) == {child: "PK-PB"}

    with writing(engine) as conn:
        accounts.move_line(conn, 8, 7)
        accounts.set_province(conn, 8, "PK-SD")

    assert Provinces(engine).of([child, 7, 8]) == {child: "unknown", 7: "PK-PB", 8: "PK-SD"}


def test_what_is_known_is_asked_again_after_a_time(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    known = Provinces(engine)
    assert known.of([7]) == {7: "PK-PB"}
    with writing(engine) as conn:
        accounts.set_province(conn, 7, "PK-SD")

    assert known.of([7]) == {7: "PK-PB"}
    monkeypatch.setattr(provinces, "KNOWN_S", 0.0)
    assert known.of([7]) == {7: "PK-SD"}


def test_as_many_as_a_batch_has_are_asked_for_and_no_more_are_remembered(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provinces, "AT_ONCE", 2)
    monkeypatch.setattr(provinces, "MOST_KNOWN", 5)
    known = Provinces(engine)

    assert set(known.of(range(100, 105))) == set(range(100, 105))
    assert known.of(range(5, 10)) == {5: "unknown", 6: "unknown", 7: "PK-PB", 8: "unknown", 9: "unknown"}
    assert len(known._known) + len(known._unknown) == 5


class BySessions:
    """What the sessions of a box say.   asked  the numbers, by question"""

    def __init__(self, **provinces: str) -> None:
        self.provinces = {int(number.removeprefix("of_")): province for number, province in provinces.items()}
        self.asked: list[set[int]] = []

    def of(self, numbers: Iterable[int]) -> dict[int, str]:
        self.asked.append(set(numbers))
        return {number: self.provinces[number] for number in self.asked[-1] if number in self.provinces}


def test_a_line_that_says_no_province_is_where_its_sessions_are_and_one_that_does_is_not_asked_about(
    engine: Engine,
) -> None:
    sessions = BySessions(of_7="PK-SD", of_8="PK-KP")

    assert Provinces(engine, sessions.of).of([7, 8, 9]) == {7: "PK-PB", 8: "PK-KP", 9: "unknown"}
    assert sessions.asked == [{8, 9}]


def test_a_child_is_where_all_sessions_of_the_accounts_lines_are_unless_it_has_one_of_its_own(engine: Engine) -> None:
    with writing(engine) as conn:
        accounts.move_line(conn, 8, 7)
        accounts.set_province(conn, 7, None)
        child, other = child_of(conn, 7), child_of(conn, 7)

    def of(**provinces: str) -> str:
        return Provinces(engine, BySessions(**provinces).of).of([child])[child]

    assert of(of_7="PK-SD") == "PK-SD"
    assert of(of_7="PK-SD", of_8="PK-SD") == "PK-SD"
    assert of(of_7="PK-SD", of_8="PK-KP") == "unknown"
    assert of(**{"of_7": "PK-SD", "of_8": "PK-KP", f"of_{child}": "PK-BA"}) == "PK-BA"
    assert of(**{f"of_{other}": "PK-BA"}) == "unknown"


def test_who_is_nowhere_that_is_known_is_asked_about_again_after_a_minute(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    sessions = BySessions()
    known = Provinces(engine, sessions.of)
    assert known.of([8]) == known.of([8]) == {8: "unknown"}
    assert len(sessions.asked) == 1
    sessions.provinces = {8: "PK-KP"}
    monkeypatch.setattr(provinces, "UNKNOWN_S", 0.0)

    assert known.of([8]) == {8: "PK-KP"}
    assert known.of([8]) == {8: "PK-KP"} and len(sessions.asked) == 2
