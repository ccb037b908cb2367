"""A reason and its facts in, a bilingual page out.

Invariants: no script, no cookie, nothing loaded from anywhere; the page of the law and the CSAM page hold no name and
no number of a person or an address; every value is escaped; a page stays below 30 kB, a compact one below 8 kB.  Only
the gate shows the pages of an order and of CSAM, to whoever has just been stopped there; the splash has one for both.
Source: semantics §5.3, §8.4 (the stop page); RFC 7725 (451, blocked-by).
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from mgmt.language import LANGUAGES, isolate
from mgmt.settings import COUNTS_ONLY, Settings
from mgmt.splash.words import answer_due, category_words, is_night, remaining, when

CSP = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
STATUS = {
    "order": 451,
    "csam": 451,
    "law": 451,
    "category": 403,
    "schedule": 403,
    "pause": 403,
    "security": 403,
    "unknown": 403,
    "none": 404,
}
IMPOSED = ("order", "csam", "law")  # the answers that carry blocked-by
NAMELESS = ("csam", "law")
OF_THE_GATE = ("order", "csam")  # told to nobody who merely asks

_templates = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_templates.filters["isolate"] = isolate


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page may say.   reason  a key of STATUS;   until  when a lock ends (aware)."""

    reason: str
    name: str | None = None
    category: str | None = None
    until: datetime | None = None


def page(facts: Facts, language: str, settings: Settings, now: datetime) -> str:
    """The whole page, `language` first."""
    return _render("page.html", facts, language, settings, now)


def compact_page(facts: Facts, settings: Settings) -> str:
    """The page in short, for one packet or few; it says nothing that only the database knows."""
    return _render("compact.html", facts, settings.first_language, settings, datetime.now(ZoneInfo(settings.zone)))


def headers(reason: str, settings: Settings) -> dict[str, str]:
    """The header fields of a splash, as RFC 7725 and the reader's privacy ask."""
    found = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": CSP,
        "X-Content-Type-Options": "nosniff",
    }
    if reason in IMPOSED and settings.isp_url is not None:
        found["Link"] = f'<{settings.isp_url}>; rel="blocked-by"'
    return found


def _render(template: str, facts: Facts, language: str, settings: Settings, now: datetime) -> str:
    here = ZoneInfo(settings.zone)
    now, until = now.astimezone(here), None if facts.until is None else facts.until.astimezone(here)
    of_lock: dict[str, Any] = {"is_night": is_night(now), "time": None, "remaining": None, "is_morning": False}
    if until is not None:
        of_lock |= {"time": when(now, until), "remaining": remaining(now, until), "is_morning": 4 <= until.hour < 12}
    return _templates.get_template(template).render(
        facts=facts if facts.reason not in NAMELESS else Facts(facts.reason),
        settings=settings,
        languages=(language, *(other for other in LANGUAGES if other != language)),
        category=category_words(facts.category),
        counts_only=settings.csam_log == COUNTS_ONLY,
        due=answer_due(now.date()).isoformat(),
        **of_lock,
    )
