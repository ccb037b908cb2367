"""What the desk says of the pages: two persons where people find help, one for all else."""

import base64
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from sqlalchemy import Engine
from support.mgmt.desk import Clock, Desk, DeskOf, PlayedControl
from support.mgmt.orders import NOW
from support.mgmt.signing import BY_PASSKEYS, ORIGIN, Signer, signer

from filterd.control.pages.agreed_settings import look
from mgmt.ledger.event import CONTROL
from mgmt.registers.settings.page_settings import Settings
from mgmt.staff.tokens import TokenRequest, make_token
from mgmt.web.desk.app import create_app, routes_of
from mgmt.web.kit.doors import Door
from parental.store.database import writing
from parental.store.engines import Where, engine_of
from parental.store.schema.privileges import WEB

THEME = {"accent": "#0b5c7a"}
WORDS = {"proposer": "amna@isp.example", "reason": "a shelter has opened", "reference": "T-1"}
LINE = {"number": "0800-12345", "name_en": "shelter", "name_ur": "پناہ گاہ", "verified_on": "2026-08-01"}


@pytest.fixture
def people(engine: Engine) -> tuple[Signer, Signer]:
    with writing(engine) as conn:
        return signer(conn, "amna", "compliance"), signer(conn, "bilal", "approver")


@pytest.fixture
async def api(settings: Settings, engine: Engine, database: Where, control: PlayedControl, clock: Clock) -> Any:
    """One token of a box whose desk has passkeys."""
    of_web = engine_of(database, WEB)
    app = create_app(replace(settings, desk_origin=ORIGIN), of_web, control, clock)
    with writing(engine) as conn:
        secret = make_token(conn, TokenRequest(("compliance",)), CONTROL, NOW).secret
    async with TestClient(TestServer(app)) as client:
        yield Desk(client, secret)
    of_web.dispose()


async def sign(api: Desk, number: int, key: Signer) -> tuple[int, Any]:
    _, shown = await api.ask("GET", f"/v1/approvals/{number}")
    answer = key.key.agree(base64.urlsafe_b64decode(shown["challenge"] + "=="))
    return await api.ask("POST", f"/v1/approvals/{number}/signatures", json={"response": answer})


async def test_one_token_replaces_no_helpline_it_proposes_one(
    api: Desk, people: tuple[Signer, Signer], control: PlayedControl
) -> None:
    _, before = await api.ask("GET", "/v1/settings")

    status, made = await api.ask("PUT", "/v1/settings", json={"helplines": [LINE]} | WORDS)

    assert (status, made["kind"], made["due"], made["order"]) == (202, "settings", "proposed", None)
    document = json.loads(made["settings"])
    assert document["before"]["helplines"][0]["number"] == "1121"
    assert [line["number"] for line in document["after"]["helplines"]] == ["0800-12345"]
    assert (await api.ask("GET", "/v1/settings")) == (200, before)
    assert control.asked == []


async def test_two_passkeys_through_one_token_change_a_helpline_once_control_has_checked_them(
    api: Desk, people: tuple[Signer, Signer], engine: Engine
) -> None:
    amna, bilal = people
    _, before = await api.ask("GET", "/v1/settings")
    _, made = await api.ask("PUT", "/v1/settings", json={"helplines": [LINE], "languages": {"first": "en"}} | WORDS)
    number = made["id"]

    assert (await sign(api, number, amna))[0] == 200
    assert (await sign(api, number, amna))[0] == 422
    assert (await sign(api, number, bilal))[1]["due"] is None
    assert (await api.ask("GET", "/v1/settings"))[1] == before
    with writing(engine) as conn:
        look(conn, BY_PASSKEYS, int(NOW.timestamp()), NOW)

    _, body = await api.ask("GET", "/v1/settings")
    assert body["helplines"] == [LINE | {"note_en": None, "note_ur": None}]
    assert body["languages"] == {"first": "en"}
    assert {said["name"] for said in body["of_desk"]} == {"helplines", "languages"}
    assert {said["by"] for said in body["of_desk"]} == {"amna@isp.example and bilal@isp.example"}


@pytest.mark.parametrize("name", ["isp", "helplines", "report_url", "complaints", "stop_page"])
async def test_no_place_where_people_find_help_is_changed_without_a_proposer_or_passkeys(
    api: Desk, desk: DeskOf, people: tuple[Signer, Signer], name: str
) -> None:
    said = {
        "isp": {"name": "Desk ISP", "contact": "help@isp.example"},
        "helplines": [LINE],
        "report_url": "report.example",
        "complaints": [{"to": "help@isp.example"}],
        "stop_page": {"report_to": "report.example"},
    }
    wanted = {name: said[name]}

    status, body = await api.ask("PUT", "/v1/settings", json=wanted)
    assert (status, body["where"]) == (422, "/proposer")
    status, body = await api.ask("PUT", "/v1/settings", json=wanted | WORDS | {"proposer": "zain@isp.example"})
    assert status == 422
    assert (await api.ask("PUT", "/v1/settings", json=wanted | WORDS))[0] == 202
    status, body = await desk("compliance").ask("PUT", "/v1/settings", json=wanted | WORDS)
    assert (status, body["where"]) == (409, f"/{name}")
    assert "no origin of the desk is configured; not proposed" in body["detail"]


async def test_the_desk_changes_colours_at_once_and_it_is_said_who_did_and_when(
    desk: DeskOf, control: PlayedControl
) -> None:
    asking = desk("compliance")

    status, body = await asking.ask("PUT", "/v1/settings", json={"theme": THEME})

    assert status == 200
    assert body["theme"] == THEME | {"accent_dark": None}
    [said] = body["of_desk"]
    assert (said["name"], said["set"]) == ("theme", "2026-08-03T21:00:03+05:00")
    assert said["by"]
    assert control.asked == ["settings_changed"]
    assert (await asking.ask("GET", "/v1/settings")) == (200, body)


async def test_what_is_left_out_or_the_same_stays_and_null_is_what_the_configuration_has(desk: DeskOf) -> None:
    asking = desk("engineer")
    _, of_file = await asking.ask("GET", "/v1/settings")
    await asking.ask("PUT", "/v1/settings", json={"theme": THEME, "helplines": None})
    _, body = await asking.ask("PUT", "/v1/settings", json={"languages": {"first": "en"}})
    assert (body["theme"]["accent"], body["languages"]) == (THEME["accent"], {"first": "en"})

    _, body = await asking.ask("PUT", "/v1/settings", json={"theme": None, "languages": None})

    assert body == of_file
    assert len(body["helplines"]) == 4 and body["of_desk"] == []


async def test_who_changes_what_another_has_changed_meanwhile_is_refused(desk: DeskOf) -> None:
    asking = desk("engineer")
    _, headers, _ = await asking.raw("GET", "/v1/settings")
    await asking.ask("PUT", "/v1/settings", json={"theme": THEME})

    tag, said = {"If-Match": headers["ETag"]}, b'{"theme": null}'
    assert (await asking.raw("PUT", "/v1/settings", headers=tag, data=said))[0] == 412
    _, body = await asking.ask("GET", "/v1/settings")
    assert body["theme"]["accent"] == THEME["accent"]


@pytest.mark.parametrize(
    ("said", "where"),
    [
        ({"helplines": []}, "/helplines"),
        ({"helplines": [LINE | {"number": "call us"}]}, "/helplines/0/number"),
        ({"helplines": [LINE | {"name_en": "two\nlines"}]}, "/helplines/0/name_en"),
        ({"helplines": [LINE | {"verified_on": "yesterday"}]}, "/helplines/0/verified_on"),
        ({"helplines": [LINE | {"verified_on": "2026-08-09"}]}, "/helplines/0/verified_on"),
        ({"complaints": [{"to": "nowhere"}]}, "/complaints/0/to"),
        ({"languages": {"first": "fr"}}, "/languages/first"),
        ({"theme": {"accent": "red"}}, "/theme/accent"),
        ({"theme": {"accent": "#ffffff"}}, "/theme/accent"),
        ({"helpline": []}, "/helpline"),
    ],
)
async def test_what_no_page_can_show_is_refused_and_nothing_changes(
    desk: DeskOf, control: PlayedControl, said: Any, where: str
) -> None:
    status, body = await desk("engineer").ask("PUT", "/v1/settings", json=said)

    assert (status, body["where"]) == (422, where), body
    assert control.asked == []
    assert (await desk("engineer").ask("GET", "/v1/settings"))[1]["of_desk"] == []


@pytest.mark.parametrize("fault", ["fails", "refuses"])
async def test_a_change_that_is_stored_and_not_shown_everywhere_is_said_to_be_so(
    desk: DeskOf, control: PlayedControl, fault: str
) -> None:
    setattr(control, fault, "it is busy")

    status, body = await desk("engineer").ask("PUT", "/v1/settings", json={"theme": THEME})

    assert status == 503
    assert "it is busy; the change is stored" in body["detail"]


async def test_what_no_one_has_found_to_be_right_for_half_a_year_is_told(
    api: Desk, people: tuple[Signer, Signer], engine: Engine, clock: Clock
) -> None:
    _, made = await api.ask("PUT", "/v1/settings", json={"helplines": [LINE]} | WORDS)
    for each in people:
        await sign(api, made["id"], each)
    with writing(engine) as conn:
        look(conn, BY_PASSKEYS, int(NOW.timestamp()), NOW)
    _, body = await api.ask("GET", "/v1/settings")
    assert not any(late.startswith("helpline") for late in body["unverified"])

    clock.now += timedelta(days=179)
    _, body = await api.ask("GET", "/v1/settings")
    [late] = [late for late in body["unverified"] if late.startswith("helpline")]
    assert late.startswith("helpline 0800-12345: last found to be right on 2026-08-01, 181 days ago; call it")


def test_the_families_door_has_no_settings() -> None:
    assert not any("settings" in route.path for route in routes_of(Door.FAMILY))
