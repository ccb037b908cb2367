import io
import json

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import Desk, DeskOf, PlayedControl

from parental.policy import subscribers as store
from parental.store.database import reading

PATH = "/v1/provisioning"


@pytest.fixture
def api(desk: DeskOf) -> Desk:
    return desk("operator")


async def test_rows_are_taken_and_published_once_with_the_last_request(api: Desk, control: PlayedControl) -> None:
    rows = [{"id": number, "label": f"Flat {number}", "prefixes": [f"198.51.100.{number}"]} for number in (20, 21)]

    status, told = await api.ask("POST", PATH, json={"rows": rows[:1], "more": True})
    assert (status, told) == (200, {"new": 1, "changed": 0, "same": 0, "refused": [], "receipt": None})
    assert control.asked == []
    _, told = await api.ask("POST", PATH, json={"rows": rows})
    assert (told["new"], told["same"], told["receipt"]["generation"]) == (1, 1, 42)
    assert control.asked == ["policy_changed"]


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ([], "expected 'object'"),
        ({"label": "x", "prefixes": []}, "/id: missing; not taken"),
        ({"id": 7, "label": "x", "prefixes": ["192.0.2.1/24"]}, "no host bits"),
        ({"id": 7, "label": "x", "prefixes": "192.0.2.1"}, "/prefixes: expected 'array'"),
        ({"id": 7, "label": "", "prefixes": []}, "/label: expected 'str' of length >= 1"),
        ({"id": 7, "label": "x", "prefixes": [], "provinz": "PK-PB"}, "an unknown key; not taken; write province"),
        ({"id": 7, "label": "x", "prefixes": [], "province": "Punjab"}, "'Punjab' is not a code"),
        ({"id": 7, "label": "x", "prefixes": [], "categories": []}, "categories: a parent's wish; not taken"),
        ({"id": 7, "label": "x", "prefixes": [], "closed": []}, "closed: a parent's wish; not taken"),
    ],
)
async def test_a_row_that_cannot_be_understood_is_told_with_its_place(api: Desk, row: object, why: str) -> None:
    good = {"id": 20, "label": "x", "prefixes": []}

    _, told = await api.ask("POST", PATH, json={"rows": [good, row]})

    (refused,) = told["refused"]
    assert (told["new"], refused["row"], why in refused["detail"]) == (1, 1, True), refused


async def test_provisioning_leaves_pause_schedule_categories_and_children(
    api: Desk, desk: DeskOf, engine: Engine
) -> None:
    parent = desk("parent", 7)
    closed = {"closed": [{"day": "mon", "from": "20:00", "to": "22:00"}]}
    await parent.ask("PUT", "/v1/subscribers/7/schedule", json=closed)
    await parent.ask("POST", "/v1/subscribers/7/pause", json={"minutes": None})
    await api.ask("PATCH", "/v1/profiles/7", json={"categories": ["adult"], "safe_search": "strict", "canaries": True})
    _, body = await parent.ask("POST", "/v1/accounts/7/children", json={"nickname": "Ali"})
    path = f"/v1/accounts/7/children/{body['child']}"
    await parent.ask("POST", f"{path}/take", json={"line": 7, "prefix": "2001:db8:7::/48"})
    with reading(engine) as conn:
        before = store.get_subscriber(conn, 7).profile
    held = (await parent.ask("GET", "/v1/accounts/7"))[1]["children"]

    row = {"id": 7, "label": "New", "prefixes": ["198.51.100.7", "2001:db8:7::/48"]}
    assert (await api.ask("POST", PATH, json={"rows": [row]}))[1]["changed"] == 1
    await api.ask("PUT", "/v1/subscribers/7", json={"label": "Newer", "prefixes": row["prefixes"]})

    with reading(engine) as conn:
        assert store.get_subscriber(conn, 7).profile == before
    assert (await parent.ask("GET", "/v1/accounts/7"))[1]["children"] == held
    assert held[0]["has"] == [{"line": 7, "prefix": "2001:db8:7::/48"}]


async def test_a_request_is_one_event_of_numbers(api: Desk, engine: Engine) -> None:
    rows: list[object] = [{"id": number, "label": "Secret name", "prefixes": []} for number in (20, 21)]
    await api.ask("POST", PATH, json={"rows": rows})

    with reading(engine) as conn:
        texts = conn.exec_driver_sql("SELECT text FROM ledger_events").scalars().all()
    (event,) = [json.loads(text) for text in texts if "lines put" in text]
    assert (event["kind"], event["about"]) == ("people", {"lines": [20, 21]})
    assert "Secret" not in "".join(texts)


async def test_nobody_else_provisions_and_no_request_is_too_large(api: Desk, desk: DeskOf) -> None:
    for role, line in (("parent", 7), ("regulator", None), ("auditor", None)):
        assert (await desk(role, line).ask("POST", PATH, json={"rows": []}))[0] == 403
    assert (await api.ask("POST", PATH, json={"rows": [{}] * 1001}))[0] == 422
    assert (await api.raw("POST", PATH, data=io.BytesIO(b" " * (2**20 + 1))))[0] == 413
