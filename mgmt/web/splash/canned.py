"""The splash as bytes that the gate injects: a whole HTTP/1.1 response, cut where the host goes.

The response has no length; its end is the end of the connection.  The gate sends before + host + after, the host being
the canonical name (letters, digits, '-', '_', '.'), or `before` alone where `after` is empty.  It is the splash's own
page, without what only the database knows: of an order the gate has the number of its row alone.  The gate has one page
for each language to come first, and takes that which the browser asks for.  Its button of a wrong block leads to
`/splash/host`.

Invariants: at most 14,000 octets with the longest host; the CSAM page has no place for a host.
Source: RFC 9112 §6.3 (a response without a length), RFC 7725, RFC 6928 (an initial window is ten segments).
"""

from datetime import UTC, datetime
from http import HTTPStatus

from mgmt.registers.settings.page_settings import Settings
from mgmt.text.accept import LANGUAGES
from mgmt.web.splash.pages import APPEAL, IMPOSED, STATUS, Facts, Form, headers, page

REASON_GROUPS = (
    "order",
    "csam",
    "category",
    "schedule",
    "pause",
    "security",
    "quota",
    "household",
    "soft-lock",
)
HOST_MARK = "host.mark.invalid"  # RFC 2606: no name that can exist
MAX_HOST_OCTETS = 253
MAX_OCTETS = 14_000
BY_DAY = datetime(2000, 1, 1, 7, tzinfo=UTC)  # noon in Karachi: a canned page does not know whether it is night


def canned_page(reason_group: str, settings: Settings, language: str) -> tuple[bytes, bytes]:
    """(before the host, after the host) for one of REASON_GROUPS; ('all', b'') for csam.   language: which is first

    Raises ValueError for an unknown group, or texts that make the page too long."""
    if reason_group not in REASON_GROUPS:
        raise ValueError(
            f"reason {reason_group!r}: there is no page for it; none made; write one of {', '.join(REASON_GROUPS)}"
        )
    is_csam = reason_group == "csam"
    form = Form(f"http://{settings.why_host}/", "get") if settings.why_host else None
    facts = Facts(reason_group, None if is_csam else HOST_MARK)
    can_appeal = reason_group in IMPOSED and settings.appeals_key is not None and settings.why_host
    appeal = Form(f"http://{settings.why_host}{APPEAL}", "get") if can_appeal else None
    text = page(facts, language, settings, BY_DAY, form, appeal=appeal)
    before, mark, after = text.partition(HOST_MARK)
    if bool(mark) == is_csam or HOST_MARK in after:
        raise ValueError(f"splash {reason_group}: the template must print the host once, and never for csam")
    status = STATUS[reason_group]
    head = f"HTTP/1.1 {status} {_phrase(status)}\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in headers(reason_group, settings, form).items())
    head += "Connection: close\r\n\r\n"
    whole = head.encode("latin-1") + before.encode(), after.encode()
    if len(whole[0]) + len(whole[1]) + MAX_HOST_OCTETS > MAX_OCTETS:
        raise ValueError(
            f"splash {reason_group}: more than {MAX_OCTETS} octets; none made; shorten the texts of /isp and /splash"
        )
    return whole


def check_pages(settings: Settings) -> None:
    """Make each page that the gate would show, in each language.   Raises ValueError: one cannot be made"""
    for language in LANGUAGES:
        for reason_group in REASON_GROUPS:
            canned_page(reason_group, settings, language)


def _phrase(status: int) -> str:
    return HTTPStatus(status).phrase
