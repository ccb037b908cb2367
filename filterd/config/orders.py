"""The part of the schema about orders: by when they are to be confirmed, and who is alarmed before that."""

from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from filterd.config import kinds
from filterd.config.kinds import Seconds
from filterd.config.spec import CONTROL, WEB, one, part, parts
from mgmt.orders.base.deadline_rules import ALARMS, DEADLINES, KINDS, LEAST_OF_ROLES, REVIEW_DAYS

MAX_CONTACTS = 50
MAX_DEADLINES = 200  # issuers and kinds, with their history
SHORTEST_S, LONGEST_S = 60, 366 * 86400
MOST_REVIEW_DAYS = 3653


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderDeadline:
    """For how long an order may take, where its letter says nothing."""

    within: Seconds = one(kinds.duration(SHORTEST_S, LONGEST_S))
    """From its receipt to its confirmation."""
    issuer: str | None = one(kinds.text, default=None)
    """Whose orders.   Left out: those of every issuer that has no deadline of its own."""
    kind: str | None = one(kinds.one_of(*KINDS), default=None)
    """Which of them.   Left out: both."""
    since: date | None = one(kinds.day, default=None)
    """For orders received from this day on, which may be in the future; the newest that has come counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """Who gets the alarms of orders: one of `mail` and `webhook`."""

    role: str = one(kinds.one_of(*LEAST_OF_ROLES))
    """At the desk; with `least`, it says which alarms are sent."""
    mail: str | None = one(kinds.mail_address, default=None)
    """An e-mail address; needs `/orders/mail/server`."""
    webhook: str | None = one(kinds.webhook, default=None)
    """Where alarms are posted as JSON, signed with this box's key: see docs/desk/orders.md."""
    ca: Path | None = one(kinds.path, default=None)
    """PEM: the authorities to trust of this webhook.   Left out: those of the system."""
    least: str | None = one(kinds.one_of(*ALARMS), default=None)
    """The first alarm that is sent, in percent of the time.   Left out: by role, 50 to compliance, 75 to an approver,
    90 to an engineer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """What takes this box's mails."""

    server: str | None = one(kinds.server, default=None)
    """HOST:PORT.   Left out: no mail is sent."""
    security: str = one(kinds.one_of("starttls", "tls", "none"), default="starttls")
    """none: for a server on this box alone."""
    sender: str | None = one(kinds.mail_address, default=None)
    """Whom the mails are from."""
    user: str | None = one(kinds.text, default=None)
    """As whom to sign in.   Left out: without."""
    password: Path | None = one(kinds.path, default=None)
    """A file with the password; only control reads it."""
    ca: Path | None = one(kinds.path, default=None)
    """PEM: the authorities to trust.   Left out: those of the system."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """Where orders are in force first; write it the same on every gateway with one database, but for `name`."""

    gateway: str | None = one(kinds.text, default=None)
    """The name of the gateway that tries them.   Left out: every order is in force everywhere at once."""
    name: str | None = one(kinds.text, default=None)
    """The name of this gateway.   Left out: its host name."""
    lasts: Seconds = one(kinds.duration(1, 86400), default=Seconds(600))
    """How long an order is tried, from when every worker there serves it."""
    most_blocks: int = one(kinds.whole_number(0, 10**9), default=1000)
    """An order that blocks more in one minute there is rolled back; a line counts once a second.   0: no limit"""
    most_times: int = one(kinds.whole_number(0, 10**6), default=0)
    """One that blocks in one minute more than so many times what all other orders block there in a minute, on average
    of the hour before, is rolled back, too; never below 100 blocks.   0: no limit"""


def _seconds(length: timedelta) -> Seconds:
    return Seconds(int(length.total_seconds()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What becomes of orders that wait; see docs/desk/orders.md."""

    deadlines: tuple[OrderDeadline, ...] = parts(
        OrderDeadline,
        MAX_DEADLINES,
        WEB,
        default=tuple(OrderDeadline(within=_seconds(each.within), kind=each.kind) for each in DEADLINES),
    )
    """Written, the list replaces the default as a whole: 48 h, and 12 h for emergencies."""
    review_days: int = one(kinds.whole_number(0, MOST_REVIEW_DAYS), WEB, default=REVIEW_DAYS)
    """After how many days an order that names no day is to be looked at again.   0: never"""
    canary: Canary = part(Canary, CONTROL)
    contacts: tuple[Contact, ...] = parts(Contact, MAX_CONTACTS)
    """Who gets the alarms of orders that are not confirmed yet."""
    mail: MailServer = part(MailServer)
