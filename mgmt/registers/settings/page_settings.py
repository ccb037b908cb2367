"""What pages name: the operator, helplines, addresses for complaints, the owners of lists by law; and what else the
applications know of the configuration.

Invariants: agencies, numbers and addresses are values here, never literals in code or texts; what is not configured is
left out of a page, not invented; each has the date on which it was last found to be right, or none.  The fields of
PAGES, what can be closed and where families come in change while an application runs (serve_pages); the others do not.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from mgmt.contract.shapes import Line
from mgmt.orders.base.deadline_rules import Rules
from mgmt.text.accept import LANGUAGES
from rules.base.category import NUMBERS

COUNTS_ONLY = "counts-only"
VERIFIED_FOR = timedelta(days=180)  # numbers and addresses of agencies change; half a year is the most we vouch for
VERIFIED_ON = "The day on which it was last found to be right, not in the future; null: never."

VerifiedOn = Annotated[date | None, Meta(description=VERIFIED_ON)]
Address = Annotated[Line, Meta(description="An e-mail address, a telephone number or a URL.")]
Number = Annotated[str, Meta(max_length=20, pattern=r"^\+?[0-9][0-9-]{0,18}[0-9]$(?!\n)", description="As dialled.")]
Colour = Annotated[str, Meta(max_length=7, pattern=r"^#[0-9a-f]{6}$(?!\n)", description="#rrggbb, in small letters.")]


class Helpline(Struct, frozen=True, forbid_unknown_fields=True):
    """A number that a person in need can call.

    note         what else a caller should know, such as that it is free
    verified_on  when the operator last called it; None: never"""

    number: Number
    name_en: Line
    name_ur: Line
    note_en: Line | None = None
    note_ur: Line | None = None
    verified_on: VerifiedOn = None


# Where the operator configures none.  The first is for children; pages also name it by itself.
HELPLINES = (
    Helpline("1121", "child helpline", "بچوں کی ہیلپ لائن", "free", "مفت"),
    Helpline("1799", "cyber crime, NCCIA", "سائبر کرائم، این سی سی آئی اے", "earlier FIA 1991", "پہلے ایف آئی اے 1991"),
    Helpline("1099", "human rights", "انسانی حقوق"),
    Helpline("0800-39393", "Digital Rights Foundation", "ڈیجیٹل رائٹس فاؤنڈیشن", "free", "مفت"),
)


class Complaint(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a visitor complains about what an authority directs.   verified_on  when it last answered; None: never."""

    to: Address
    verified_on: VerifiedOn = None


COMPLAINTS = (Complaint("content-complaint@pta.gov.pk"),)


class StopPage(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the page of confidential lists names.

    owner, contact   of the list;   reference  that a complaint quotes
    law              of the offence;   report_to, report_way  where an address is reported, and how else
    portal, take_down, self_help   pages that help; None: not named
    log              what a block leaves behind; only "counts-only" lets the page say that it records no person
    verified_on      when all of it was last found to be right; None: never"""

    owner: Line | None = None
    owner_ur: Line | None = None
    contact: Address | None = None
    reference: Line = "STOP-1"
    law: Line | None = "PECA 2016, section 22"
    law_ur: Line | None = "پیکا 2016، دفعہ 22"
    report_to: Address | None = "reportchildporn@pta.gov.pk"
    report_way: Line = '(PTA), PTA complaint system – category "Child Abuse"'
    report_way_ur: Line | None = '(پی ٹی اے)، یا پی ٹی اے کے شکایتی نظام میں "Child Abuse" کے زمرے میں'
    portal: Address | None = None
    take_down: Address | None = "takeitdown.ncmec.org/ur"
    self_help: Address | None = None
    log: Literal["counts-only", "recorded"] = "counts-only"
    verified_on: VerifiedOn = None


class Theme(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Colours of links and buttons on light and on dark pages.   None: our own"""

    accent: Colour | None = None
    accent_dark: Colour | None = None


STOP_PAGE, THEME, CLOCKS = StopPage(), Theme(), Rules()
# The fields of Settings that pages show, and that the desk can change.
PAGES = (
    *("isp_name", "isp_name_ur", "isp_url", "isp_contact", "first_language"),
    *("helplines", "report_url", "complaints", "stop_page", "theme"),
)


@dataclass(slots=True, kw_only=True)
class Settings:
    """What API, family page and splash know of the configuration.

    has_tls         whether browsers reach the API and the parent's page by https
    dns_name        of the certificate of DNS over TLS and HTTPS; None: they are not served
    has_gate        whether a gate of this box looks at the paths of HTTP
    stops_names     whether a DNS front or a gate of this box stops traffic; a tap alone does not
    closable        categories and services that lists of this box are for, or that the gate enforces; which of them
                    are in force, the family pages ask control (mgmt.web.family.filter_state)
    clients         prefixes of the subscribers, whom alone the splash tells a reason
    helplines       of the help strip of every page
    phone_key       of parental.people.phones; None: no telephone number is taken
    country         of telephone numbers that are written without one
    further_languages  of the family pages, besides LANGUAGES (mgmt.text.slots)
    audio           folder of recordings of messages (mgmt.web.family.audio); None: none exist
    has_client_ca   whether clients of this door show a certificate (mgmt.web.kit.client_certificates)
    desk_origin     where browsers reach the desk (https://desk.isp.example), for passkeys; None: none exist
    clocks          deadlines of orders
    has_transparency  whether the public's page is shown (mgmt.registers.transparency)
    public_lists    ids of lists whose files are given to everyone;   public_folder  where these are
    appeals_key     public key that appeals are sealed with, 32 octets; None: no page asks for them
    why_host        name of the page where a line sees what is closed for it;   help_host  of the help page
    family_pages    name of the families' door → its origin (https://family.isp.example)"""

    isp_name: str = "Your internet provider"
    isp_name_ur: str | None = None
    isp_url: str | None = None
    isp_contact: str | None = None
    zone: str = "Asia/Karachi"
    first_language: str = "ur"
    has_tls: bool = False
    has_gate: bool = True
    stops_names: bool = True
    closable: frozenset[str] = frozenset(NUMBERS)
    dns_name: str | None = None
    protected_names: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    phone_key: bytes | None = field(default=None, repr=False)
    helplines: tuple[Helpline, ...] = HELPLINES
    country: str = "+92"
    report_url: str | None = "complaint.fia.gov.pk"
    complaints: tuple[Complaint, ...] = COMPLAINTS
    stop_page: StopPage = STOP_PAGE
    theme: Theme = THEME
    appeals_key: bytes | None = None
    why_host: str | None = None
    help_host: str | None = None
    family_pages: Mapping[str, str] = field(default_factory=dict)
    desk_origin: str | None = None
    has_client_ca: bool = False
    clocks: Rules = CLOCKS
    audio: Path | None = None
    further_languages: tuple[str, ...] = ()
    has_transparency: bool = False
    public_lists: tuple[str, ...] = ()
    public_folder: Path | None = None

    @property
    def family_languages(self) -> tuple[str, ...]:
        """That the family pages are offered in."""
        return (*LANGUAGES, *self.further_languages)

    @property
    def pages(self) -> tuple[object, ...]:
        """What pages show of this, to be compared and to be a key."""
        return tuple(getattr(self, name) for name in PAGES)

    def serve_pages(self, other: "Settings") -> None:
        """Show what `other` has, from now on, and offer what it can close."""
        for name in (*PAGES, "closable", "family_pages"):
            setattr(self, name, getattr(other, name))

    def unverified(self, today: date) -> Iterator[str]:
        """What pages name and no one has found to be right for VERIFIED_FOR: one sentence each."""
        for line in self.helplines:
            yield from _late(f"helpline {line.number}", line.verified_on, today, "call it")
        for place in self.complaints:
            yield from _late(f"complaints {place.to}", place.verified_on, today, "ask there")
        yield from _late("stop page", self.stop_page.verified_on, today, "look at its law, owner and addresses")


def _late(what: str, verified_on: date | None, today: date, act: str) -> Iterator[str]:
    if verified_on is None:
        yield f"{what}: no date is noted on which it was right; {act} and set verified_on"
    elif today - verified_on > VERIFIED_FOR:
        ago = (today - verified_on).days
        yield f"{what}: last found to be right on {verified_on}, {ago} days ago; {act} and set verified_on"
