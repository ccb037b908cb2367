"""Settings of the web role: the operator's name, addresses, and the owners of lists by law.

Invariants: agencies, numbers and addresses are values here, never literals in code or texts; what is not configured is
left out of a page, not invented; each has the date on which it was last found to be right, or none.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

LANGUAGES = ("en", "ur")  # that pages are written in
COUNTS_ONLY = "counts-only"


@dataclass(frozen=True, slots=True)
class Helpline:
    """A number that a person in need can call.

    note         what else a caller should know, such as that it is free
    verified_on  when the operator last called it; None: never"""

    number: str
    name_en: str
    name_ur: str
    note_en: str | None = None
    note_ur: str | None = None
    verified_on: date | None = None


# Where the operator configures none.  The first is for children; pages also name it by itself.
HELPLINES = (
    Helpline("1121", "child helpline", "بچوں کی ہیلپ لائن", "free", "مفت"),
    Helpline("1799", "cyber crime, NCCIA", "سائبر کرائم، این سی سی آئی اے", "earlier FIA 1991", "پہلے ایف آئی اے 1991"),
    Helpline("1099", "human rights", "انسانی حقوق"),
    Helpline("0800-39393", "Digital Rights Foundation", "ڈیجیٹل رائٹس فاؤنڈیشن", "free", "مفت"),
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """Where a visitor complains about what an authority directs.   verified_on  when it last answered; None: never."""

    to: str
    verified_on: date | None = None


COMPLAINTS = (Complaint("content-complaint@pta.gov.pk"),)


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPage:
    """What the page of confidential lists names.

    owner, contact   of the list;   reference  that a complaint quotes
    law              of the offence;   report_to, report_way  where an address is reported, and how else
    portal, take_down, self_help   pages that help; None: not named
    log              what a block leaves behind; only "counts-only" lets the page say that it records no person
    verified_on      when all of it was last found to be right; None: never"""

    owner: str | None = None
    owner_ur: str | None = None
    contact: str | None = None
    reference: str = "STOP-1"
    law: str | None = "PECA 2016, section 22"
    law_ur: str | None = "پیکا 2016، دفعہ 22"
    report_to: str | None = "reportchildporn@pta.gov.pk"
    report_way: str = '(PTA), PTA complaint system – category "Child Abuse"'
    report_way_ur: str | None = '(پی ٹی اے)، یا پی ٹی اے کے شکایتی نظام میں "Child Abuse" کے زمرے میں'
    portal: str | None = None
    take_down: str | None = "takeitdown.ncmec.org/ur"
    self_help: str | None = None
    log: str = COUNTS_ONLY
    verified_on: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What API, family page and splash know of the configuration.

    has_tls         whether browsers reach the API and the parent's page by https
    dns_name        of the certificate of DNS over TLS and HTTPS; None: they are not served
    has_gate        whether a gate of this box looks at the paths of HTTP
    stops_names     whether a DNS front or a gate of this box stops traffic; a tap alone does not
    clients         prefixes of the subscribers, whom alone the splash tells a reason
    helplines       of the help strip of every page; changed in place by serve_helplines()
    phone_key       of parental.people.phones; None: no telephone number is taken
    has_client_ca   whether clients of this door show a certificate (mgmt.client_certificates)
    desk_origin     where browsers reach the desk (https://desk.isp.example), for passkeys; None: there are none
    why_host        name of the page where a line sees what is closed for it;   help_host  of the help page"""

    isp_name: str = "Your internet provider"
    isp_name_ur: str | None = None
    isp_url: str | None = None
    isp_contact: str | None = None
    zone: str = "Asia/Karachi"
    first_language: str = "ur"
    has_tls: bool = False
    has_gate: bool = True
    stops_names: bool = True
    dns_name: str | None = None
    protected_names: tuple[str, ...] = ()
    clients: tuple[str, ...] = ()
    phone_key: bytes | None = field(default=None, repr=False)
    helplines: list[Helpline] = field(default_factory=lambda: list(HELPLINES))
    report_url: str | None = "complaint.fia.gov.pk"
    complaints: tuple[Complaint, ...] = COMPLAINTS
    stop_page: StopPage = StopPage()
    why_host: str | None = None
    help_host: str | None = None
    desk_origin: str | None = None
    has_client_ca: bool = False

    def unverified(self) -> Iterator[str]:
        """What pages name and nobody has noted to be right: one sentence each."""
        for line in self.helplines:
            if line.verified_on is None:
                yield f"helpline {line.number}: no date is noted on which it answered; call it and set verified_on"
        for place in self.complaints:
            if place.verified_on is None:
                yield f"complaints {place.to}: no date is noted on which it answered; ask there and set verified_on"
        if self.stop_page.verified_on is None:
            yield "stop page: no date is noted on which its law, owner and addresses were right; set verified_on"
