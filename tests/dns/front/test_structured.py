"""Structured errors: what each reason says, and that no text tells one confidential list from an order."""

import json

import pytest

from dns.front.structured import MAX_OCTETS, StructuredErrors, contact_uri
from fastpath.images.verdict import Reason

ISP = StructuredErrors("Example ISP", "help@isp.example")
SILENT = (Reason.DEFAULT, Reason.HELP)
SPEAKING = [reason for reason in Reason if reason not in SILENT]


@pytest.mark.parametrize("reason", SPEAKING)
def test_each_block_says_who_and_why_in_minified_json(reason: Reason) -> None:
    text = ISP.text(reason)
    said = json.loads(text)

    assert (said["c"], said["o"], said["l"]) == (["mailto:help@isp.example"], "Example ISP", "en")
    assert said["j"] and set(said) <= set("cjols")
    assert text == json.dumps(said, separators=(",", ":")).encode() and len(text) < 200


@pytest.mark.parametrize("reason", SILENT)
def test_what_is_no_block_says_nothing(reason: Reason) -> None:
    assert ISP.text(reason) == b""


def test_csam_and_orders_say_the_same_octets() -> None:
    assert ISP.text(Reason.CSAM) == ISP.text(Reason.ORDER)


def test_a_pause_and_a_schedule_say_the_same_octets() -> None:
    assert ISP.text(Reason.PAUSE) == ISP.text(Reason.SCHEDULE)


def test_only_blocked_has_a_sub_error() -> None:
    assert [reason for reason in Reason if b'"s":' in ISP.text(reason)] == [Reason.SECURITY]


def test_an_organisation_in_any_script_is_utf8() -> None:
    assert "پروائیڈر".encode() in StructuredErrors("پروائیڈر").text(Reason.ORDER)


@pytest.mark.parametrize(
    ("contact", "uri"),
    [
        ("help@isp.example", "mailto:help@isp.example"),
        (" help@isp.example ", "mailto:help@isp.example"),
        ("+92 51 111 000", "tel:+9251111000"),
        ("+92-51-(111)-000", "tel:+92-51-111-000"),
        ("0800-39393", None),
        ("https://isp.example/", None),
        ("mailto:help@isp.example", None),
        ("call us", None),
        ("15", None),
        ("", None),
    ],
)
def test_a_contact_becomes_the_uri_that_clients_know(contact: str, uri: str | None) -> None:
    assert contact_uri(contact) == uri


def test_a_contact_that_is_no_uri_is_left_out() -> None:
    assert set(json.loads(StructuredErrors("Example ISP", "call us").text(Reason.CATEGORY))) == set("jol")


def test_a_text_that_is_too_long_loses_the_organisation_first() -> None:
    said = json.loads(StructuredErrors("x" * MAX_OCTETS, "help@isp.example").text(Reason.SECURITY))

    assert set(said) == set("cjls")


def test_a_text_that_is_too_long_with_its_contact_says_nothing() -> None:
    assert StructuredErrors("Example ISP", "x" * MAX_OCTETS + "@isp.example").text(Reason.ORDER) == b""
    assert len(StructuredErrors("x" * 400, "help@isp.example").text(Reason.ORDER)) <= MAX_OCTETS
