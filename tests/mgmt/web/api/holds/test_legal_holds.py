"""Legal holds over the API: proposed by a token, signed by two passkeys, read by auditors."""

from typing import Any

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import DeskOf
from support.mgmt.holds import begin_hold, keep, two
from support.mgmt.signing import Signer

AT = "/v1/audit/holds"
WORDS = {"proposer": "amna@isp.example", "reason": "a court asks", "reference": "WP 1/2026"}
SPAN = {"since": "2026-01-01T00:00:00+05:00", "until": "2026-08-01T00:00:00+05:00", "ends": "2027-08-01T00:00:00+05:00"}


@pytest.fixture(autouse=True)
def people(engine: Engine) -> tuple[Signer, Signer]:
    return two(engine)


async def test_a_hold_is_proposed_and_an_auditor_reads_that_it_waits(desk: DeskOf, engine: Engine) -> None:
    status, made = await desk("compliance").ask("POST", AT, json=WORDS | SPAN | {"list": "pta"})

    assert (status, made["kind"], made["due"], made["order"]) == (201, "legal-hold", "proposed", None)
    assert made["challenge"] and made["until"] == SPAN["ends"]
    _, found = await desk("auditor").ask("GET", AT)
    (hold,) = found["holds"]
    assert (hold["state"], hold["list"], hold["since"], hold["until"]) == (
        "waits",
        "pta",
        "2025-12-31T19:00:00Z",
        "2026-07-31T19:00:00Z",
    )
    assert keep(engine) == []


async def test_one_in_force_says_what_it_keeps_and_what_was_gone(
    desk: DeskOf, engine: Engine, people: tuple[Signer, Signer]
) -> None:
    number = begin_hold(engine, people)

    _, found = await desk("auditor").ask("GET", AT)
    (hold,) = found["holds"]
    assert (hold["hold"], hold["state"], hold["approver"]) == (number, "in force", "bilal@isp.example")
    assert hold["gone_before"] == "2023-08-04T16:00:04Z" and hold["since"] is None

    status, made = await desk("approver").ask("POST", f"{AT}/{number}/release", json=WORDS)
    assert (status, made["kind"], made["hold"]) == (201, "legal-hold-release", number)


@pytest.mark.parametrize(
    ("path", "body", "status", "said"),
    [
        (AT, WORDS | SPAN | {"until": SPAN["since"]}, 422, "until: not after since"),
        (AT, WORDS | SPAN | {"ends": "2026-08-01T00:00:00Z"}, 422, "ends: not within 366 days"),
        (AT, WORDS | SPAN | {"subscriber": "x" * 32}, 422, "no pseudonym"),
        (AT, WORDS | SPAN | {"subscriber": "7"}, 422, "32"),
        (AT, WORDS | SPAN | {"order": 9}, 422, "order 9: not found"),
        (AT, WORDS | SPAN | {"proposer": "nobody@isp.example"}, 422, "no person of the desk"),
        (AT + "/9/release", WORDS, 422, "is not in force"),
        (AT + "/x/release", WORDS, 422, "hold"),
    ],
)
async def test_what_cannot_be_proposed_says_why(
    desk: DeskOf, path: str, body: dict[str, Any], status: int, said: str
) -> None:
    found, answer = await desk("compliance").ask("POST", path, json=body)

    assert found == status and said in str(answer)
    _, holds = await desk("auditor").ask("GET", AT)
    assert holds == {"holds": []}


@pytest.mark.parametrize("role", ["support", "regulator"])
async def test_who_may_not_reads_none_and_an_auditor_proposes_none(desk: DeskOf, role: str) -> None:
    assert (await desk(role).ask("GET", AT))[0] == 403
    assert (await desk("auditor").ask("POST", AT, json=WORDS | SPAN))[0] == 403
