"""An address as an operator wrote it (e-mail, page, telephone number) as a link that works.

Invariants: every value is escaped; what is not one of the three stays text; no link but http, https, mailto and tel.
"""

import re

from markupsafe import Markup

from mgmt.text.direction import isolate, ltr

EMAIL = re.compile(r"[^\s@<>]+@[^\s@<>]+\.[^\s@<>]+")
NUMBER = re.compile(r"\+?[0-9][0-9 ()-]{2,24}")
PAGE = re.compile(r"(https?://)?([A-Za-z0-9-]+\.)+[A-Za-z]{2,}(:[0-9]{1,5})?(/\S*)?")
_LINK = Markup('<a href="{}">{}</a>')


def link(written: str) -> Markup:
    """The address as a link, written as it was."""
    target = target_of(written)
    if target is None:
        return isolate(written)
    return _LINK.format(target, ltr(written))


def target_of(written: str) -> str | None:
    """Where an address leads; None: it is no address."""
    if EMAIL.fullmatch(written):
        return f"mailto:{written}"
    if NUMBER.fullmatch(written):
        return dial(written)
    if PAGE.fullmatch(written):
        return written if written.startswith(("http://", "https://")) else f"https://{written}"
    return None


def dial(number: str) -> str:
    """A telephone number to be called.   Source: RFC 3966"""
    return "tel:" + re.sub(r"[^0-9+]", "", number)
