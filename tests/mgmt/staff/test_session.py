from datetime import timedelta

from sqlalchemy import Engine, select
from support.mgmt.desk import NOW
from support.mgmt.staff_desk import AddPerson
from support.present import present

from mgmt.ledger.event import CONTROL
from mgmt.staff.people import set_end
from mgmt.staff.session import FRESH, IDLE, LIFE, SEEN, begin_session, end_session, find_session, note_use
from parental.store.database import writing
from parental.store.schema.staff import staff_sessions

SECOND = timedelta(seconds=1)
BEGAN = NOW.replace(microsecond=0)


def test_a_session_is_found_by_its_secret_which_is_not_stored(engine: Engine, add: AddPerson) -> None:
    person, _ = add()
    with writing(engine) as conn:
        secret = begin_session(conn, person.number, "passkey", "", BEGAN)

        assert present(find_session(conn, secret, BEGAN)).person == person
        assert find_session(conn, secret + "x", BEGAN) is None
        row = conn.execute(select(staff_sessions)).one()
        assert secret not in str(row) and row.method == "passkey"
        end_session(conn, secret)
        assert find_session(conn, secret, BEGAN) is None


def test_a_session_ends_idle_and_at_its_end_however_often_it_is_used(engine: Engine, add: AddPerson) -> None:
    person, _ = add()
    with writing(engine) as conn:
        secret = begin_session(conn, person.number, "password", "", BEGAN)
        assert find_session(conn, secret, BEGAN + IDLE - SECOND) is not None
        assert find_session(conn, secret, BEGAN + IDLE) is None

        note_use(conn, secret, BEGAN + LIFE - SECOND)
        assert find_session(conn, secret, BEGAN + LIFE - SECOND) is not None
        assert find_session(conn, secret, BEGAN + LIFE) is None


def test_a_session_ends_with_the_account_and_does_not_come_back_with_it(engine: Engine, add: AddPerson) -> None:
    ends = BEGAN + timedelta(minutes=10)
    person, _ = add(ends=ends)
    with writing(engine) as conn:
        secret = begin_session(conn, person.number, "password", "", BEGAN)
        assert find_session(conn, secret, ends - SECOND) is not None
        assert find_session(conn, secret, ends) is None

        set_end(conn, person.mail, None, CONTROL, ends)
        assert find_session(conn, secret, ends) is None


def test_another_end_leaves_the_session_of_whoever_has_not_ended(engine: Engine, add: AddPerson) -> None:
    person, _ = add()
    with writing(engine) as conn:
        secret = begin_session(conn, person.number, "password", "", BEGAN)
        set_end(conn, person.mail, BEGAN + SECOND, CONTROL, BEGAN)

        assert find_session(conn, secret, BEGAN) is not None
        assert find_session(conn, secret, BEGAN + SECOND) is None


def test_its_use_is_noted_once_a_minute_and_it_is_new_for_ten(engine: Engine, add: AddPerson) -> None:
    person, _ = add()
    with writing(engine) as conn:
        secret = begin_session(conn, person.number, "password", "", BEGAN)
        found = present(find_session(conn, secret, BEGAN + SEEN))

        assert present(find_session(conn, secret, BEGAN + SEEN - SECOND)).is_seen and not found.is_seen
        assert found.is_fresh(BEGAN + FRESH - SECOND) and not found.is_fresh(BEGAN + FRESH)


def test_a_sign_in_ends_the_browsers_session_before_and_clears_those_that_have_ended(
    engine: Engine, add: AddPerson
) -> None:
    person, _ = add()
    with writing(engine) as conn:
        begin_session(conn, person.number, "password", "", BEGAN - LIFE)
        begin_session(conn, person.number, "password", "", BEGAN - IDLE)
        other = begin_session(conn, person.number, "password", "", BEGAN)
        before = begin_session(conn, person.number, "password", "", BEGAN)
        begin_session(conn, person.number, "password", before, BEGAN)

        assert find_session(conn, before, BEGAN) is None and find_session(conn, other, BEGAN) is not None
        assert len(conn.execute(select(staff_sessions)).all()) == 2
