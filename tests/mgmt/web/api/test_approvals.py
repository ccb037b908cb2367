"""Approvals through the API: a token carries them, and two passkeys prove them."""

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Desk, PlayedControl
from support.mgmt.orders import NOW, publish, push
from support.mgmt.signing import BY_PASSKEYS, ORIGIN, Signer, signer

from mgmt.ledger.event import CONTROL
from mgmt.registers.settings.page_settings import Settings
from mgmt.staff.tokens import TokenRequest, make_token
from mgmt.web.desk.app import create_app
from mgmt.web.kit.app_context import Clock
from parental.store.database import writing
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import WEB

WORDS: dict[str, Any] = {
    "order": 1,
    "entry": 1,
    "kind": "broader",
    "proposer": "amna@isp.example",
    "reason": "the host is ordered",
    "reference": "WA/9",
    "collateral": "all of it",
    "until": (NOW + timedelta(days=20)).isoformat(),
}


@pytest.fixture
def control() -> PlayedControl:
    """It is asked to publish, and decides when the test says so."""
    return PlayedControl()


@pytest.fixture
def people(engine: Engine) -> tuple[Signer, Signer]:
    with writing(engine) as conn:
        push(conn, "https://shared.test/a", "198.51.100.9")
        return signer(conn, "amna", "compliance"), signer(conn, "bilal", "approver")


@pytest.fixture
async def api(settings: Settings, engine: Engine, database: Where, control: PlayedControl, clock: Clock) -> Any:
    of_web = engine_of(database, WEB)
    app = create_app(replace(settings, desk_origin=ORIGIN), of_web, control, clock)
    with writing(engine) as conn:
        secret = make_token(conn, TokenRequest(("compliance",)), CONTROL, NOW).secret
    async with TestClient(TestServer(app)) as client:
        yield Desk(client, secret)
    of_web.dispose()


async def put(api: Desk, key: Signer) -> tuple[int, Any]:
    _, shown = await api.ask("GET", "/v1/approvals/1")
    challenge = base64.urlsafe_b64decode(shown["challenge"] + "==")
    return await api.ask("POST", "/v1/approvals/1/signatures", json={"response": key.key.agree(challenge)})


async def test_two_passkeys_through_one_token_are_an_approval(
    api: Desk, engine: Engine, people: tuple[Signer, Signer]
) -> None:
    amna, bilal = people
    status, made = await api.ask("POST", "/v1/approvals", json=WORDS)
    assert (status, made["due"], made["way"]) == (201, "proposed", "desk")

    assert [(status, said["due"]) for status, said in (await put(api, amna), await put(api, bilal))] == [
        (200, "approved"),
        (200, None),
    ]
    with writing(engine) as conn:
        publish(conn, proof=BY_PASSKEYS)

    _, page = await api.ask("GET", "/v1/approvals?order=1")
    (shown,) = page["approvals"]
    assert (shown["approver"], shown["approver_group"], shown["ended"]) == ("bilal@isp.example", "approval", None)
    assert (await api.ask("GET", "/v1/approvals?order=2"))[1]["approvals"] == []


async def test_one_person_through_a_token_is_not_two(api: Desk, people: tuple[Signer, Signer]) -> None:
    amna, bilal = people
    await api.ask("POST", "/v1/approvals", json=WORDS)
    status, early = await put(api, bilal)
    assert (status, "signs first" in early["detail"]) == (422, True)
    await put(api, amna)

    status, again = await put(api, amna)

    assert (status, "another person must" in again["detail"]) == (422, True)


async def test_what_cannot_be_proposed_or_signed_says_why(api: Desk, people: tuple[Signer, Signer]) -> None:
    amna, _ = people
    wrong: list[tuple[dict[str, Any], int]] = [
        ({"order": 9}, 404),
        ({"proposer": "nobody@isp.example"}, 422),
        ({"until": None}, 422),
        ({"entry": None}, 422),
        ({"entry": 9}, 422),
        ({"kind": "emergency"}, 422),
    ]
    for more, wanted in wrong:
        status, said = await api.ask("POST", "/v1/approvals", json=WORDS | more)
        assert (status, "nothing" in said["detail"]) == (wanted, True), said
    assert (await api.ask("GET", "/v1/approvals/7"))[0] == 404
    assert (await api.ask("POST", "/v1/approvals/7/signatures", json={"response": "{}"}))[0] == 404
    await api.ask("POST", "/v1/approvals", json=WORDS)
    status, said = await api.ask("POST", "/v1/approvals/1/signatures", json={"response": "{}"})
    assert (status, "wrong" in said["detail"]) == (422, True)
    await put(api, amna)
