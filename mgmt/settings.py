"""Settings of the web role: the operator's name, addresses, and the owners of lists by law.

Invariants: agencies, numbers and addresses are values here, never literals in code; what is not configured is left out
of a page, not invented.
"""

from dataclasses import dataclass, field
from datetime import date

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What API, family page and splash know of the configuration.

    csam_log        what a CSAM block leaves behind; only "counts-only" lets the stop page say that it records no person
    has_tls         whether browsers reach the API and the parent's page by https
    dns_name        of the certificate of DNS over TLS and HTTPS; None: they are not served
    has_gate        whether a gate of this box looks at the paths of HTTP
    stops_names     whether a DNS front or a gate of this box stops traffic; a tap alone does not
    clients         prefixes of the subscribers, whom alone the splash tells a reason
    helplines       of the help strip of every page; changed in place by serve_helplines()"""

    isp_name: str = "Your internet provider"
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
    helplines: list[Helpline] = field(default_factory=lambda: list(HELPLINES))
    report_url: str | None = "complaint.fia.gov.pk"
    csam_log: str = COUNTS_ONLY
    csam_list_owner: str | None = None
    csam_list_owner_ur: str | None = None
    csam_list_owner_contact: str | None = None
    csam_reference: str = "STOP-1"
    iwf_portal_url: str | None = None
    self_help_url: str | None = None
