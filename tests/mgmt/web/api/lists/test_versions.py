"""The versions of lists through the API, and going back to one: proposed by a token, signed by two passkeys."""

from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import EARLIER, GOOD, OLDEST, DeskOf, PlayedControl
from support.mgmt.signing import signer

from parental.store.database import writing

WORDS = {"version": EARLIER, "before": GOOD, "proposer": "amna@isp.example", "reason": "wrong", "reference": "T-1"}
AT = f"/v1/lists/pta/versions/{EARLIER}/difference"


@pytest.fixture(autouse=True)
def person(engine: Engine) -> None:
    with writing(engine) as conn:
        signer(conn, "amna", "compliance")


async def test_versions_and_what_going_back_would_change_are_shown(desk: DeskOf) -> None:
    api = desk("engineer")

    _, found = await api.ask("GET", "/v1/lists")
    status, difference = await api.ask("GET", AT)

    assert [each["list"] for each in found["lists"]] == ["pta", "iwf"]
    assert [each["version"] for each in found["lists"][0]["older"]] == [EARLIER, OLDEST]
    assert (status, difference["added"], difference["removed"], difference["held"]) == (200, 3, 103, {"protected": 1})
    assert [each["why"] for each in difference["changes"]] == ["protected", None, None]


async def test_a_proposal_says_what_is_signed_and_what_it_opens(desk: DeskOf) -> None:
    api = desk("engineer")

    status, made = await api.ask("POST", "/v1/lists/pta/rollbacks", json=WORDS)

    assert (status, made["kind"], made["due"], made["order"]) == (201, "rollback", "proposed", None)
    assert (made["list"], made["list_from"], made["list_to"]) == ("pta", GOOD, EARLIER)
    assert made["collateral"] == "opens 103, closes 3, of which rails stop 1" and made["challenge"]
    _, page = await api.ask("GET", "/v1/approvals")
    assert page["approvals"] == [made]


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "said"),
    [
        ("GET", "/v1/lists/none/versions/" + EARLIER + "/difference", None, 404, "not in the configuration"),
        ("GET", AT.replace(EARLIER, "b"), None, 404, "no such version"),
        ("GET", AT.replace("pta", "iwf"), None, 409, "sealed"),
        ("POST", "/v1/lists/none/rollbacks", WORDS, 404, "not in the configuration"),
        ("POST", "/v1/lists/pta/rollbacks", WORDS | {"before": OLDEST}, 422, "is in force by now"),
        ("POST", "/v1/lists/pta/rollbacks", WORDS | {"version": "d" * 64}, 422, "no earlier version"),
        ("POST", "/v1/lists/pta/rollbacks", WORDS | {"version": "d"}, 422, "/version"),
        ("POST", "/v1/lists/pta/rollbacks", WORDS | {"proposer": "eve@isp.example"}, 422, "eve@isp.example"),
    ],
)
async def test_what_cannot_be_done_says_why(
    desk: DeskOf, method: str, path: str, body: Any, status: int, said: str
) -> None:
    found, problem = await desk("engineer").ask(method, path, **({} if body is None else {"json": body}))

    assert found == status and said in problem["detail"]


async def test_where_control_gives_no_answer_it_is_said(desk: DeskOf, control: PlayedControl) -> None:
    control.fails = "is not there"

    status, problem = await desk("engineer").ask("GET", "/v1/lists")

    assert status == 503 and "control: is not there; nothing done" in problem["detail"]
