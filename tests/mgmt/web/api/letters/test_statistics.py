"""/v1/order-statistics, as each role sees it."""

from datetime import timedelta

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW, DeskOf
from support.mgmt.orders import push

from parental.store.database import writing

PATH = "/v1/order-statistics"


async def test_a_regulator_sees_its_own_orders_and_the_desk_sees_all(desk: DeskOf, engine: Engine) -> None:
    with writing(engine) as conn:
        push(conn, "bad.example", at=NOW - timedelta(minutes=1))

    for role, issuers in (("regulator", ["PTA"]), ("compliance", ["PTA"]), ("auditor", ["PTA"])):
        status, said = await desk(role).ask("GET", PATH)
        assert (status, [each["issuer"] for each in said["issuers"]]) == (200, issuers)
    status, said = await desk("regulator").ask("GET", f"{PATH}?issuer=court")
    assert [each["issuer"] for each in said["issuers"]] == ["PTA"], "its own, whatever it asks for"
    assert (await desk("support").ask("GET", PATH))[0] == 403


@pytest.mark.parametrize(
    "span",
    [
        "since=2026-01-02T00:00:00Z&until=2026-01-01T00:00:00Z",
        "since=2020-01-01T00:00:00Z&until=2026-01-01T00:00:00Z",
        "until=0001-01-01T00:00:00Z",
        "since=9999-12-31T23:59:59Z&until=9999-12-31T23:59:59Z",
        "since=yesterday",
    ],
)
async def test_a_span_that_is_none_is_refused(desk: DeskOf, span: str) -> None:
    status, said = await desk("compliance").ask("GET", f"{PATH}?{span}")

    assert status == 422 and said["detail"]
