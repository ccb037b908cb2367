"""A part of an order that is withdrawn over the API: what a value means, as it was pushed or by name."""

from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import DeskOf

from mgmt.orders.base.live import live_entries
from mgmt.orders.base.model import name_text
from parental.store.database import reading

ORDER: dict[str, Any] = {"issuer": "PTA", "ref": "WA/1", "ground": "peca-37:decency"}
WITHDRAW = "/v1/orders/id/1/withdraw"


def live(engine: Engine) -> set[tuple[str, str | None]]:
    """(name, mode) of what is in force."""
    with reading(engine) as conn:
        return {(name_text(each.wire), each.mode) for each in live_entries(conn)}


@pytest.mark.parametrize("value", ["bad.example", "http://bad.example/", "BAD.example"])
@pytest.mark.parametrize("pushed", [["http://bad.example/", "bad.example"], ["bad.example", "http://bad.example/"]])
async def test_a_name_that_stands_twice_in_an_order_opens_by_either_spelling_and_by_another(
    desk: DeskOf, engine: Engine, pushed: list[str], value: str
) -> None:
    ask = desk("regulator").ask
    _, body = await ask("POST", "/v1/orders?wait=9", json=ORDER | {"entries": [*pushed, "other.example"]})
    assert [each["status"] for each in body["entries"]] == ["enforced", "duplicate", "enforced"]

    status, body = await ask("POST", WITHDRAW, json={"reason": "court", "entries": [value]})

    assert (status, body["withdrawn_now"], body["still_blocked"]) == (200, 1, [])
    assert [each["status"] for each in body["entries"]] == ["withdrawn", "duplicate", "enforced"]
    assert live(engine) == {("other.example", "subtree")}


@pytest.mark.parametrize(
    ("value", "stays"),
    [
        ("bad.example", {("bad.example/x/", "url"), ("bad.example/x/", "url-prefix")}),
        ("*.bad.example", {("bad.example", "exact"), ("bad.example/x/", "url"), ("bad.example/x/", "url-prefix")}),
        (
            "http://bad.example/x/",
            {("bad.example", "exact"), ("bad.example", "subtree"), ("bad.example/x/", "url-prefix")},
        ),
        ("bad.example/x/*", {("bad.example", "exact"), ("bad.example", "subtree"), ("bad.example/x/", "url")}),
        ("bad.example/x/", {("bad.example", "exact"), ("bad.example", "subtree")}),
    ],
)
async def test_a_name_means_all_its_entries_and_no_url_and_a_spelling_what_was_pushed_so(
    desk: DeskOf, engine: Engine, value: str, stays: set[tuple[str, str | None]]
) -> None:
    ask = desk("regulator").ask
    pushed = ["Bad.Example", "*.bad.example", "http://bad.example/x/", "bad.example/x/*"]
    await ask("POST", "/v1/orders?wait=9", json=ORDER | {"scope": "exact", "entries": pushed})
    assert len(live(engine)) == 4

    status, _ = await ask("POST", WITHDRAW, json={"reason": "court", "entries": [value]})

    assert status == 200
    assert live(engine) == stays
