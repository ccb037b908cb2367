from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, Engine
from support.mgmt.desk import NOW
from support.mgmt.events import events_of
from support.mgmt.staff_desk import AddPerson

from mgmt.ledger.event import CONTROL
from mgmt.staff.bound_certificates import bind_certificate, end_certificate
from mgmt.staff.issuers import know_issuer
from mgmt.staff.people import StaffState, set_end, set_state
from mgmt.web.kit.client_certificates import Owner, find_owner
from parental.store.database import writing

DER = b"a certificate"


@pytest.fixture
def conn(engine: Engine, add: AddPerson) -> Iterator[Any]:
    add("amna")
    with writing(engine) as conn:
        know_issuer(conn, "PTA", CONTROL, NOW)
        yield conn


@pytest.mark.parametrize(
    ("issuer", "mail", "owner"), [("PTA", None, Owner("PTA", None)), (None, "amna@isp.example", Owner(None, 1))]
)
def test_a_certificate_is_of_one_until_it_ends_and_each_is_an_event(
    conn: Connection, issuer: str | None, mail: str | None, owner: Owner
) -> None:
    assert find_owner(conn, DER, NOW) is None
    bind_certificate(conn, DER, issuer, mail, CONTROL, NOW)
    assert find_owner(conn, DER, NOW) == owner
    end_certificate(conn, DER, CONTROL, NOW)
    assert find_owner(conn, DER, NOW) is None
    assert [each["action"] for each in events_of(conn, "staff")][-2:] == ["certificate bound", "certificate ended"]


def test_who_is_disabled_or_has_ended_has_none(conn: Connection) -> None:
    ends = NOW.replace(microsecond=0) + timedelta(days=1)
    bind_certificate(conn, DER, None, "amna@isp.example", CONTROL, NOW)
    set_end(conn, "amna@isp.example", ends, CONTROL, NOW)

    assert [find_owner(conn, DER, at) for at in (NOW, ends)] == [Owner(None, 1), None]
    set_state(conn, "amna@isp.example", StaffState.DISABLED, CONTROL, NOW)
    assert find_owner(conn, DER, NOW) is None


def test_what_cannot_be_bound_or_ended_says_why(conn: Connection) -> None:
    with pytest.raises(LookupError, match="not known; not bound"):
        bind_certificate(conn, DER, "court", None, CONTROL, NOW)
    with pytest.raises(LookupError, match="no person"):
        bind_certificate(conn, DER, None, "bilal@isp.example", CONTROL, NOW)
    with pytest.raises(LookupError, match="not bound"):
        end_certificate(conn, DER, CONTROL, NOW)
    bind_certificate(conn, DER, "PTA", None, CONTROL, NOW)
    with pytest.raises(ValueError, match="bound already"):
        bind_certificate(conn, DER, None, "amna@isp.example", CONTROL, NOW)
