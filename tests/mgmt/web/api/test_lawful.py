"""The register of lawful requests over the API."""

import csv
import hashlib
import io
import json

import pytest
from sqlalchemy import Engine
from support.mgmt.desk import DeskOf
from support.mgmt.events import events_of

from parental.store.database import reading

PATH = "/v1/lawful-requests"
LETTER = {
    "authority": "=NCCIA",
    "reference": "NCCIA/2026/17",
    "basis": "PECA 2016, section 31",
    "kind": "interception",
    "issued": "2026-08-01",
}


async def test_a_request_is_written_down_answered_and_exported(engine: Engine, desk: DeskOf) -> None:
    status, row = await desk("compliance").ask("POST", PATH, json=LETTER)
    assert (status, row["id"], row["is_answered"], row["answer"]) == (201, 1, False, None)

    status, row = await desk("compliance").ask("POST", f"{PATH}/1/answer", json={"answer": "outside"})
    assert (status, row["answer"], row["is_answered"]) == (200, "outside", True)
    assert (await desk("auditor").ask("GET", PATH))[1] == {"requests": [row], "next": None}

    _, headers, octets = await desk("auditor").raw("GET", f"{PATH}/file")
    head, line = list(csv.reader(io.StringIO(octets.decode("utf-8-sig"))))
    assert dict(zip(head, line, strict=True))["authority"] == "'=NCCIA" and "outside this product" in line[-1]
    assert "lawful-requests.csv" in headers["Content-Disposition"]
    with reading(engine) as conn:
        pulled = events_of(conn, "pulls")[-1]
    assert pulled["said"] == {"requests": 1, "format": "csv", "sha256": hashlib.sha256(octets).hexdigest()}
    lines = (await desk("auditor").raw("GET", f"{PATH}/file?format=ndjson"))[2].splitlines()
    assert [json.loads(line) for line in lines] == [row]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"reference": "about 192.0.2.7"}, 422),
        ({"issued": "2027-01-01"}, 422),
        ({"kind": "tap"}, 422),
        ({"target": "somebody"}, 422),
        ({"authority": ""}, 422),
    ],
)
async def test_what_does_not_belong_there_is_refused(desk: DeskOf, change: dict[str, str], status: int) -> None:
    assert (await desk("compliance").ask("POST", PATH, json=LETTER | change))[0] == status
    assert (await desk("auditor").ask("GET", PATH))[1]["requests"] == []


async def test_a_letter_is_there_once_and_a_token_gives_no_answer_of_two_persons(desk: DeskOf) -> None:
    await desk("compliance").ask("POST", PATH, json=LETTER)

    assert (await desk("compliance").ask("POST", PATH, json=LETTER))[0] == 409
    for answer in ("hold", "records"):
        status, said = await desk("compliance").ask("POST", f"{PATH}/1/answer", json={"answer": answer})
        assert status == 409 and "/desk/lawful" in said["detail"]
    assert (await desk("compliance").ask("POST", f"{PATH}/2/answer", json={"answer": "nothing"}))[0] == 404


@pytest.mark.parametrize("role", ["engineer", "support", "regulator"])
async def test_others_do_not_see_it(desk: DeskOf, role: str) -> None:
    for method, path in (("GET", PATH), ("GET", f"{PATH}/file"), ("POST", PATH)):
        assert (await desk(role).ask(method, path, json=None if method == "GET" else LETTER))[0] == 403


async def test_auditors_and_approvers_write_nothing(desk: DeskOf) -> None:
    for role in ("auditor", "approver"):
        assert (await desk(role).ask("POST", PATH, json=LETTER))[0] == 403
