"""Keys of the configuration that say what pages name: who takes complaints, who made a list, what the law is."""

from dataclasses import dataclass
from datetime import date

from filterd.config import kinds
from filterd.config.spec import GATE, SPLASH, one
from mgmt.registers.settings.page_settings import Settings

SETTINGS = Settings()  # the pages' own defaults
STOP_PAGE = SETTINGS.stop_page


@dataclass(frozen=True, slots=True, kw_only=True)
class Complaint:
    """Where a visitor complains about what an authority directs."""

    to: str = one(kinds.page_address)
    """As it is shown; it becomes a link."""
    verified_on: date | None = one(kinds.past_day, default=None)
    """When it last answered; none: `/v1/status` says so."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Appeals:
    """Where visitors say that an address is closed by law by mistake; see docs/desk/appeals.md."""

    key: str | None = one(kinds.appeals_key, (*GATE, *SPLASH), default=None)
    """What `filterd appeals key` has printed: an appeal is sealed with it, and this box cannot open it.   Left out: no
    page asks for appeals."""
    address: str | None = one(kinds.mail_address, default=None)
    """The e-mail address of who has the private key and passes appeals on; needs `/orders/mail/server`.   Left out: no
    appeal is mailed, and those that came wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPage:
    """What the page of confidential lists names.   A key that is left out has the value of
    `mgmt/registers/settings/page_settings.py`."""

    owner: str | None = one(kinds.text, default=None)
    """Who made the list; none: not named."""
    owner_ur: str | None = one(kinds.text, default=None)
    """The same in Urdu."""
    contact: str | None = one(kinds.page_address, default=None)
    """Where the list's owner takes complaints; none: `/isp/contact`."""
    reference: str = one(kinds.text, default=STOP_PAGE.reference)
    """What a complaint quotes: the same for each visitor."""
    law: str | None = one(kinds.text, default=STOP_PAGE.law)
    """Of the offence, as the page cites it."""
    law_ur: str | None = one(kinds.text, default=STOP_PAGE.law_ur)
    """The same in Urdu."""
    report_to: str | None = one(kinds.page_address, default=STOP_PAGE.report_to)
    """Where an address is reported."""
    report_way: str = one(kinds.text, default=STOP_PAGE.report_way)
    """What follows that address: whose it is, and how else to report."""
    report_way_ur: str | None = one(kinds.text, default=STOP_PAGE.report_way_ur)
    """The same in Urdu."""
    portal: str | None = one(kinds.page_address, default=None)
    """Of the IWF, for reports without a name."""
    take_down: str | None = one(kinds.page_address, default=STOP_PAGE.take_down)
    """Helps to remove pictures."""
    self_help: str | None = one(kinds.page_address, default=None)
    """For those who worry about their own thoughts."""
    log: str = one(kinds.one_of("counts-only", "recorded"), default=STOP_PAGE.log)
    """counts-only: nothing of a visitor is recorded, and the page says so.   recorded: the operator records visitors by
    other means, as a lawful order may direct; the page does not say that it records no one."""
    verified_on: date | None = one(kinds.past_day, default=None)
    """When all of this was last found to be right; none: `/v1/status` says so."""
