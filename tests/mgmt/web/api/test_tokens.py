from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW, Client, Desk, DeskOf
from support.mgmt.events import events_of

from mgmt.ledger.event import CONTROL
from mgmt.staff.issuers import know_issuer
from parental.store.database import reading, writing


async def test_a_token_that_is_made_opens_what_it_names_and_is_shown_once(desk: DeskOf, client: Client) -> None:
    said = {"role": "auditor", "scopes": ["audit.blocks"], "label": "the yearly audit", "days": 30}
    maker = desk("operator")
    # Who makes an auditor's token must be able to do what an auditor does; nobody at the API is.
    assert (await maker.ask("POST", "/v1/tokens", json=said))[0] == 403

    said |= {"role": "engineer", "scopes": ["status.read"]}
    status, made = await maker.ask("POST", "/v1/tokens", json=said)

    assert status == 201 and made["expires"] == "2026-09-02T16:00:03+00:00"
    asking = Desk(client, made["token"])
    assert (await asking.ask("GET", "/v1/status"))[0] == 200
    assert (await asking.ask("GET", "/v1/subscribers"))[0] == 403
    _, listed = await maker.ask("GET", "/v1/tokens")
    (shown,) = (token for token in listed["tokens"] if token["id"] == made["id"])
    assert (shown["label"], shown["scopes"], shown["made_by"]) == ("the yearly audit", ["status.read"], "token 1")
    assert made["token"] not in str(listed)


@pytest.mark.parametrize(
    ("maker", "wanted"),
    [
        ("engineer", {"role": "compliance"}),
        ("engineer", {"role": "regulator", "issuer": "PTA"}),
        ("compliance", {"role": "engineer"}),
        ("compliance", {"role": "parent", "subscriber": 7}),
        ("operator", {"role": "auditor"}),
        ("engineer", {"role": "operator"}),
    ],
)
async def test_nobody_gives_what_he_does_not_have(desk: DeskOf, maker: str, wanted: dict[str, Any]) -> None:
    status, said = await desk(maker).ask("POST", "/v1/tokens", json=wanted)

    assert status == 403
    assert "cannot give what it does not have" in said["detail"]


@pytest.mark.parametrize(
    ("maker", "wanted"),
    [
        ("compliance", {"role": "regulator", "issuer": "PTA"}),
        ("engineer", {"role": "parent", "subscriber": 7, "scopes": ["line.read", "line.pause"]}),
        ("operator", {"role": "operator"}),
    ],
)
async def test_who_has_it_gives_it(desk: DeskOf, engine: Engine, maker: str, wanted: dict[str, Any]) -> None:
    with writing(engine) as conn:
        know_issuer(conn, "PTA", CONTROL, NOW)

    assert (await desk(maker).ask("POST", "/v1/tokens", json=wanted))[0] == 201


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"role": "root"},
        {"role": "engineer", "days": 0},
        {"role": "engineer", "days": 731},
        {"role": "engineer", "scopes": ["orders.push"]},
        {"role": "engineer", "scopes": []},
        {"role": "engineer", "label": "x" * 81},
        {"role": "parent", "scopes": ["line.read"]},
        {"role": "parent", "subscriber": 9, "scopes": ["line.read"]},
        {"role": "engineer", "subscriber": 7},
        {"role": "engineer", "more": 1},
    ],
)
async def test_a_token_that_cannot_be_is_not_made(desk: DeskOf, engine: Engine, wrong: dict[str, Any]) -> None:
    status, _ = await desk("engineer").ask("POST", "/v1/tokens", json=wrong)

    assert status == 422
    with reading(engine) as conn:
        assert len(events_of(conn, "staff")) == 1  # the engineer's own


async def test_a_revoked_token_ends_at_once_and_an_unknown_one_is_said(desk: DeskOf, engine: Engine) -> None:
    maker, asking = desk("operator"), desk("engineer")

    assert await maker.ask("DELETE", "/v1/tokens/2") == (200, {"id": 2, "revoked": True})

    assert (await asking.ask("GET", "/v1/status"))[0] == 401
    for unknown in ("2", "99", "x", "²", "9" * 30):
        assert (await maker.ask("DELETE", f"/v1/tokens/{unknown}"))[0] == 404
    with reading(engine) as conn:
        last = events_of(conn, "staff")[-1]
    assert (last["action"], last["actor"]) == (
        "token revoked",
        {"kind": "token", "name": "1", "role": "compliance engineer"},
    )
