from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import NOW, Clock, DeskOf
from support.present import present

from mgmt.registers.records.wrong_blocks import report_mistake
from parental.store.database import writing


@pytest.fixture
def reference(engine: Engine) -> str:
    with writing(engine) as conn:
        return present(report_mistake(conn, "category", "a.example", NOW, "Asia/Karachi")).reference


async def test_the_desk_sees_each_report_with_its_day_and_answers_it(desk: DeskOf, reference: str) -> None:
    status, body = await desk("operator").ask("GET", "/v1/reports")

    assert status == 200 and body["next"] is None
    [report] = body["reports"]
    assert report == {
        "reference": reference,
        "reason": "category",
        "name": "a.example",
        "reported": "2026-08-03T21:00:03+05:00",
        "due": "2026-08-05",
        "outcome": None,
        "answered": None,
        "times": 1,
    }
    status, body = await desk("operator").ask("POST", f"/v1/reports/{reference}/answer", json={"outcome": "opened"})
    assert (status, body["outcome"], body["answered"]) == (200, "opened", "2026-08-03T21:00:03+05:00")


@pytest.mark.parametrize(("said", "status"), [({"outcome": "lost"}, 422), ({}, 422), ({"outcome": "kept"}, 404)])
async def test_an_answer_that_cannot_be_taken_is_refused(desk: DeskOf, said: Any, status: int) -> None:
    assert (await desk("operator").ask("POST", "/v1/reports/NOSUCH22/answer", json=said))[0] == status


async def test_the_status_says_how_many_wait_past_their_day(desk: DeskOf, reference: str, clock: Clock) -> None:
    async def notices() -> Any:
        return (await desk("operator").ask("GET", "/v1/status"))[1]["notices"]

    assert not any("reports" in notice for notice in await notices())
    clock.now += timedelta(days=3)
    assert "reports: 1 wait for an answer past its day; see GET /v1/reports" in await notices()
