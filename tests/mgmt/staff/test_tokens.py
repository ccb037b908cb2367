from datetime import timedelta

import pytest
from sqlalchemy import Engine, select
from support.mgmt.desk import NOW, TokenOf
from support.mgmt.events import events_of

from mgmt.ledger.event import CONTROL, Actor
from mgmt.staff.issuers import find_issuer
from mgmt.staff.permissions import Reach
from mgmt.staff.tokens import (
    LIFE,
    LONGEST_LIFE,
    TokenRequest,
    create_token,
    iter_tokens,
    make_token,
    revoke_token,
    token_json,
)
from mgmt.web.kit.auth import find_principal
from parental.policy import subscribers as store
from parental.store.database import reading, writing
from parental.store.schema.access import tokens

SOMEBODY = Actor("account", "amna")


def test_a_token_has_256_bits_and_is_not_stored(engine: Engine, token: TokenOf) -> None:
    made = {token("operator") for _ in range(50)}

    assert len(made) == 50
    assert all(len(text) == 43 for text in made)  # 32 octets in base64url
    with reading(engine) as conn:
        rows = conn.execute(select(tokens)).all()
    assert not any(text in str(row) or text.encode() in row.sha256 for text in made for row in rows)


def test_an_operators_token_has_the_roles_engineer_and_compliance(engine: Engine) -> None:
    with writing(engine) as conn:
        text = create_token(conn, "operator", None, CONTROL, lambda: NOW)
        principal = find_principal(conn, text, NOW)

    assert principal is not None
    assert principal.roles == {"compliance", "engineer"}
    assert {"orders.push", "lines.provision", "status.read"} <= set(principal.permissions())


@pytest.mark.parametrize(
    "wanted",
    [
        TokenRequest(()),
        TokenRequest(("root",)),
        TokenRequest(("parent",)),
        TokenRequest(("engineer",), subscriber=7),
        TokenRequest(("parent", "engineer"), subscriber=7),
        TokenRequest(("regulator",)),
        TokenRequest(("compliance",), issuer="PTA"),
        TokenRequest(("regulator", "engineer"), issuer="PTA"),
        TokenRequest(("auditor",), scopes=frozenset()),
        TokenRequest(("auditor",), scopes=frozenset({"orders.push"})),
        TokenRequest(("auditor",), scopes=frozenset({"everything"})),
        TokenRequest(("auditor",), life=timedelta(0)),
        TokenRequest(("auditor",), life=LONGEST_LIFE + timedelta(seconds=1)),
        TokenRequest(("auditor",), label="x" * 81),
        TokenRequest(("auditor",), label="two\nlines"),
    ],
    ids=str,
)
def test_a_token_that_cannot_be_is_not_made_and_leaves_no_event(engine: Engine, wanted: TokenRequest) -> None:
    with writing(engine) as conn:
        with pytest.raises(ValueError, match="no token created; "):
            make_token(conn, wanted, CONTROL, NOW)

        assert list(iter_tokens(conn)) == [] and events_of(conn, "staff") == []


def test_a_list_shows_all_but_the_text(engine: Engine) -> None:
    wanted = TokenRequest(("regulator",), issuer="PTA", scopes=frozenset({"orders.read"}), label="the desk in Lahore")
    with writing(engine) as conn:
        made = make_token(conn, wanted, SOMEBODY, NOW, may_know_issuer=True)
        (shown,) = iter_tokens(conn)

    assert token_json(shown) == {
        "id": 1,
        "roles": ["regulator"],
        "scopes": ["orders.read"],
        "subscriber": None,
        "issuer": "PTA",
        "label": "the desk in Lahore",
        "made_by": "account amna",
        "created": "2026-08-03T16:00:03+00:00",
        "expires": "2027-08-03T16:00:03+00:00",
        "last_used": None,
    }
    assert made.expires == NOW + LIFE


def test_making_and_revoking_are_events_and_a_second_revocation_is_none(engine: Engine) -> None:
    with writing(engine) as conn:
        number = make_token(conn, TokenRequest(("auditor",), scopes=frozenset({"audit.blocks"})), SOMEBODY, NOW).number
        assert revoke_token(conn, number, SOMEBODY) and not revoke_token(conn, number, SOMEBODY)

        found = events_of(conn, "staff")

    assert [(each["action"], each["actor"]["name"], each["about"]) for each in found] == [
        ("token made", "amna", {"token": 1}),
        ("token revoked", "amna", {"token": 1}),
    ]
    assert found[0]["said"] == {
        "role": "auditor",
        "scopes": "audit.blocks",
        "expires_s": int((NOW + LIFE).timestamp()),
    }


def test_the_number_of_a_revoked_token_is_never_given_again(engine: Engine) -> None:
    with writing(engine) as conn:
        first = make_token(conn, TokenRequest(("auditor",)), CONTROL, NOW)
        revoke_token(conn, first.number, CONTROL)

        assert make_token(conn, TokenRequest(("auditor",)), CONTROL, NOW).number > first.number


def test_an_issuer_that_a_token_names_first_becomes_known_only_where_the_box_says_so(engine: Engine) -> None:
    wanted = TokenRequest(("regulator",), issuer="A court")
    with writing(engine) as conn:
        with pytest.raises(ValueError, match="not known; no token created"):
            make_token(conn, wanted, CONTROL, NOW)
        assert find_issuer(conn, "A court") is None

        make_token(conn, wanted, CONTROL, NOW, may_know_issuer=True)
        assert find_issuer(conn, "A court") is not None


def test_what_goes_beyond_a_maker_is_named() -> None:
    regulator = TokenRequest(("regulator",), issuer="PTA")

    assert regulator.beyond(TokenRequest(("compliance",)).permissions()) == []
    assert TokenRequest(("compliance",), scopes=frozenset({"orders.push"})).beyond(regulator.permissions()) == [
        "orders.push"
    ]
    assert regulator.beyond({"orders.push": Reach.OWN}) == ["orders.read", "orders.withdraw"]


def test_what_belongs_to_a_subscriber_goes_with_it_and_the_other_tokens_stay(engine: Engine) -> None:
    with writing(engine) as conn:
        create_token(conn, "parent", 7, CONTROL)
        create_token(conn, "operator", None, CONTROL)
        store.delete_subscriber(conn, 7)

        assert conn.execute(select(tokens.c.roles)).scalars().all() == ["compliance engineer"]
