from dataclasses import replace

import pytest
from sqlalchemy import Connection
from support.mgmt.desk import NOW

from mgmt.web.family.acts.rule_edits import Opening, OpeningRefusal, make, opening_of, restore
from mgmt.web.family.session import Session
from parental.people import children
from parental.people.household import history
from parental.policy.profile import Profile
from parental.policy.profiles import get_profile
from parental.store.errors import NoPerson, NotNow

CLOSED = Profile(
    frozenset({"gambling", "tiktok"}), safe_search="strict", youtube="moderate", canaries=True,
    allowed=frozenset({"a.example"}), denied=frozenset({"b.example"}),
)  # fmt: skip


@pytest.mark.parametrize(
    ("after", "opening"),
    [
        (replace(CLOSED, blocked_categories=frozenset({"gambling"})), Opening(("tiktok",), ())),
        (replace(CLOSED, denied=frozenset()), Opening(("b.example",), ())),
        (replace(CLOSED, allowed=frozenset({"a.example", "c.example"})), Opening(("c.example",), ())),
        (replace(CLOSED, safe_search="moderate", youtube="strict"), Opening((), ("safe_search",))),
        (replace(CLOSED, youtube="off", canaries=False), Opening((), ("youtube", "canaries"))),
    ],
)
def test_what_a_change_opens_is_named(after: Profile, opening: Opening) -> None:
    assert opening_of(CLOSED, after) == opening
    assert opening


@pytest.mark.parametrize(
    "after",
    [
        CLOSED,
        replace(CLOSED, blocked_categories=CLOSED.blocked_categories | {"games"}),
        replace(CLOSED, allowed=frozenset()),
        replace(CLOSED, denied=CLOSED.denied | {"c.example"}),
        replace(CLOSED, youtube="strict"),
    ],
)
def test_what_closes_more_opens_nothing(after: Profile) -> None:
    assert not opening_of(CLOSED, after)


def test_rules_are_changed_noted_and_taken_back_exactly(conn: Connection, session: Session) -> None:
    make(conn, session, 7, lambda _: CLOSED, NOW, is_proven=True)
    undo = make(conn, session, 7, lambda _: Profile(), NOW, is_proven=True)
    assert get_profile(conn, 7) == Profile()

    restore(conn, 7, undo["rules"], NOW)

    held = get_profile(conn, 7)
    assert replace(held, schedule=CLOSED.schedule) == CLOSED
    assert [row.action for row in history(conn, 7)][:2] == ["rules changed"] * 2


def test_what_opens_is_refused_without_the_pin_and_changes_nothing(conn: Connection, session: Session) -> None:
    make(conn, session, 7, lambda _: CLOSED, NOW, is_proven=True)

    with pytest.raises(OpeningRefusal) as refused:
        make(conn, session, 7, lambda before: replace(before, denied=frozenset()), NOW, is_proven=False)

    assert refused.value.opening.names == ("b.example",)
    assert get_profile(conn, 7).denied == {"b.example"}


def test_rules_of_another_household_and_of_what_nothing_answers_to_are_refused(
    conn: Connection, session: Session
) -> None:
    with pytest.raises(NoPerson):
        make(conn, session, 8, lambda _: CLOSED, NOW, is_proven=True)
    bare = children.add_child(conn, 7, {"nickname": "Bilal"}, Profile())
    with pytest.raises(NotNow):
        make(conn, session, bare.profile, lambda _: CLOSED, NOW, is_proven=True)
    with pytest.raises(NotNow):
        make(conn, session, 7, lambda before: before, NOW, is_proven=True)
    assert get_profile(conn, 8).denied == frozenset()
