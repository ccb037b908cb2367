from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import Engine, select, update
from support.mgmt.desk import NOW
from support.mgmt.events import events_of
from support.mgmt.staff_desk import AddPerson

from mgmt.ledger.event import Actor
from mgmt.staff.people import (
    CODE_LIFE,
    GROUPS,
    LATEST_END,
    StaffState,
    Unfit,
    add_person,
    find_person,
    list_people,
    person_of_code,
    reset_person,
    set_end,
    set_role,
    set_state,
)
from mgmt.staff.permissions import DESK_ROLES
from parental.store.database import reading, writing
from parental.store.schema.staff import enrolment_codes, staff

BY = Actor("account", "root")
ENDS = NOW.replace(microsecond=0) + timedelta(days=1)
SECOND = timedelta(seconds=1)
MAIL = "amna@isp.example"


def test_every_role_of_the_desk_has_a_group_of_its_own() -> None:
    assert set(GROUPS) == set(DESK_ROLES) and len(set(GROUPS.values())) == len(GROUPS)


def test_a_person_is_added_and_the_code_is_stored_nowhere(engine: Engine, add: AddPerson) -> None:
    person, code = add()

    assert (person.number, person.mail, person.role, person.group, person.state) == (
        1,
        MAIL,
        "compliance",
        "legal",
        StaffState.ACTIVE,
    )
    letters = code.replace("-", "")
    with reading(engine) as conn:
        row = conn.execute(select(enrolment_codes)).one()
        assert letters not in str(row) and person_of_code(conn, code, NOW) == person
    assert len(letters) == 24


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": ""},
        {"name": "x" * 81},
        {"name": "two\nlines"},
        {"mail": "amna"},
        {"mail": "a b@isp.example"},
        {"mail": "<a@isp.example>"},
        {"mail": "x" * 250 + "@a.example"},
        {"role": "parent"},
        {"role": "root"},
        {"group": ""},
        {"group": "x" * 81},
    ],
    ids=str,
)
def test_who_cannot_be_is_not_added(engine: Engine, wrong: dict[str, str]) -> None:
    said = {"name": "Amna", "mail": MAIL, "role": "engineer", "group": None, **wrong}
    with writing(engine) as conn:
        with pytest.raises(Unfit):
            add_person(conn, **said, by=BY, at=NOW)  # type: ignore[arg-type]

        assert list_people(conn) == [] and events_of(conn, "staff") == []


def test_an_address_is_of_one_person_however_it_is_written(engine: Engine, add: AddPerson) -> None:
    add()
    with writing(engine) as conn, pytest.raises(Unfit, match="is of the desk already; not added"):
        add_person(conn, "Amna", " AMNA@isp.EXAMPLE ", "engineer", None, BY, NOW)


def test_a_new_code_ends_the_one_before_and_each_ends_by_itself(engine: Engine, add: AddPerson) -> None:
    _, first = add()
    with writing(engine) as conn:
        second = reset_person(conn, MAIL, BY, NOW)

        assert person_of_code(conn, first, NOW) is None
        assert person_of_code(conn, second, NOW + CODE_LIFE - timedelta(seconds=2)) is not None
        assert person_of_code(conn, second, NOW + CODE_LIFE) is None
        assert person_of_code(conn, "", NOW) is None


def test_disabling_ends_the_code_and_is_written_once(engine: Engine, add: AddPerson) -> None:
    _, code = add()
    with writing(engine) as conn:
        for _ in range(2):
            set_state(conn, MAIL, StaffState.DISABLED, BY, NOW)
        assert find_person(conn, MAIL).state == StaffState.DISABLED
        with pytest.raises(Unfit, match="is disabled; nothing done"):
            reset_person(conn, MAIL, BY, NOW)
        set_state(conn, MAIL, StaffState.ACTIVE, BY, NOW)

        assert person_of_code(conn, code, NOW) is None
        assert [each["action"] for each in events_of(conn, "staff")] == [
            "person added",
            "person disabled",
            "person enabled",
        ]


def test_a_role_is_given_and_both_are_written(engine: Engine, add: AddPerson) -> None:
    add()
    with writing(engine) as conn:
        set_role(conn, MAIL, "approver", "board", BY, NOW)

        person = find_person(conn, MAIL)
        assert (person.role, person.group) == ("approver", "board")
        last = events_of(conn, "staff")[-1]
        assert last["said"] == {"role": "approver", "group": "board", "was": "compliance", "was_group": "legal"}
        assert MAIL not in str(events_of(conn, "staff"))


def test_a_person_is_of_the_desk_until_the_end_and_not_at_it(engine: Engine, add: AddPerson) -> None:
    person, code = add(ends=ENDS)

    assert person.ends == ENDS
    assert [person.state_at(at.timestamp()) for at in (ENDS - SECOND, ENDS)] == [StaffState.ACTIVE, StaffState.ENDED]
    with writing(engine) as conn:
        assert person_of_code(conn, code, ENDS - SECOND) == person
        assert person_of_code(conn, code, ENDS) is None
        with pytest.raises(Unfit, match="has ended; nothing done; run: filterd staff until"):
            reset_person(conn, MAIL, BY, ENDS)
        assert events_of(conn, "staff")[-1]["said"]["ends"] == ENDS.isoformat()


def test_another_end_and_none_are_given_and_each_is_written_once(engine: Engine, add: AddPerson) -> None:
    add(ends=ENDS)
    later = ENDS + timedelta(days=30)
    with writing(engine) as conn:
        for ends in (later, later, None, None):
            set_end(conn, MAIL, ends, BY, NOW)

        assert find_person(conn, MAIL).ends is None
        last = [each for each in events_of(conn, "staff") if each["action"] == "end given"]
    assert [each["said"] for each in last] == [
        {"ends": later.isoformat(), "was": ENDS.isoformat()},
        {"ends": None, "was": later.isoformat()},
    ]
    assert MAIL not in str(last)


def test_an_end_that_is_given_in_time_leaves_the_code_and_one_that_comes_after_does_not(
    engine: Engine, add: AddPerson
) -> None:
    person, code = add(ends=ENDS)
    with writing(engine) as conn:
        set_end(conn, MAIL, ENDS + SECOND, BY, ENDS - SECOND)
        assert person_of_code(conn, code, ENDS) is not None
        set_end(conn, MAIL, None, BY, ENDS + SECOND)

        assert person_of_code(conn, code, ENDS + SECOND) is None
        assert find_person(conn, MAIL).state_at(ENDS.timestamp()) == StaffState.ACTIVE
        assert reset_person(conn, MAIL, BY, ENDS)
    assert person.number == 1


def test_who_is_enabled_again_after_the_end_has_ended(engine: Engine, add: AddPerson) -> None:
    add(ends=ENDS)
    with writing(engine) as conn:
        set_state(conn, MAIL, StaffState.DISABLED, BY, NOW)
        assert find_person(conn, MAIL).state_at(ENDS.timestamp()) == StaffState.DISABLED
        set_state(conn, MAIL, StaffState.ACTIVE, BY, ENDS)

        assert find_person(conn, MAIL).state_at(ENDS.timestamp()) == StaffState.ENDED


@pytest.mark.parametrize(
    ("ends", "why"),
    [
        (NOW, "is past; nothing done"),
        (NOW - timedelta(days=400), "is past; nothing done"),
        (datetime.min.replace(tzinfo=UTC), "is past; nothing done"),
        (NOW + LATEST_END + SECOND, "more than ten years ahead; nothing done"),
        (datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))), "more than ten years ahead; nothing done"),
    ],
    ids=str,
)
def test_no_end_is_put_into_the_past_or_too_far_ahead(engine: Engine, add: AddPerson, ends: datetime, why: str) -> None:
    add()
    with writing(engine) as conn:
        for change in (
            lambda: set_end(conn, MAIL, ends, BY, NOW),
            lambda: add_person(conn, "Bilal", "bilal@isp.example", "auditor", None, BY, NOW, ends),
        ):
            with pytest.raises(Unfit, match=why):
                change()

        assert [each.ends for each in list_people(conn)] == [None]
        assert [each["action"] for each in events_of(conn, "staff")] == ["person added"]


def test_an_unknown_person_is_said(engine: Engine) -> None:
    with writing(engine) as conn:
        for change in (
            lambda: reset_person(conn, MAIL, BY, NOW),
            lambda: set_state(conn, MAIL, StaffState.DISABLED, BY, NOW),
            lambda: set_role(conn, MAIL, "auditor", None, BY, NOW),
            lambda: set_end(conn, MAIL, None, BY, NOW),
        ):
            with pytest.raises(LookupError, match="no person of the desk has it; nothing done"):
                change()


def test_a_person_may_what_the_role_may_on_everything_and_nothing_that_is_for_the_own_alone(add: AddPerson) -> None:
    compliance, regulator = add("amna", "compliance")[0], add("bilal", "regulator")[0]

    assert compliance.may("orders.push") and not compliance.may("lines.provision")
    assert not regulator.may("orders.push")


def test_a_person_whose_row_says_no_state_that_there_is_is_disabled_and_the_others_are_listed(
    engine: Engine, add: AddPerson
) -> None:
    add()
    add("bilal", "approver")
    with writing(engine) as conn:
        conn.execute(update(staff).where(staff.c.mail == MAIL).values(state="on leave"))

        assert [each.state for each in list_people(conn)] == [StaffState.DISABLED, StaffState.ACTIVE]
