"""Legal holds at the desk: proposed in a form, read by whoever answers for records."""

import pytest
from sqlalchemy import Engine, select
from support.mgmt.desk import NOW
from support.mgmt.holds import HOLD, begin_hold, keep, two
from support.mgmt.staff_desk import Browser, Come

from mgmt.registers.records.holds.scope import Scope, scope_of
from parental.store.database import reading
from parental.store.schema.orders import approvals
from parental.store.schema.records import legal_holds

WORDS = {
    "since": "2026-07-01",
    "until": "2026-07-31",
    "list": "pta",
    "reason": "a court <asks>",
    "reference": "WP 1/2026",
    "ends": "2027-07-31",
}
FIRST_S, AFTER_S = 1782846000, 1785524400  # of July in Karachi


async def test_a_hold_is_proposed_for_whole_local_days_and_waits_for_two_signatures(
    browser: Browser, come: Come, engine: Engine
) -> None:
    come("compliance")

    status, text = await browser.send("/holds", csrf=await browser.csrf(), **WORDS)

    assert status == 200 and "These records of blocks stay" in text and "a court &lt;asks&gt;" in text
    assert "2026-06-30T19:00:00Z" in text and "are destroyed at their age" in text
    with reading(engine) as conn:
        row = conn.execute(select(approvals)).one()
        scope = scope_of(conn, row.hold)
    assert scope == Scope(FIRST_S, AFTER_S, list="pta")
    assert (row.kind, row.approver, row.proposer) == ("legal-hold", None, "compliance@isp.example")
    assert keep(engine) == []
    _, page = await browser.get("/holds")
    assert "Waiting for signatures: 1" in page and "In force: 0" in page and "nothing is kept for it yet" in page
    assert "hold 1" in (await browser.get("/approvals"))[1]


async def test_keys_stay_only_where_the_box_is_ticked(browser: Browser, come: Come, engine: Engine) -> None:
    come("approver")

    _, text = await browser.send("/holds", csrf=await browser.csrf(), **WORDS, keeps_keys="yes")

    assert "its pseudonyms can be matched to subscribers" in text
    with reading(engine) as conn:
        assert conn.execute(select(legal_holds.c.keeps_keys)).scalar_one()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"until": "2026-06-01"}, "until: not after since"),
        ({"until": ""}, "no day"),
        ({"ends": "2026-08-02"}, "ends: not within 366 days"),
        ({"ends": "2028-08-02"}, "ends: not within 366 days"),
        ({"order": "x"}, "no number"),
        ({"order": "7"}, "order 7: not found"),
        ({"subscriber": "0300"}, "no pseudonym"),
        ({"reference": " "}, "reference: missing"),
        ({"list": "a\u202eb"}, "write it plainly"),
        ({"since": "0000-01-01"}, "no day"),
    ],
)
async def test_what_cannot_be_kept_says_why_and_the_form_keeps_its_words(
    browser: Browser, come: Come, engine: Engine, words: dict[str, str], said: str
) -> None:
    come("compliance")

    status, text = await browser.send("/holds", csrf=await browser.csrf(), **(WORDS | words))

    assert status == 422 and said in text
    assert 'value="a court &lt;asks&gt;"' in text
    with reading(engine) as conn:
        assert conn.execute(select(legal_holds)).all() == []


async def test_one_in_force_is_shown_with_what_was_gone_and_its_end_is_proposed(
    browser: Browser, come: Come, engine: Engine
) -> None:
    number = begin_hold(engine, two(engine))
    come("engineer")
    csrf = await browser.csrf()

    _, text = await browser.get("/holds")
    assert "In force: 1" in text and "Records of before 2023-08-04T16:00:04Z had been destroyed" in text
    status, text = await browser.send(f"/holds/{number}/release", csrf=csrf, reason="over", reference="WP 1/2026")
    assert status == 200 and "This legal hold ends before its day" in text
    status, text = await browser.send("/holds/99/release", csrf=csrf, reason="over", reference="WP 1/2026")
    assert status == 422 and "hold 99: is not in force" in text
    assert keep(engine) == [HOLD.scope]


async def test_an_auditor_reads_holds_and_proposes_none_and_support_reads_none(
    browser: Browser, come: Come, engine: Engine
) -> None:
    begin_hold(engine, two(engine), HOLD._replace(reason="a court asks", ends=NOW.replace(year=2027)))
    come("auditor")
    csrf = await browser.csrf()

    status, text = await browser.get("/holds")
    assert status == 200 and "WP 1/2026" in text and "Propose one" not in text and "/approvals/" not in text
    assert (await browser.send("/holds", csrf=csrf, **WORDS))[0] == 403
    come("support")
    assert (await browser.get("/holds"))[0] == 403
