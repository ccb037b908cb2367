from datetime import timedelta

import msgspec
from sqlalchemy import Engine, insert, update
from support.mgmt.authenticator import Authenticator
from support.mgmt.desk import NOW
from support.mgmt.events import events_of
from support.mgmt.orders import push
from support.mgmt.staff_desk import ORIGIN, AddPerson, Browser

from mgmt.ledger.event import CONTROL, Actor
from mgmt.staff.issuers import Issuer, IssuerKey, put_issuer, put_key
from mgmt.staff.people import StaffState, set_state
from mgmt.staff.review import UNUSED, note_review, review_of
from mgmt.staff.tokens import TokenRequest, create_token, make_token
from parental.store.database import reading, writing
from parental.store.schema.access import issuers, tokens
from parental.store.schema.orders import orders


async def test_everybody_stands_in_it_with_what_they_sign_in_with(
    browser: Browser, add: AddPerson, engine: Engine
) -> None:
    await browser.sign_in(await browser.enrol(add("amna", "compliance")[1]))
    await browser.make_passkey(add("bilal", "approver")[1], Authenticator(ORIGIN))
    add("chand", "support")
    with writing(engine) as conn:
        set_state(conn, "chand@isp.example", StaffState.DISABLED, CONTROL, NOW)
        add_later = review_of(conn, NOW + UNUSED)

    with reading(engine) as conn:
        people = review_of(conn, NOW).people
    assert [(each.mail, each.role, each.state, each.credentials) for each in people] == [
        ("amna@isp.example", "compliance", "active", ["password and one-time codes"]),
        ("bilal@isp.example", "approver", "active", ["passkey: a key"]),
        ("chand@isp.example", "support", "disabled", []),
    ]
    assert people[0].last_login is not None and people[1].last_login is None
    assert [each.notes for each in people] == [[], [], []]
    assert [each.notes for each in add_later.people] == [[], ["has not signed in for 90 days"], []]


def test_who_has_no_second_factor_is_noted(engine: Engine, add: AddPerson) -> None:
    add()
    with reading(engine) as conn:
        (amna,) = review_of(conn, NOW).people

    assert amna.notes == ["has not enrolled: no second factor"]


def test_an_account_stands_in_it_with_its_end_which_is_noted_before_it_comes(engine: Engine, add: AddPerson) -> None:
    ends = NOW.replace(microsecond=0) + timedelta(days=40)
    add("amna", "auditor", ends)
    with reading(engine) as conn:
        found = [review_of(conn, at).people[0] for at in (NOW, ends - timedelta(days=29), ends)]

    assert [(each.state, each.ends) for each in found] == [
        ("active", ends.isoformat()),
        ("active", ends.isoformat()),
        ("ended", ends.isoformat()),
    ]
    unenrolled = "has not enrolled: no second factor"
    assert [each.notes for each in found] == [[unenrolled], [unenrolled, "ends within 30 days"], []]


def test_a_token_stands_in_it_with_scopes_and_end_and_what_is_wrong_with_it(engine: Engine) -> None:
    scopes = frozenset({"status.read"})
    with writing(engine) as conn:
        make_token(conn, TokenRequest(("engineer",), scopes=scopes, label="monitor"), CONTROL, NOW)
        make_token(conn, TokenRequest(("auditor",), life=timedelta(days=20)), CONTROL, NOW)
        conn.execute(update(tokens).where(tokens.c.id == 1).values(last_used_s=int(NOW.timestamp())))

        now, later = (review_of(conn, at).tokens for at in (NOW, NOW + UNUSED + timedelta(seconds=1)))

    assert (now[0]["scopes"], now[0]["notes"]) == (["status.read"], [])
    assert now[1]["notes"] == ["ends within 30 days", "has no label"]
    assert [token["notes"] for token in later] == [["was not used for 90 days"], ["has ended"]]


def test_it_is_read_without_the_tokens_of_households_where_that_is_asked(engine: Engine) -> None:
    with writing(engine) as conn:
        create_token(conn, "support", None, CONTROL, lambda: NOW)
        create_token(conn, "parent", 7, CONTROL, lambda: NOW)

        assert [each["roles"] for each in review_of(conn, NOW, of_households=False).tokens] == [["support"]]
        assert len(review_of(conn, NOW).tokens) == 2


def test_issuers_stand_in_it_with_their_keys(engine: Engine) -> None:
    with writing(engine) as conn:
        put_issuer(conn, Issuer("PTA"), CONTROL, NOW)
        put_key(conn, IssuerKey(bytes(32), "PTA", NOW, NOW + timedelta(days=20)), CONTROL, NOW)
        (issuer,) = review_of(conn, NOW).issuers

    assert issuer["keys"][0]["key"] == "00" * 32
    assert issuer["notes"] == ["has no contact", "a key ends within 30 days"]


def test_an_issuer_that_has_orders_and_is_not_known_stands_in_it(engine: Engine) -> None:
    with writing(engine) as conn:
        put_issuer(conn, Issuer("PTA", contact="desk@pta.example"), CONTROL, NOW)
        of_before = {"name": "pta", "contact": "", "is_active": False, "created_s": 0}
        conn.execute(insert(issuers).values(of_before))
        push(conn, "bad.example")
        other = push(conn, "worse.example", ref="2")
        conn.execute(update(orders).where(orders.c.id == other).values(issuer="IHC"))
        found = {each["name"]: each["notes"] for each in review_of(conn, NOW).issuers}

    assert found == {
        "PTA": ["is read as pta"],
        "pta": ["is read as PTA"],
        "IHC": ["has orders and is not known: neither limits nor a key"],
    }


def test_that_somebody_has_read_it_is_an_event_without_names(engine: Engine, add: AddPerson) -> None:
    add()
    with writing(engine) as conn:
        review = review_of(conn, NOW)
        note_review(conn, review, Actor("account", "sana"), NOW)
        last = events_of(conn, "staff")[-1]

    assert (last["action"], last["actor"]["name"]) == ("access reviewed", "sana")
    assert last["said"] == {"people": 1, "tokens": 0, "issuers": 0, "notes": 1}
    assert msgspec.json.decode(msgspec.json.encode(review))["people"][0]["mail"] == "amna@isp.example"
