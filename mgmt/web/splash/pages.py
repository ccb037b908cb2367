"""A reason and its facts in, a page out: one for each reason, the same from the splash and from the gate.

All languages are on one page; the first one shows, and a link shows another (`:target`), so that no request is needed.
Invariants: no script, no cookie, nothing loaded from anywhere; the page of the law and the CSAM page hold no name and
no number of a person or an address; every value is escaped; a page stays below 30 kB.  Only the gate shows the pages of
an order and of CSAM, to a client that has just been stopped there; the splash has one for both.
Source: semantics §5.3, §8.4 (the stop page); RFC 7725 (451, blocked-by), RFC 6585 §6 (511).
"""

import functools
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from markupsafe import Markup

from mgmt.contract.control import Report, RequestStatus
from mgmt.registers.settings.page_settings import COUNTS_ONLY, Helpline, Settings
from mgmt.text.language import Language, languages
from mgmt.web.kit.environment import environment

STATUS = {
    "order": 451,
    "csam": 451,
    "law": 451,
    "category": 403,
    "household": 403,
    "security": 403,
    "schedule": 511,
    "pause": 511,
    "quota": 511,
    "soft-lock": 403,
    "unknown": 403,
    "none": 404,
    "help": 200,
    "why": 200,
    "taken": 200,
    "full": 503,
    "report": 200,
    "ticket-open": 200,
    "ticket-unknown": 200,
    "ticket-kept": 200,
    "asked": 200,
    "begun": 200,
    "ask-many": 429,
    "appeal": 200,
    "appeal-bad": 400,
    "appealed": 200,
}
ICONS = {
    "order": "⚖️",
    "csam": "🛑",
    "law": "⚖️",
    "category": "🔒",
    "household": "🏠",
    "security": "🛡️",
    "schedule": "⏳",
    "pause": "⏸",
    "quota": "⏳",
    "soft-lock": "📚",
    "unknown": "❔",
    "none": "✅",
    "help": "☎️",
    "why": "✅",
    "taken": "✔️",
    "full": "⚠️",
    "report": "🔎",
    "ticket-open": "✅",
    "ticket-unknown": "🎫",
    "ticket-kept": "🎫",
    "asked": "🙋",
    "begun": "✅",
    "ask-many": "🙋",
    "appeal": "✉️",
    "appeal-bad": "⚠️",
    "appealed": "✔️",
}
TITLES = {
    "csam": "splash.csam.stop",
    "taken": "report.taken.title",
    "full": "report.full.title",
    "begun": "splash.ticket-open.title",
}
IMPOSED = ("order", "csam", "law")  # the answers that carry blocked-by
NAMELESS = ("csam", "law")
OF_THE_GATE = ("order", "csam")  # shown to no client that only asks
MISTAKABLE = ("order", "law", "category", "security")  # a family's own choice is the family's to change
NIGHT_FROM, NIGHT_TO = 20, 7
TICKETABLE = ("schedule", "quota", "soft-lock")  # what a ticket can open, and minutes that a family gives
PAUSE = "pause"  # which its end alone opens: a child can ask for that
NAMED = ("category", "household")  # what a family can open for good: a page
ASKABLE = (*TICKETABLE, PAUSE, *NAMED)
ASK_MINUTES = (30, 10)
ASK_WHYS = ("homework", "religion", "family", "play", "other")
# Every page that says so, and those of who looks for a reason: that one of them asks for appeals tells nothing.
APPEALABLE = (*IMPOSED, "why", "none")
TAKES_APPEALS = ("law", "appeal", "appeal-bad")
MISTAKE, TICKET, ASK, BEGIN = "/filterd/mistake", "/filterd/ticket", "/filterd/ask", "/filterd/begin"
APPEAL = "/filterd/appeal"

_templates = environment(Path(__file__).parent / "templates")
_macros: Any = _templates.get_template("macros.html").module


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page may say.   reason  a key of STATUS;   until  when a lock ends (aware);   report  of a wrong block

    minutes  that a ticket gave, or that began;   asked  what was asked of the family
    number   of an appeal
    left     of a quota: what can begin now; 0: used up; None: not known
    code     of a ticket, as its QR code has it; ''"""

    reason: str
    name: str | None = None
    category: str | None = None
    until: datetime | None = None
    report: Report | None = None
    minutes: int = 0
    asked: RequestStatus | None = None
    code: str = ""
    number: str = ""
    left: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Form:
    """Where the button of a wrong block leads.   fields  hidden ones"""

    action: str
    method: str = "post"
    fields: Mapping[str, str] = field(default_factory=dict)


def page(
    facts: Facts,
    language: str,
    settings: Settings,
    now: datetime,
    form: Form | None = None,
    ask: Form | None = None,
    appeal: Form | None = None,
) -> str:
    """The whole page, `language` first.   ask  where a child's request goes; None: nothing can be asked for

    Its screen time begins with the same token.   appeal  where an appeal goes, or with "get" is written; None: none"""
    here = ZoneInfo(settings.zone)
    if facts.reason in NAMELESS:
        facts = Facts(facts.reason)
    return _templates.get_template("page.html").render(
        facts=facts,
        title=_title(facts, now.astimezone(here)),
        icon=_icon(facts, now.astimezone(here)),
        settings=settings,
        languages=languages(language),
        help_of={t.code: _help(t, settings.helplines, settings.report_url) for t in languages(language)},
        counts_only=settings.stop_page.log == COUNTS_ONLY,
        form=form if facts.reason in MISTAKABLE else None,
        ticket=form if _takes_ticket(facts.reason, form) else None,
        ask=ask if facts.reason in ASKABLE else None,
        appeal=appeal,
        ask_minutes=() if facts.reason in NAMED else ASK_MINUTES[:1] if facts.reason == PAUSE else ASK_MINUTES,
        ask_whys=ASK_WHYS,
        begin=BEGIN if facts.left and ask else None,
        now=now.astimezone(here),
        until=None if facts.until is None else facts.until.astimezone(here),
        here=here,
    )


def headers(reason: str, settings: Settings, form: Form | None = None, ask: Form | None = None) -> dict[str, str]:
    """The header fields of a splash, as RFC 7725 and the reader's privacy ask."""
    found = {
        "Content-Type": "text/html; charset=utf-8",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "Content-Security-Policy": (
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'; "
            f"form-action {_form_action(reason, form, ask)}"
        ),
        "X-Content-Type-Options": "nosniff",
    }
    if reason in IMPOSED and settings.isp_url is not None:
        found["Link"] = f'<{settings.isp_url}>; rel="blocked-by"'
    return found


def is_night(at: datetime) -> bool:
    """Whether a closed hour is best called sleep time."""
    return at.hour >= NIGHT_FROM or at.hour < NIGHT_TO


@functools.lru_cache(maxsize=16)
def _help(t: Language, lines: tuple[Helpline, ...], report_url: str | None) -> tuple[Markup, Markup]:
    """The red bar, and all helplines: the same on every page."""
    bar = _macros.help_bar(t, lines[0]) if lines else Markup()
    return bar, _macros.tiles(t, lines, report_url)


def _takes_ticket(reason: str, form: Form | None) -> bool:
    return reason in TICKETABLE and form is not None and form.action == TICKET


def _form_action(reason: str, form: Form | None, ask: Form | None) -> str:
    if reason in ("why", *TAKES_APPEALS) or _takes_ticket(reason, form) or (reason in ASKABLE and ask is not None):
        return "'self'"
    if form is None or reason not in MISTAKABLE:
        return "'none'"
    return form.action if form.action.startswith("http://") else "'self'"


def _title(facts: Facts, now: datetime) -> str:
    if facts.reason == "schedule" and is_night(now):
        return "splash.schedule.sleep"
    if facts.reason == "quota" and not (facts.left is not None and not facts.left):
        return "splash.quota.ready.title" if facts.left else "splash.quota.either.title"
    if facts.reason == "report":
        return f"report.{_state(facts.report)}.title"
    return TITLES.get(facts.reason, f"splash.{facts.reason}.title")


def _icon(facts: Facts, now: datetime) -> str:
    return "🌙" if facts.reason == "schedule" and is_night(now) else ICONS[facts.reason]


def _state(report: Report | None) -> str:
    if report is None:
        return "unknown"
    return report.outcome or "open"
