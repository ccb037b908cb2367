import json
from typing import Any

import pytest
from support.mgmt.desk import Clock, DeskOf

LINE = "/v1/subscribers/7"
PROFILE = "/v1/profiles/7"
DEVICES = "/v1/subscribers/7/devices"
BEDTIME = {"closed": [{"day": "mon", "from": "22:30", "to": "06:30"}]}
CHANGES: list[tuple[str, str, str, Any]] = [
    (LINE, "PUT", LINE, {"label": "New", "prefixes": ["192.0.2.7"]}),
    (LINE, "PUT", f"{LINE}/schedule", BEDTIME),
    (LINE, "DELETE", LINE, None),
    (PROFILE, "PATCH", PROFILE, {"safe_search": "strict"}),
    (DEVICES, "PUT", f"{DEVICES}/tablet", None),
    (DEVICES, "DELETE", f"{DEVICES}/tablet", None),
]


async def tag_of(desk: Any, path: str) -> str:
    status, headers, _ = await desk.raw("GET", path)
    assert status == 200
    return str(headers["ETag"])


@pytest.mark.parametrize(("place", "method", "path", "body"), CHANGES)
async def test_who_changes_what_another_has_changed_meanwhile_is_refused_and_the_other_loses_nothing(
    desk: DeskOf, place: str, method: str, path: str, body: Any
) -> None:
    api = desk("operator")
    await api.ask("PUT", f"{DEVICES}/tablet")
    seen = await tag_of(api, place)
    await api.ask("PATCH", PROFILE, json={"categories": ["gambling"]})
    await api.ask("PUT", f"{DEVICES}/phone")
    said = {"data": json.dumps(body).encode() if body is not None else None}

    status, _, octets = await api.raw(method, path, headers={"If-Match": seen}, **said)

    assert status == 412
    assert json.loads(octets)["type"] == "/v1/problems/changed-meanwhile"
    assert "If-Match: it is another one by now; nothing changed; " in json.loads(octets)["detail"]
    assert (await api.ask("GET", PROFILE))[1]["categories"] == ["gambling"]
    assert (await api.ask("GET", DEVICES))[1]["devices"] == ["phone", "tablet"]
    now = await tag_of(api, place)
    assert (await api.raw(method, path, headers={"If-Match": f'"other", {now}'}, **said))[0] in (200, 201)


async def test_a_client_that_has_it_already_is_answered_without_it(desk: DeskOf) -> None:
    api = desk("operator")
    for path in (LINE, PROFILE, DEVICES):
        tag = await tag_of(api, path)

        status, headers, octets = await api.raw("GET", path, headers={"If-None-Match": f'W/{tag}, "x"'})

        assert (status, headers["ETag"], octets) == (304, tag, b"")
        assert (await api.raw("GET", path, headers={"If-None-Match": '"x"'}))[0] == 200


async def test_the_tag_of_a_line_is_another_one_once_the_line_is_closed(desk: DeskOf, clock: Clock) -> None:
    api = desk("operator")
    await api.ask("PUT", f"{LINE}/schedule", json=BEDTIME)
    open_ = await tag_of(api, LINE)
    clock.forward(hours=2)

    assert await tag_of(api, LINE) != open_


@pytest.mark.parametrize(
    ("path", "body"), [("/v1/subscribers/9", b'{"label": "N", "prefixes": []}'), (f"{DEVICES}/tablet", None)]
)
async def test_what_is_only_to_be_created_is_not_put_in_the_place_of_another(
    desk: DeskOf, path: str, body: bytes | None
) -> None:
    api = desk("operator")
    only_new = {"If-None-Match": "*"}

    assert (await api.raw("PUT", path, headers=only_new, data=body))[0] == 201
    assert (await api.raw("PUT", path, headers=only_new, data=body))[0] == 412
    assert (await api.raw("DELETE", path))[0] == 200
    assert (await api.raw("PUT", path, headers={"If-Match": "*"}, data=body))[0] == 412


@pytest.mark.parametrize("said", ['W/"x"', "x", '"', '"x", y'])
async def test_a_condition_that_is_none_changes_nothing(desk: DeskOf, said: str) -> None:
    status, _, _ = await desk("operator").raw("PATCH", PROFILE, headers={"If-Match": said}, data=b"{}")

    assert status == 412
