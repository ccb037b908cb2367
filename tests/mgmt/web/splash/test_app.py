import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import ClientSession
from aiohttp.test_utils import TestClient, TestServer
from support.mgmt.desk import NOW, REPORT, Clock, PlayedReasons
from support.mgmt.outline import text_of
from support.mgmt.splash_page import met

from mgmt.contract.control import ClosureReason
from mgmt.registers.settings.page_settings import Settings
from mgmt.web.splash.app import BUDGET, N_REPORTS, create_splash
from mgmt.web.splash.pages import MISTAKE, TICKET


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, clients=("127.0.0.0/8",))


@pytest.mark.parametrize(
    ("host", "status", "said"),
    [
        ("ordered.example", 451, "This site is closed by law."),
        ("adult.example", 403, "Your family keeps this kind of page closed: adult content"),
        ("any.example", 511, "Internet opens at 6:30 am (9 hours 30 minutes left)"),
        ("paused.example", 511, "Paused by your family. You have not done anything wrong."),
        ("virus.example", 403, "closed for your safety"),
        ("free.example", 404, "There is no page here."),
    ],
)
async def test_each_reason_has_its_status_and_its_page_in_both_languages(
    splash: Any, host: str, status: int, said: str
) -> None:
    got, headers, text = await met(splash, host)

    assert got == status
    assert said in text_of(text)
    assert '<section id="ur" lang="ur" dir="rtl">' in text and '<section id="en" lang="en" dir="ltr">' in text
    assert 'href="tel:1121"' in text
    assert len(text.encode()) <= 30_000
    assert headers["Cache-Control"] == "no-store"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "Set-Cookie" not in headers
    assert not re.search(r"<script|<img|<link|src=|@import|url\(", text)


async def test_the_page_of_the_law_is_the_same_whatever_was_asked_for_and_says_whom_to_write_to(
    splash: Any, reasons: PlayedReasons
) -> None:
    reasons.closings["other.test"] = ClosureReason("law", "adult", None)

    one, other = await met(splash, "ordered.example", path="/secret"), await met(splash, "other.test")

    assert one[2] == other[2]
    assert {**one[1], "Date": ""} == {**other[1], "Date": ""}
    for word in ("ordered.example", "secret", "other.test"):
        assert word not in one[2]
    assert "content-complaint@pta.gov.pk" in one[2]
    assert one[1]["Link"] == '<https://isp.example>; rel="blocked-by"'


async def test_the_page_of_the_law_is_the_same_for_every_client(splash: Any) -> None:
    seen = {(await asked_from(splash, source, "ordered.example"))[1] for source in ("127.0.0.1", "127.1.2.3")}

    assert len(seen) == 1 and "closed by law" in seen.pop()


async def asked_from(splash: Any, source: str, host: str) -> tuple[str, str]:
    """Head and body of the page that a client of this address gets."""
    reader, writer = await asyncio.open_connection("127.0.0.1", splash.server.port, local_addr=(source, 0))
    writer.write(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    head, _, body = (await asyncio.wait_for(reader.read(), 60)).decode().partition("\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head, body


async def test_the_stop_page_is_not_to_be_had_by_asking(splash: Any, reasons: PlayedReasons) -> None:
    reasons.closings["hidden.test"] = ClosureReason("csam", None, None)  # which control never says

    _, _, text = await met(splash, "hidden.test")

    assert "There is no page here." in text and "child sexual abuse" not in text


async def test_who_is_no_subscriber_learns_nothing_and_control_is_not_asked(
    settings: Settings, reasons: PlayedReasons, clock: Clock
) -> None:
    settings = replace(settings, clients=("192.0.2.0/24",))
    async with TestClient(TestServer(create_splash(settings, reasons, clock))) as splash:
        seen = [await met(splash, host) for host in ("ordered.example", "adult.example", "free.example")]

    assert reasons.asked == []
    assert len({text for _, _, text in seen}) == 1
    assert "The reason cannot be shown right now" in seen[0][2]


async def test_a_client_that_tries_many_names_is_not_answered_and_is_counted_without_a_name(
    splash: Any, reasons: PlayedReasons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rules.base.budget.N_NAMES", 3)

    status = [(await met(splash, f"try{at}.example"))[0] for at in range(5)]
    again = (await met(splash, "try0.example"))[0]

    assert status == [404, 404, 404, 403, 403]
    assert again == 404
    assert len(reasons.asked) == 3  # the first one's answer is still good
    assert splash.app[BUDGET].take_beyond() == 2


@pytest.mark.parametrize(
    ("accept", "first"), [("en-US,en;q=0.9", "en"), ("ur-PK", "ur"), ("de, ur;q=0.2, en;q=0.1", "ur"), ("", "ur")]
)
async def test_the_language_asked_for_comes_first(splash: Any, accept: str, first: str) -> None:
    _, _, text = await met(splash, "adult.example", **{"Accept-Language": accept})

    assert re.findall(r'<section id="(..)"', text)[-1] == first, "the last section is the one that shows"
    assert f'<html lang="{first}"' in text


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND"])
async def test_every_method_and_path_gets_the_page(splash: Any, method: str) -> None:
    status, _, text = await met(splash, "adult.example", method, "/a/../%2e%2e/%ff//x?<script>alert(1)</script>")

    assert status == 403
    assert "<script" not in text


async def test_head_gets_the_head(splash: Any) -> None:
    status, _, text = await met(splash, "adult.example", "HEAD")

    assert (status, text) == (403, "")


@pytest.mark.parametrize("host", ["<script>alert(1)</script>", "a..b", "", "192.0.2.1", "[2001:db8::1]:80", "x" * 300])
async def test_a_host_that_is_no_name_is_not_printed_and_still_gets_a_page(
    splash: Any, reasons: PlayedReasons, host: str
) -> None:
    status, _, text = await met(splash, host)

    assert status == 404
    assert "<script" not in text
    assert reasons.asked[-1][0] is None


async def test_the_host_and_the_clients_address_are_what_control_is_asked_about(
    splash: Any, reasons: PlayedReasons
) -> None:
    await met(splash, "Adult.EXAMPLE.:80")

    assert reasons.asked == [("adult.example", "127.0.0.1")]


async def test_a_request_line_in_absolute_form_outranks_the_host_field(splash: Any, reasons: PlayedReasons) -> None:
    text = await spoken(splash, b"GET http://adult.example/x HTTP/1.1\r\nHost: other.example\r\n\r\n")

    assert text.startswith("HTTP/1.1 403 ")
    assert reasons.asked[-1][0] == "adult.example"


@pytest.mark.parametrize(
    "request_octets",
    [
        b"OPTIONS * HTTP/1.1\r\nHost: adult.example\r\n\r\n",
        b"GET / HTTP/1.0\r\nHost: adult.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: adult.example\r\n\r\nGET / HTTP/1.1\r\nHost: free.example\r\n\r\n",
    ],
)
async def test_odd_requests_get_one_page_and_the_connection_ends(splash: Any, request_octets: bytes) -> None:
    text = await spoken(splash, request_octets)

    assert re.match(r"HTTP/1.[01] 403 ", text)
    assert text.count("<!doctype html>") == 1


@pytest.mark.parametrize("framing", [b"Content-Length: 100000000", b"Transfer-Encoding: chunked"])
async def test_a_body_that_never_comes_is_not_waited_for(splash: Any, framing: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", splash.server.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: adult.example\r\n" + framing + b"\r\n\r\n5\r\n")

    text = await asyncio.wait_for(reader.readuntil(b"</html>"), 60)

    assert text.startswith(b"HTTP/1.1 403 ")
    writer.close()
    await writer.wait_closed()


async def spoken(splash: Any, octets: Any) -> Any:
    """Everything that is answered until the server closes."""
    reader, writer = await asyncio.open_connection("127.0.0.1", splash.server.port)
    writer.write(octets)
    text = (await asyncio.wait_for(reader.read(), 60)).decode()
    writer.close()
    await writer.wait_closed()
    return text


@pytest.mark.parametrize("state", ["dead", "hanging"])
async def test_without_control_there_is_a_generic_page_with_help(
    splash: Any, reasons: PlayedReasons, monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    monkeypatch.setattr("mgmt.web.splash.app.REASON_TIMEOUT_S", 0.05)
    reasons.fails = "connection refused"
    reasons.hangs = state == "hanging"

    status, _, text = await met(splash, "adult.example")

    assert status == 403
    assert "The reason cannot be shown right now" in text
    assert 'href="tel:1121"' in text


async def test_a_client_of_an_ipv6_socket_is_known_by_its_ipv4_address(
    settings: Settings, reasons: PlayedReasons, clock: Clock
) -> None:
    async with TestServer(create_splash(settings, reasons, clock), host="::") as server, ClientSession() as session:
        response = await session.get(f"http://127.0.0.1:{server.port}/")
        assert response.status == 404
        await response.read()

    assert reasons.asked[-1][1] == "127.0.0.1"


async def pressed(splash: Any, host: str, page: str, **changed: str) -> Any:
    """The answer to the button of a wrong block on a page, with these fields changed."""
    form = page.partition('<form id="mistake"')[2].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form)) | changed
    async with splash.post(MISTAKE, data=fields, headers={"Host": host, "Accept-Language": "en"}) as response:
        return response.status, await response.text()


async def test_a_wrong_block_is_reported_in_two_taps_and_gets_a_reference_and_a_day(
    splash: Any, reasons: PlayedReasons
) -> None:
    _, _, page = await met(splash, "adult.example")
    status, text = await pressed(splash, "adult.example", page)

    assert status == 200
    assert reasons.reported == [("category", "adult.example")]
    assert "Your reference is ABCD2345. Example ISP answers by Wednesday, 5 August 2026." in text_of(text)
    assert "Not who you are." in text and "http://why.isp.example/?ref=ABCD2345" in text


async def test_what_is_closed_by_law_is_reported_without_its_name(splash: Any, reasons: PlayedReasons) -> None:
    _, _, page = await met(splash, "ordered.example")
    _, text = await pressed(splash, "ordered.example", page, name="ordered.example")

    assert reasons.reported == [("law", None)]
    assert "ordered.example" not in text
    assert "Neither the address nor who you are." in text and "mailto:content-complaint@pta.gov.pk" in text


@pytest.mark.parametrize("changed", [{"token": "0" * 32}, {"token": ""}, {"reason": "security"}, {"name": "a..b"}])
async def test_a_report_that_comes_from_no_page_of_ours_is_not_written_down(
    splash: Any, reasons: PlayedReasons, changed: dict[str, str]
) -> None:
    _, _, page = await met(splash, "adult.example")
    status, text = await pressed(splash, "adult.example", page, **changed)

    assert (status, reasons.reported) == (403, [])
    assert "Your family keeps this kind of page closed" in text


async def test_one_client_reports_so_many_and_no_more(
    splash: Any, reasons: PlayedReasons, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, _, page = await met(splash, "adult.example")
    status = [(await pressed(splash, "adult.example", page, name=f"n{at}.example"))[0] for at in range(N_REPORTS + 2)]

    assert status == [200] * N_REPORTS + [503] * 2
    assert len(reasons.reported) == N_REPORTS


async def test_a_report_that_cannot_be_written_down_is_said_to_be_so(splash: Any, reasons: PlayedReasons) -> None:
    _, _, page = await met(splash, "adult.example")
    reasons.is_full = True

    status, text = await pressed(splash, "adult.example", page)

    assert status == 503 and "Nothing was written down" in text


@pytest.mark.parametrize("body", [b"x" * 10_000, b"token=%ff&reason=\xff", b""])
async def test_a_report_that_is_no_form_gets_the_page_again(splash: Any, reasons: PlayedReasons, body: bytes) -> None:
    async with splash.post(MISTAKE, data=body, headers={"Host": "adult.example"}) as response:
        assert response.status == 403
        assert "closed" in await response.text()

    assert reasons.reported == []


async def test_the_page_of_the_line_says_what_is_closed_for_it_and_why(
    splash: Any, reasons: PlayedReasons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mgmt.web.splash.recent_answers.KEPT_S", 0.0)
    why = "why.isp.example"
    _, _, open_ = await met(splash, why, path="/")
    _, _, named = await met(splash, why, path="/?name=https%3A%2F%2FAdult.example%2Fx")
    _, _, law = await met(splash, why, path="/?name=ordered.example")
    reasons.closings[None] = ClosureReason("pause", None, None)
    _, _, paused = await met(splash, why, path="/")

    assert "Your internet is open now." in open_
    assert "Your family keeps this kind of page closed" in named
    assert "This site is closed by law." in law and "ordered.example" not in law
    assert "Paused by your family." in paused
    assert [name for name, _ in reasons.asked] == [None, "adult.example", "ordered.example", None]


async def test_the_page_of_the_line_tells_no_more_names_than_the_splash(
    splash: Any, reasons: PlayedReasons, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rules.base.budget.N_NAMES", 2)

    status = [(await met(splash, "why.isp.example", path=f"/?name=n{at}.example"))[0] for at in range(4)]

    assert status == [404, 404, 403, 403]


async def test_who_has_the_reference_reads_the_answer(splash: Any, reasons: PlayedReasons) -> None:
    reasons.reports["ABCD2345"] = replace(REPORT, outcome="opened", answered=NOW)
    reasons.reports["WAIT2345"] = REPORT

    said = {
        ref: (await met(splash, "why.isp.example", path=f"/?ref={ref}"))[2] for ref in ("ABCD2345", "WAIT2345", "NO")
    }

    assert "It was a mistake. The site is open." in said["ABCD2345"]
    assert "answers by" in said["WAIT2345"]
    assert "There is no such reference." in said["NO"]


async def test_the_help_page_is_for_everybody_and_asks_control_nothing(
    settings: Settings, reasons: PlayedReasons, clock: Clock
) -> None:
    settings = replace(settings, clients=("192.0.2.0/24",))
    async with TestClient(TestServer(create_splash(settings, reasons, clock))) as splash:
        status, _, text = await met(splash, "help.isp.example")

    assert (status, reasons.asked) == (200, [])
    assert all(f'href="tel:{number}"' in text for number in ("1121", "1799", "1099", "080039393"))


async def ticket_token(splash: Any) -> str:
    """Of the page that a closed hour shows."""
    _, _, page = await met(splash, "any.example")
    found = re.search(r'action="/filterd/ticket">\s*<input type="hidden" name="token" value="([0-9a-f]+)"', page)
    assert found is not None
    return found[1]


async def typed(splash: Any, **fields: str) -> tuple[int, str]:
    async with splash.post(TICKET, headers={"Host": "any.example"}, data=fields) as response:
        return response.status, text_of(await response.text())


async def test_a_ticket_is_taken_from_the_page_of_a_closed_hour_in_both_languages(
    splash: Any, reasons: PlayedReasons
) -> None:
    _, headers, page = await met(splash, "any.example")
    assert page.count('action="/filterd/ticket"') == 2
    assert "میرے پاس ٹکٹ ہے" in page
    assert "form-action 'self'" in headers["Content-Security-Policy"]

    status, said = await typed(splash, token=await ticket_token(splash), code="123 456 789")

    assert (status, reasons.tickets) == (200, [("123 456 789", "127.0.0.1")])
    assert "The ticket gave 30 minutes." in said


async def test_a_code_that_is_not_good_is_said_so(splash: Any) -> None:
    status, said = await typed(splash, token=await ticket_token(splash), code="1")

    assert (status, "This code is not good here" in said) == (200, True)


async def test_a_ticket_from_another_site_is_not_taken(splash: Any, reasons: PlayedReasons) -> None:
    status, said = await typed(splash, token="0" * 32, code="123 456 789")

    assert (status, reasons.tickets) == (511, [])
    assert "Internet opens at" in said


async def test_a_client_that_tries_codes_is_told_to_come_later(splash: Any, reasons: PlayedReasons) -> None:
    token = await ticket_token(splash)
    statuses = [(await typed(splash, token=token, code=f"{n}"))[0] for n in range(N_REPORTS + 1)]

    assert statuses == [200] * N_REPORTS + [503]
    assert len(reasons.tickets) == N_REPORTS


@pytest.mark.parametrize("host", ["paused.example", "ordered.example", "virus.example", "free.example"])
async def test_a_page_that_a_ticket_does_not_open_has_no_field_for_one(splash: Any, host: str) -> None:
    assert TICKET not in (await met(splash, host))[2]


@pytest.mark.parametrize(
    ("path", "to"), [("/", "/family"), ("/x", "/family"), ("/family/mine?lang=ur", "/family/mine?lang=ur")]
)
async def test_who_types_the_name_of_the_family_pages_without_https_is_led_there(
    settings: Settings, reasons: PlayedReasons, clock: Clock, path: str, to: str
) -> None:
    own = replace(settings, family_pages={"family.isp.example": "https://family.isp.example"})
    async with TestClient(TestServer(create_splash(own, reasons, clock))) as splash:
        async with splash.get(path, headers={"Host": "Family.isp.example"}, allow_redirects=False) as led:
            assert (led.status, led.headers["Location"]) == (307, f"https://family.isp.example{to}")
        assert (await met(splash, "www.family.isp.example"))[0] == 404
    assert [name for name, _ in reasons.asked] == ["www.family.isp.example"]
