"""What types do not say of settings: addresses that lead somewhere, days that have come, colours that can be read."""

import re
from collections.abc import Iterator
from datetime import date, timedelta
from urllib.parse import urlsplit

from mgmt.contract.fields import unfit
from mgmt.registers.settings.page_settings import Theme
from mgmt.registers.settings.shapes import DeskSettings
from mgmt.text.contrast import LEAST, contrast
from mgmt.text.links import NUMBER, target_of

# What can be dialled: a short code (15, 1099, 1121), a number of 111 for all of the country, alone or behind a city's
# code, a national one with its 0, an international one with its +.   Source: PTA's numbering plan; E.164 for the last
_DIAL = "write a short code, a national number with its 0, or an international one with its +"
DIALLED = re.compile(r"[1-9][0-9]{1,4}|111[0-9]{6}|0[1-9][0-9]{6,9}|0[1-9][0-9]{1,2}111[0-9]{6}|\+[1-9][0-9]{7,14}")
# Of mgmt/web/kit/templates/style.css: what an accent is read on, or what is read on it.
LIGHT, DARK = ("#ffffff", "#f4f6f8"), ("#12161a", "#1c2228", "#062033")


def check(said: DeskSettings, today: date) -> None:
    """Refuse what no page can show.   today  by the operator's clocks.   Raises BadRequest"""
    for where, address in _addresses(said):
        if address is not None and target_of(address) is None:
            raise unfit(
                where, f"{address[:40]!r} is no address", "write an e-mail address, a telephone number or a URL"
            )
        if address is not None and NUMBER.fullmatch(address) and not is_dialled(address):
            raise unfit(where, f"{address!r} is no number that can be dialled", _DIAL)
    for where, day in _days(said):
        if day is not None and day > today + timedelta(days=1):  # it may be tomorrow already where the agency is
            raise unfit(where, f"{day} has not come yet", "write the day on which it was found to be right")
    for place, line in enumerate(said.helplines or ()):
        if not is_dialled(line.number):
            raise unfit(f"/helplines/{place}/number", f"{line.number!r} is no number that can be dialled", _DIAL)
    numbers = [line.number for line in said.helplines or ()]
    if len(set(numbers)) < len(numbers):
        raise unfit("/helplines", "a number is there twice", "write each once")
    if said.isp and said.isp.url is not None and not _is_page(said.isp.url):
        raise unfit("/isp/url", "no URL of a page", "write https://…")
    if said.theme:
        _check_colours(said.theme)


def is_dialled(number: str) -> bool:
    """Whether a telephone here reaches anyone by this number."""
    return DIALLED.fullmatch(re.sub("[ ()-]", "", number)) is not None


def _addresses(said: DeskSettings) -> Iterator[tuple[str, str | None]]:
    yield "/report_url", said.report_url or None
    for place, each in enumerate(said.complaints or ()):
        yield f"/complaints/{place}/to", each.to
    if stop := said.stop_page:
        for name in ("contact", "report_to", "portal", "take_down", "self_help"):
            yield f"/stop_page/{name}", getattr(stop, name)


def _days(said: DeskSettings) -> Iterator[tuple[str, date | None]]:
    for name in ("helplines", "complaints"):
        for place, each in enumerate(getattr(said, name) or ()):
            yield f"/{name}/{place}/verified_on", each.verified_on
    if said.stop_page:
        yield "/stop_page/verified_on", said.stop_page.verified_on


def _is_page(written: str) -> bool:
    try:
        parts = urlsplit(written)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname)


def _check_colours(theme: Theme) -> None:
    for name, colour, grounds in (("accent", theme.accent, LIGHT), ("accent_dark", theme.accent_dark, DARK)):
        least = LEAST if colour is None else min(contrast(colour, ground) for ground in grounds)
        if least < LEAST:
            raise unfit(f"/theme/{name}", f"a contrast of {least:.1f}", f"choose a colour with {LEAST} on our pages")
