"""Pages that are the same for every visitor, written once a minute: a flood of requests is answered from here.

Invariants: a page with someone's name, category or report on it is written again each time, so that no one can tell by
the time it took what another has asked for; memory is bounded.
"""

from datetime import datetime

from mgmt.registers.settings.page_settings import Settings
from mgmt.web.splash.pages import NAMELESS, Facts, Form, page

MAX_PAGES = 64  # two languages of a handful of reasons
MINUTE_S = 60


class PageCache:
    """The pages of one application."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._pages: dict[tuple[object, ...], bytes] = {}

    def text(self, facts: Facts, language: str, now: datetime, *forms: Form | None) -> bytes:
        """As page(), of a time that is up to a minute ago where it is the same for all.   forms  its last arguments"""
        if facts.reason in NAMELESS:
            facts = Facts(facts.reason)
        if facts != Facts(facts.reason):
            return page(facts, language, self._settings, now, *forms).encode()
        fields = [(each.action, each.method, *each.fields.items()) for each in forms if each is not None]
        # What pages name changes while we run.
        key = (facts.reason, language, now.timestamp() // MINUTE_S, *fields, self._settings.pages)
        if key not in self._pages:
            if len(self._pages) >= MAX_PAGES:
                self._pages.clear()
            self._pages[key] = page(facts, language, self._settings, now, *forms).encode()
        return self._pages[key]
