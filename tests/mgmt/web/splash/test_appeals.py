"""Appeals at the splash: a plain form, one answer for every address, and what leaves the process is sealed."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from support.mgmt.desk import NOW, Clock, PlayedReasons
from support.mgmt.outline import text_of
from support.mgmt.splash_page import met

from mgmt.registers.appeals.sealed import SEALED_OCTETS, Appeal, open_sealed
from mgmt.registers.settings.page_settings import Settings
from mgmt.web.splash.app import N_APPEALS, create_splash
from mgmt.web.splash.canned import canned_page
from mgmt.web.splash.pages import APPEAL

KEY = X25519PrivateKey.generate()
ADDRESS = "http://qzmarker.example/صفحہ?a=1"


@pytest.fixture
def settings(settings: Settings) -> Settings:
    public = KEY.public_key().public_bytes_raw()
    return replace(settings, clients=("127.0.0.0/8",), appeals_key=public, why_host="why.isp.example")


@pytest.fixture
async def splash(settings: Settings, reasons: PlayedReasons, clock: Clock) -> AsyncIterator[Any]:
    async with TestClient(TestServer(create_splash(settings, reasons, clock))) as client:
        yield client


def token_of(page: str) -> str:
    return page.partition(f'action="{APPEAL}"')[2].partition('name="token" value="')[2].partition('"')[0]


async def written(splash: Any, **fields: str) -> tuple[int, str]:
    """The answer to the form of the law's page, filled in."""
    _, _, page = await met(splash, "ordered.example")
    said = {"token": token_of(page), "address": ADDRESS, "contact": ""} | fields
    async with splash.post(APPEAL, data=said, headers={"Host": "ordered.example"}) as response:
        return response.status, await response.text()


async def test_the_page_of_the_law_takes_an_appeal_and_control_gets_it_sealed(
    splash: Any, reasons: PlayedReasons, settings: Settings
) -> None:
    status, page = await written(splash, contact="a@b.example")

    assert status == 200 and "Its number is" in text_of(page) and "ABCD2345" in page
    (sealed,) = reasons.appeals
    assert len(sealed) == SEALED_OCTETS and b"qzmarker" not in sealed
    assert open_sealed(sealed, KEY) == Appeal(ADDRESS, "a@b.example", settings.isp_name, NOW.replace(microsecond=0))


async def test_the_answer_is_the_same_for_a_listed_address_and_another_one(splash: Any) -> None:
    answers = {await written(splash, address=each) for each in ("ordered.example", "free.example", "کتاب")}

    assert len(answers) == 1
    assert "free.example" not in answers.pop()[1]


async def test_an_address_of_as_many_urdu_letters_as_the_page_says_is_taken(
    splash: Any, reasons: PlayedReasons
) -> None:
    status, _ = await written(splash, address="ک" * 1000, contact="ک" * 120)

    assert (status, len(reasons.appeals)) == (200, 1)


async def test_the_page_of_the_law_stays_one_for_every_name_and_says_what_is_sent(splash: Any) -> None:
    _, headers, page = await met(splash, "ordered.example")

    assert f'action="{APPEAL}"' in page and "form-action 'self'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers and "<script" not in page
    assert "of you nothing but what you write here" in text_of(page)


@pytest.mark.parametrize("host", ["free.example", "why.isp.example"])
async def test_who_looks_for_a_reason_finds_where_to_appeal(splash: Any, host: str) -> None:
    _, _, page = await met(splash, host, path="/")
    status, _, form = await met(splash, host, path=APPEAL)

    assert f'href="{APPEAL}"' in page
    assert status == 200 and token_of(form)


@pytest.mark.parametrize("group", ["order", "csam"])
def test_both_pages_of_the_gate_lead_there(settings: Settings, group: str) -> None:
    before, after = canned_page(group, settings, "ur")

    assert b'href="http://why.isp.example/filterd/appeal"' in before + after


async def test_without_a_key_no_page_asks_for_appeals_and_none_is_taken(
    splash: Any, settings: Settings, reasons: PlayedReasons
) -> None:
    _, _, page = await met(splash, "ordered.example")
    settings.appeals_key = None
    async with splash.post(APPEAL, data={"token": token_of(page), "address": ADDRESS}) as response:
        text = await response.text()

    assert reasons.appeals == [] and APPEAL not in text
    assert b"/filterd/appeal" not in b"".join(canned_page("csam", settings, "en"))


@pytest.mark.parametrize(
    "fields",
    [{"address": ""}, {"address": " \r\n\0"}, {"address": "x" * 2049}, {"contact": "x" * 257}, {"token": "of-another"}],
)
async def test_what_is_no_whole_appeal_is_not_sent_and_the_page_says_so(
    splash: Any, reasons: PlayedReasons, fields: dict[str, str]
) -> None:
    status, page = await written(splash, **fields)

    assert (status, reasons.appeals) == (400, [])
    assert "It was not sent." in text_of(page)


@pytest.mark.parametrize("octets", [b"address=" + b"x" * 20_000, b"", b"\xff\xfe", b"address=%ff%00"])
async def test_a_huge_or_broken_body_is_no_appeal(splash: Any, reasons: PlayedReasons, octets: bytes) -> None:
    kind = {"Host": "ordered.example", "Content-Type": "application/x-www-form-urlencoded"}
    async with splash.post(APPEAL, data=octets, headers=kind) as response:
        assert response.status == 400
    assert reasons.appeals == []


async def test_a_form_in_parts_which_could_go_through_a_file_is_not_read(splash: Any, reasons: PlayedReasons) -> None:
    _, _, page = await met(splash, "ordered.example")
    said = f'--b\r\nContent-Disposition: form-data; name="token"\r\n\r\n{token_of(page)}\r\n'
    said += f'--b\r\nContent-Disposition: form-data; name="address"\r\n\r\n{ADDRESS}\r\n--b--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}
    async with splash.post(APPEAL, data=said.encode(), headers=kind) as response:
        assert response.status == 400
    assert reasons.appeals == []


async def test_one_client_sends_so_many_and_no_more(splash: Any, reasons: PlayedReasons) -> None:
    _, _, page = await met(splash, "ordered.example")
    said = {"token": token_of(page), "address": ADDRESS}
    statuses = []
    for _ in range(200):
        async with splash.post(APPEAL, data=said) as response:
            statuses.append(response.status)

    assert len(reasons.appeals) == N_APPEALS and statuses[-1] == 503


async def test_where_too_many_wait_the_page_says_that_nothing_was_written_down(
    splash: Any, reasons: PlayedReasons
) -> None:
    reasons.is_full = True

    status, page = await written(splash)

    assert status == 503 and "Nothing was written down" in text_of(page)
