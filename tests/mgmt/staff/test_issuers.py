from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW
from support.mgmt.events import events_of

from mgmt.ledger.event import CONTROL
from mgmt.staff.issuers import (
    Issuer,
    IssuerKey,
    end_key,
    find_issuer,
    know_issuer,
    list_issuers,
    list_keys,
    put_issuer,
    put_key,
    refuse_like,
    refuse_unreadable,
)
from parental.store.database import writing

PTA = Issuer("PTA", frozenset({"ordinary"}), frozenset({"exact"}), "desk@pta.example")
KEY = IssuerKey(bytes(32), "PTA", NOW, NOW + timedelta(days=365))


def utc(time_s: int) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)


def test_what_is_put_is_found_and_put_again_in_its_place(engine: Engine) -> None:
    with writing(engine) as conn:
        put_issuer(conn, PTA, CONTROL, NOW)
        assert find_issuer(conn, "PTA") == PTA
        put_issuer(conn, PTA._replace(scopes=None), CONTROL, NOW)

        assert list_issuers(conn) == [PTA._replace(scopes=None)]
        assert [event["action"] for event in events_of(conn, "staff")] == ["issuer put", "issuer put"]


def test_an_issuer_that_is_known_stays_as_it_is(engine: Engine) -> None:
    with writing(engine) as conn:
        put_issuer(conn, PTA, CONTROL, NOW)
        know_issuer(conn, "PTA", CONTROL, NOW)

        assert find_issuer(conn, "PTA") == PTA


@pytest.mark.parametrize("name", ["", "x" * 81, "two\nlines"])
def test_a_name_that_is_none_is_refused(engine: Engine, name: str) -> None:
    with writing(engine) as conn, pytest.raises(ValueError, match="not put"):
        put_issuer(conn, Issuer(name), CONTROL, NOW)


@pytest.mark.parametrize("name", ["pta", "PTA ", " P\u200bta", "\uff30\uff34\uff21", "P\u00adTA"])
def test_a_name_that_is_read_as_a_known_one_is_neither_taken_nor_put(engine: Engine, name: str) -> None:
    with writing(engine) as conn:
        put_issuer(conn, PTA, CONTROL, NOW)
        with pytest.raises(ValueError, match="is read as 'PTA', which is known; not taken; write it like that"):
            refuse_like(conn, name)
        with pytest.raises(ValueError, match="read as 'PTA'" if name.isprintable() else "is no name"):
            know_issuer(conn, name, CONTROL, NOW)
        refuse_like(conn, "PTA")

        assert list_issuers(conn) == [PTA]


@pytest.mark.parametrize("name", ["", "  ", "IHC ", "High  Court", "\u0420\u0422\u0410", "\u03a1TA", "I\u200bHC"])
def test_a_name_that_can_be_taken_for_another_one_is_good_only_where_it_is_known(engine: Engine, name: str) -> None:
    with pytest.raises(ValueError, match="is not known, and has spaces or letters that can be taken for others"):
        refuse_unreadable(name)


@pytest.mark.parametrize(
    "name", ["IHC", "Cour d'appel de Besan\u00e7on", "\u067e\u06cc \u0679\u06cc \u0627\u06d2", "Court No. 3"]
)
def test_names_in_latin_and_arabic_letters_need_not_be_known(name: str) -> None:
    refuse_unreadable(name)


def test_what_an_issuer_may_not_order_is_named() -> None:
    assert PTA.beyond("ordinary", {"exact"}) == Issuer("any").beyond("child-abuse", {"subtree"}) == []
    assert PTA.beyond("child-abuse", {"exact", "subtree"}) == ["category child-abuse", "scope subtree"]


def test_a_key_is_of_one_issuer_for_a_time_and_can_be_ended(engine: Engine) -> None:
    with writing(engine) as conn:
        put_issuer(conn, PTA, CONTROL, NOW)
        put_key(conn, KEY, CONTROL, NOW)
        with pytest.raises(ValueError, match="known already; not put"):
            put_key(conn, KEY, CONTROL, NOW)

        ended = NOW.replace(microsecond=0) + timedelta(days=1)
        end_key(conn, KEY.public_key, CONTROL, ended)

        assert [key.until for key in list_keys(conn, utc)] == [ended]
        with pytest.raises(LookupError, match="ended already; nothing done"):
            end_key(conn, KEY.public_key, CONTROL, ended)


@pytest.mark.parametrize(
    "wrong", [KEY._replace(public_key=bytes(31)), KEY._replace(until=NOW), KEY._replace(issuer="other")]
)
def test_a_key_that_cannot_be_is_refused(engine: Engine, wrong: IssuerKey) -> None:
    with writing(engine) as conn:
        put_issuer(conn, PTA, CONTROL, NOW)

        with pytest.raises((ValueError, LookupError), match="put"):
            put_key(conn, wrong, CONTROL, NOW)
