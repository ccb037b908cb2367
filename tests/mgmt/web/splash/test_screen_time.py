"""A child begins its screen time from a closed page."""

import re
from datetime import timedelta
from typing import Any

import pytest
from support.mgmt.desk import PlayedReasons
from support.mgmt.outline import text_of
from support.mgmt.splash_page import met

from mgmt.contract.control import ClosureReason
from mgmt.web.splash.pages import BEGIN, Facts

QUOTA = "quota.example"


async def begun(splash: Any, page: str, **changed: str) -> tuple[int, str]:
    token = re.findall(r'action="/filterd/begin"><input type="hidden" name="token" value="([^"]*)"', page)
    fields = {"token": token[0] if token else ""} | changed
    async with splash.post(BEGIN, data=fields, headers={"Host": QUOTA, "Accept-Language": "en"}) as response:
        return response.status, text_of(await response.text())


async def of_quota(splash: Any, reasons: PlayedReasons, left_s: int | None) -> str:
    reasons.closings[QUOTA] = ClosureReason("quota", None, None, left_s=left_s)
    _, _, page = await met(splash, QUOTA, **{"Accept-Language": "en"})
    return str(page)


async def test_what_is_left_is_said_and_one_tap_begins_it(splash: Any, reasons: PlayedReasons) -> None:
    page = await of_quota(splash, reasons, 5400)
    said = text_of(page)
    assert "Screen time has not begun" in said and "1 hour 30 minutes are left today." in said
    assert "used up, or" not in said and page.count(BEGIN) == 2

    status, said = await begun(splash, page)

    assert status == 200 and "60 minutes of screen time run now." in said and reasons.begun == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("left_s", "said"), [(0, "Today's time is used up You"), (None, "Today's time is used up, or has not begun.")]
)
async def test_what_is_used_up_or_not_known_is_called_so_and_nothing_begins(
    splash: Any, reasons: PlayedReasons, left_s: int | None, said: str
) -> None:
    page = await of_quota(splash, reasons, left_s)

    assert re.sub(r"\s+", " ", text_of(page)).count(said) == 1 and BEGIN not in page


async def test_what_comes_from_no_page_of_ours_begins_nothing(splash: Any, reasons: PlayedReasons) -> None:
    page = await of_quota(splash, reasons, 5400)

    assert (await begun(splash, page, token="0" * 32))[0] == 511
    assert reasons.begun == []


async def test_where_none_can_begin_the_page_comes_again(splash: Any, reasons: PlayedReasons) -> None:
    page = await of_quota(splash, reasons, 5400)
    reasons.minutes = 0

    assert (await begun(splash, page))[0] == 511


def test_what_is_left_is_part_of_what_a_page_is_kept_by() -> None:
    assert Facts("quota", left=timedelta(0)) != Facts("quota")
