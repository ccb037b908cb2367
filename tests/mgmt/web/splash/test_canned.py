from dataclasses import replace
from typing import Any

import pytest

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.splash.canned import BY_DAY, REASON_GROUPS, canned_page
from mgmt.web.splash.pages import Facts, page

LAW, LOCK = b"451 Unavailable For Legal Reasons", b"511 Network Authentication Required"
STATUS = {"order": LAW, "csam": LAW, "schedule": LOCK, "pause": LOCK, "quota": LOCK}


@pytest.mark.parametrize("reason", REASON_GROUPS)
def test_a_canned_page_is_a_whole_response_that_ends_with_its_connection(settings: Settings, reason: Any) -> None:
    before, after = canned_page(reason, settings, "ur")

    head, _, body = (before + b"www.blocked.example" * bool(after) + after).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 " + STATUS.get(reason, b"403 Forbidden")
    assert b"Connection: close" in lines and b"Cache-Control: no-store" in lines
    assert not any(line.lower().startswith((b"content-length", b"transfer-encoding", b"set-cookie")) for line in lines)
    assert any(line.startswith(b"Link: <https://isp.example>") for line in lines) == (reason in ("order", "csam"))
    assert body.startswith(b"<!doctype html>") and body.rstrip().endswith(b"</html>")
    assert b'lang="ur" dir="rtl"' in body and b'lang="en" dir="ltr"' in body
    assert len(before) + len(after) <= 14_000 - 253


def test_the_stop_page_has_no_place_for_a_host(settings: Settings) -> None:
    before, after = canned_page("csam", settings, "ur")

    assert after == b""
    assert b"host.mark" not in before


@pytest.mark.parametrize("reason", sorted(set(REASON_GROUPS) - {"csam"}))
def test_the_host_stands_between_the_parts_isolated_from_the_writing_around_it(settings: Settings, reason: Any) -> None:
    before, after = canned_page(reason, settings, "ur")

    bare = canned_page(reason, replace(settings, why_host=None), "ur")

    assert bare[0].endswith(b'<bdi dir="ltr" class="long">') and bare[1].startswith(b"</bdi>")
    assert b"host.mark" not in before + after + b"".join(bare)


@pytest.mark.parametrize("reason", ["order", "category", "security"])
def test_the_button_of_a_wrong_block_takes_the_host_to_the_page_of_the_line(settings: Settings, reason: Any) -> None:
    before, after = canned_page(reason, settings, "ur")

    assert b'<form id="mistake" method="get" action="http://why.isp.example/">' in before
    assert before.endswith(b'<input form="mistake" name="name" value="') and after.startswith(b'" readonly')
    assert b"form-action http://why.isp.example/" in before
    assert b"form-action 'none'" in canned_page(reason, replace(settings, why_host=None), "ur")[0]


@pytest.mark.parametrize("reason", sorted(set(REASON_GROUPS) - {"category", "schedule", "pause"}))
def test_the_gate_and_the_web_have_one_text_for_a_reason(settings: Settings, reason: Any) -> None:
    before, after = canned_page(reason, replace(settings, why_host=None), "ur")
    injected = (before.partition(b"\r\n\r\n")[2] + b"a.example" * (reason != "csam") + after).decode()

    assert injected == page(Facts(reason, "a.example"), "ur", settings, BY_DAY)


@pytest.mark.parametrize("language", ["en", "ur"])
def test_a_canned_page_has_one_language_first_whatever_the_operator_s_is(settings: Settings, language: str) -> None:
    before, after = canned_page("order", settings, language)

    assert f'<html lang="{language}"'.encode() in before
    assert (before, after) == canned_page("order", replace(settings, first_language="en"), language)


def test_a_reason_without_a_page_and_texts_that_are_too_long_are_refused(settings: Settings) -> None:
    with pytest.raises(ValueError, match="no page for it"):
        canned_page("weather", settings, "ur")
    with pytest.raises(ValueError, match="more than 14000 octets"):
        canned_page("order", replace(settings, isp_name="x" * 4000), "ur")
