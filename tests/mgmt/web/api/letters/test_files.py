"""An order as the file of its letter: each row told, the file kept as it came, what is no table refused and written."""

import hashlib
import json
from typing import Any

import pytest
from sqlalchemy import Engine, select
from support.lists.workbooks import table, workbook
from support.mgmt.desk import DeskOf

from filterd.client.api_client import form_of
from parental.store.database import reading
from parental.store.schema.ledger import events
from parental.store.schema.orders import orders

LETTER = b"""\xef\xbb\xbfS.No,URL,Letter No,Action\r
1,http://bad.example/,PTA/WA/123/2026,Block\r
2,https://video.example/watch?v=1,PTA/WA/123/2026,Block\r
3,no address,PTA/WA/123/2026,Block\r
4,shop.example,PTA/WA/123/2026,Unblock\r
5,bad.example.,PTA/WA/123/2026,Block\r
6,portal.isp.example,PTA/WA/123/2026,Block\r
"""
SAID = {"issuer": "PTA", "ground": "peca-37:decency"}


async def push(desk: Any, octets: bytes, name: str = "letter.csv", path: str = "?wait=9", **said: str) -> Any:
    body, kind = form_of(SAID | said, name, octets)
    status, _, answer = await desk.raw("POST", "/v1/order-files" + path, data=body, headers={"Content-Type": kind})
    return status, json.loads(answer)


async def test_each_row_of_a_file_has_its_status_and_its_place(desk: DeskOf) -> None:
    status, order = await push(desk("regulator"), LETTER)

    assert status == 201, order
    assert order["ref"] == "PTA/WA/123/2026"
    assert [(each["place"], each["status"]) for each in order["entries"]] == [
        ("2", "enforced"),
        ("3", "not_visible_over_https"),
        ("4", "invalid"),
        ("5", "invalid"),
        ("6", "duplicate"),
        ("7", "refused_protected"),
    ]
    assert "withdraw the order" in order["entries"][3]["reason"]
    assert order["steps"][-1]["state"] == "partially_enforced"


async def test_a_large_file_half_of_which_is_garbage_is_in_force_with_its_other_half(desk: DeskOf) -> None:
    rows = (f"site-{number}.example\n{number} is no address\n" for number in range(10_000))
    status, order = await push(desk("regulator"), "".join(["url\n", *rows]).encode(), ref="large")

    assert status == 201, order
    assert order["counts"] == {"enforced": 10_000, "invalid": 10_000}


async def test_the_file_is_kept_octet_for_octet_with_its_digest(desk: DeskOf, engine: Engine) -> None:
    api = desk("regulator")
    _, order = await push(api, LETTER, "پی ٹی اے.csv")

    sha256 = hashlib.sha256(LETTER).hexdigest()
    assert order["file"] == {"name": "پی ٹی اے.csv", "octets": len(LETTER), "encoding": "utf-8", "sha256": sha256}
    status, headers, octets = await api.raw("GET", f"/v1/orders/id/{order['id']}/file")
    assert (status, octets) == (200, LETTER)
    assert headers["Content-Disposition"].startswith("attachment; filename*=UTF-8''%D9%BE")
    with reading(engine) as conn:
        original = conn.execute(select(orders.c.original)).scalar_one()
    assert LETTER in original
    assert b'name="issuer"' in original


async def test_a_workbook_with_two_sheets_and_random_octets_in_its_name(desk: DeskOf) -> None:
    octets = workbook({"A": table(("URL",), ("a.example",)), "B": table(("URL",), ("b.example",), ("=1+1",))})
    status, order = await push(desk("operator"), octets, '../"\\x.xlsx', ref="7", scope="exact")

    assert status == 201
    assert [(each["place"], each["status"], each["scope"]) for each in order["entries"]] == [
        ("A:2", "enforced", "exact"),
        ("B:2", "enforced", "exact"),
        ("B:3", "invalid", None),
    ]
    assert order["file"]["encoding"] == "workbook"


async def test_the_same_file_again_gives_the_same_answer_and_another_one_is_refused(desk: DeskOf) -> None:
    api = desk("regulator")
    _, first = await push(api, LETTER)

    assert await push(api, LETTER) == (200, first)
    status, problem = await push(api, LETTER.replace(b"video", b"other"))
    assert (status, problem["where"]) == (409, "/ref")


@pytest.mark.parametrize(
    ("octets", "said", "where", "why"),
    [
        (b"%PDF-1.4", {"ref": "1"}, "/file", "a PDF"),
        (b"nothing here\nnor here\n", {"ref": "1"}, "/file", "no row of it is an entry"),
        (b"URL\na.example\n", {}, "/file", "no row names its letter"),
        (b"URL,Ref\na.example,1\nb.example,2\n", {}, "/file", r"rows of 2 letters (1, 2)"),
        (b"URL\na.example\n", {"ref": "1", "scope": "wide"}, "/scope", "invalid enum value"),
        (b"URL\na.example\n", {"ref": "1", "deadline": "today"}, "/deadline", "write 2026"),
        (b"URL\na.example\n", {"ref": "1", "deadline": "2020-01-01T00:00:00Z"}, "/deadline", "is past"),
        (b"URL\na.example\n", {"ref": "1", "colour": "red"}, "/colour", "unknown field"),
        (b"", {"ref": "1"}, "/file", "missing, empty"),
        (
            b"URL,Category\na.example,Sexual exploitation of children; child abuse\n",
            {"ref": "1"},
            "/file",
            "child abuse material",
        ),
        (b"Section 22 of PECA 2016\nURL,Date\na.example,1\n", {"ref": "1"}, "/file", "child abuse material"),
    ],
)
async def test_what_is_refused_is_told_with_its_place(
    desk: DeskOf, engine: Engine, octets: bytes, said: dict[str, str], where: str, why: str
) -> None:
    status, problem = await push(desk("regulator"), octets, **said)

    assert (status, problem["where"]) == (422, where), problem
    assert why in problem["detail"]
    with reading(engine) as conn:
        assert conn.execute(select(orders.c.id)).all() == []
        texts = "".join(conn.execute(select(events.c.text)).scalars())
    if where == "/file" and octets:
        assert '"file refused"' in texts
        assert hashlib.sha256(octets).hexdigest() in texts
        assert "a.example" not in texts


async def test_a_file_that_says_what_it_corrects_is_the_next_version_and_opens_what_it_leaves_out(desk: DeskOf) -> None:
    api = desk("regulator")
    _, first = await push(api, b"URL,Ref\none.test,P-1\ntwo.test,P-1\n")

    status, second = await push(api, b"URL,Ref,Corrects\none.test,P-2,P-1\nthree.test,P-2,P-1\n")

    assert (status, second["version"], second["state"]) == (201, 2, "enforced")
    _, before = await api.ask("GET", f"/v1/orders/id/{first['id']}")
    assert (before["state"], before["replaced_by"]) == ("replaced", second["id"])
    for octets, status, said in (
        (b"URL,Ref,Corrects\none.test,P-3,P-1\n", 409, "P-2 has corrected it"),
        (b"URL,Ref,Corrects\none.test,P-3,P-9\n", 422, "no order 'P-9'"),
        (b"URL,Ref,Corrects\none.test,P-3,P-1\ntwo.test,P-3,P-2\n", 422, "several letters"),
    ):
        found, problem = await push(api, octets)
        assert found == status and said in problem["detail"], problem


async def test_a_file_of_another_issuer_is_neither_taken_nor_shown(desk: DeskOf) -> None:
    status, _ = await push(desk("regulator"), LETTER, issuer="court")
    assert status == 403
    status, order = await push(desk("operator"), LETTER, issuer="court", ref="1")
    assert status == 201
    status, _, _ = await desk("regulator").raw("GET", f"/v1/orders/id/{order['id']}/file")
    assert status == 404


async def test_an_order_without_a_file_has_none_to_show(desk: DeskOf) -> None:
    api = desk("operator")
    _, order = await api.ask(
        "POST", "/v1/orders?wait=9", json={"issuer": "PTA", "ref": "1", "ground": "g", "entries": ["a.example"]}
    )

    assert order["file"] is None
    status, _, _ = await api.raw("GET", f"/v1/orders/id/{order['id']}/file")
    assert status == 404
