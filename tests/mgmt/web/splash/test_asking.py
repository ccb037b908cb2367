"""A child asks its family from a closed page."""

import re
from datetime import timedelta
from typing import Any

import pytest
from support.mgmt.desk import NOW, PlayedReasons
from support.mgmt.outline import text_of
from support.mgmt.splash_page import met

from mgmt.contract.control import ClosureReason, RequestStatus
from mgmt.web.splash.app import N_REPORTS
from mgmt.web.splash.pages import ASK, MISTAKE


async def asked(splash: Any, host: str, page: str, **changed: str) -> Any:
    """The answer to a reason that a child taps, with these fields changed."""
    form = page.partition('action="/filterd/ask"')[2].partition("</form>")[0]
    fields = (
        dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)) | {"why": "homework"} | changed
    )
    async with splash.post(ASK, data=fields, headers={"Host": host, "Accept-Language": "en"}) as response:
        return response.status, text_of(await response.text())


async def test_a_child_asks_for_a_page_or_for_minutes_and_reads_until_when_it_waits(
    splash: Any, reasons: PlayedReasons
) -> None:
    for host in ("adult.example", "any.example"):
        _, headers, page = await met(splash, host, **{"Accept-Language": "en"})
        assert "They cannot see your messages." in page and "form-action 'self'" in headers["Content-Security-Policy"]
        status, said = await asked(splash, host, page)
        assert status == 200 and "Sent to your parents. If there is no answer by Tuesday 9:00 pm" in said

    assert reasons.wanted == [
        (None, "adult.example", "homework", "127.0.0.1"),
        (30, None, "homework", "127.0.0.1"),
    ]


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (RequestStatus("yes", NOW + timedelta(minutes=15)), "Open until 9:15 pm."),
        (RequestStatus("yes"), "Your parents have opened the page"),
        (RequestStatus("no", NOW), "Not now."),
        (RequestStatus("lapsed", NOW), "There was no answer"),
    ],
)
async def test_the_closed_page_and_the_page_of_the_line_say_what_was_answered(
    splash: Any, reasons: PlayedReasons, answer: RequestStatus, said: str
) -> None:
    reasons.closings["adult.example"] = ClosureReason("category", "adult", None, answer)
    reasons.closings[None] = ClosureReason("default", None, None, answer)

    for host in ("adult.example", "why.isp.example"):
        assert said in text_of((await met(splash, host, path="/"))[2])


async def test_where_a_family_can_open_nothing_or_has_enough_nothing_is_sent(
    splash: Any, reasons: PlayedReasons
) -> None:
    _, _, page = await met(splash, "adult.example")
    reasons.answers = {"adult.example": RequestStatus("nothing")}
    assert (await asked(splash, "adult.example", page))[0] == 403
    reasons.answers = {"adult.example": RequestStatus("many")}
    status, said = await asked(splash, "adult.example", page)
    assert status == 429 and "Nothing was sent." in said
    for host in ("ordered.example", "virus.example", "free.example"):
        assert ASK not in (await met(splash, host))[2]


@pytest.mark.parametrize("changed", [{"token": "0" * 32}, {"why": "x"}, {"minutes": "999"}, {"name": "a..b"}])
async def test_what_comes_from_no_page_of_ours_asks_for_nothing(
    splash: Any, reasons: PlayedReasons, changed: dict[str, str]
) -> None:
    _, _, page = await met(splash, "adult.example")

    assert (await asked(splash, "adult.example", page, **changed))[0] == 403
    assert reasons.wanted == []


async def test_one_client_asks_so_often_and_no_more(splash: Any, reasons: PlayedReasons) -> None:
    _, _, page = await met(splash, "adult.example")

    status = [(await asked(splash, "adult.example", page))[0] for _ in range(N_REPORTS + 2)]

    assert status == [200] * N_REPORTS + [429] * 2
    assert len(reasons.wanted) == N_REPORTS


async def test_the_qr_code_of_a_ticket_fills_the_digits_in_where_a_ticket_can_open(
    splash: Any, reasons: PlayedReasons
) -> None:
    reasons.closings[None] = ClosureReason("schedule", None, None)

    _, _, page = await met(splash, "why.isp.example", path="/?ticket=123456789")
    _, _, other = await met(splash, "why.isp.example", path='/?ticket="><script>')

    assert page.count('name="code" value="123456789"') == 2
    assert other.count('name="code" value=""') == 2 and "<script" not in other


async def test_who_has_asked_too_often_can_still_say_that_a_block_is_a_mistake(
    splash: Any, reasons: PlayedReasons
) -> None:
    _, _, page = await met(splash, "adult.example")
    for _ in range(N_REPORTS + 1):
        await asked(splash, "adult.example", page)

    form = page.partition('<form id="mistake"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form))
    async with splash.post(MISTAKE, data=fields, headers={"Host": "adult.example"}) as response:
        assert response.status == 200
    assert len(reasons.reported) == 1


async def test_a_paused_child_can_ask_and_reads_that_a_yes_ends_the_pause_and_that_no_ticket_opens_it(
    splash: Any, reasons: PlayedReasons
) -> None:
    _, headers, page = await met(splash, "paused.example", **{"Accept-Language": "en"})
    said = text_of(page)

    assert "Ask for 30 minutes" in said and "Ask for 10 minutes" not in said and "I have a ticket" not in said
    assert "Minutes and tickets do not open a pause. If your parents say yes, they end the pause." in said
    assert "form-action 'self'" in headers["Content-Security-Policy"]
    assert "Sent to your parents." in (await asked(splash, "paused.example", page))[1]
    assert reasons.wanted == [(30, None, "homework", "127.0.0.1")]
