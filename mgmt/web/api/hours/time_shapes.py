"""Time: cards, dates, exceptions, screen time and tickets: what is said of them, and as what they are given."""

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from mgmt.contract.shapes import Instant, Receipt
from mgmt.web.api.line_shapes import Day
from parental.calendar.card import MAX_ALLOWED, MAX_CARDS, MAX_LABEL
from parental.calendar.day_sets import MAX_RANGES, MOST_SHIFT
from parental.calendar.exceptions import MAX_MORE, SpanKind
from parental.calendar.quota import MAX_MINUTES
from parental.calendar.tickets import MAX_AT_ONCE

EVERY_DAY: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
DaySetName = Literal["school", "holidays", "ramadan", "exams"]
RangeName = Literal["holidays", "ramadan", "exams"]
TurnName = Literal["suhoor", "iftar"]
KindName = Literal["sleep", "homework", "school", "prayer", "other"]
Clock = Annotated[str, Meta(max_length=8, description="9:30 pm, or 21:30.")]
Weekdays = Annotated[list[Day], Meta(min_length=1, max_length=7)]
Words = Annotated[dict[str, str], Meta(description="By language: en, ur.")]
DaySets = Annotated[list[DaySetName], Meta(min_length=1, max_length=4)]
SchoolDays = Annotated[list[Day], Meta(max_length=7)]
TicketState = Literal["unused", "used", "revoked", "expired"]
MoreMinutes = Annotated[int, Meta(ge=1, le=MAX_MORE)]
Allowed = Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=MAX_ALLOWED)]


class Card(Struct, forbid_unknown_fields=True, kw_only=True):
    """A closed time, like an alarm."""

    kind: KindName
    label: Annotated[str, Meta(max_length=MAX_LABEL, description="The name of a card of kind other; else empty.")] = ""
    days: Annotated[Weekdays, Meta(description="Left out: every day.")] = field(default_factory=lambda: list(EVERY_DAY))
    from_: Clock = field(name="from")
    to: Annotated[Clock, Meta(description="Of that day or the next.")]
    day_sets: Annotated[DaySets, Meta(description="Left out: school days.")] = field(default_factory=lambda: ["school"])
    is_on: bool = True
    allowed: Annotated[Allowed | None, Meta(description="Categories that stay open; null: nothing does.")] = None
    pack: Annotated[
        Annotated[str, Meta(max_length=60)] | None,
        Meta(description="Of a school: hours of a pack in place of its own, where it knows them."),
    ] = None
    begins: Annotated[TurnName | None, Meta(description="In place of `from`, where the city is known.")] = None
    ends: Annotated[TurnName | None, Meta(description="In place of `to`, on the same of the two days.")] = None


class CardView(Struct, kw_only=True):
    """A card as it is kept."""

    id: int
    kind: KindName
    label: str
    name: Words
    days: list[Day]
    from_: Annotated[str, Meta(description="HH:MM")] = field(name="from")
    to: Annotated[str, Meta(description="HH:MM")]
    hours: Words
    day_sets: list[DaySetName]
    is_on: bool
    allowed: list[str] | None
    pack: str | None
    begins: TurnName | None
    ends: TurnName | None


class Dates(Struct, forbid_unknown_fields=True, kw_only=True):
    """Dates of one kind, both ends included."""

    day_set: RangeName
    first: date
    last: Annotated[date | None, Meta(description="null: until it is ended.")] = None


Ranges = Annotated[list[Dates], Meta(max_length=MAX_RANGES)]


class HouseholdDates(Struct, forbid_unknown_fields=True, kw_only=True):
    """Which kind of day a date is for a household; what is not said is as it is by default."""

    school_days: Annotated[SchoolDays, Meta(description="Left out: mon to fri.")] = field(
        default_factory=lambda: list(EVERY_DAY[:5])
    )
    dates: Ranges = []
    follows_announced: Annotated[bool, Meta(description="The operator's dates hold, too.")] = True
    shift_days: Annotated[
        Annotated[int, Meta(ge=-MOST_SHIFT, le=MOST_SHIFT)],
        Meta(description="By which the moon is sighted later than announced."),
    ] = 0
    city: Annotated[
        Annotated[str, Meta(max_length=40)] | None, Meta(description="Whose suhoor and iftar hold; null: not said.")
    ] = None


class OperatorDates(Struct, forbid_unknown_fields=True):
    """The operator's dates."""

    dates: Ranges


class ShownDates(Struct, kw_only=True):
    """A household's dates, and what it follows of the operator's."""

    school_days: list[Day]
    dates: list[Dates]
    follows_announced: bool
    shift_days: int
    city: str | None
    announced: list[Dates]
    today: Annotated[DaySetName, Meta(description="The kind of today, before cards are asked.")]


class ChangedDates(Struct, kw_only=True):
    """The same, after a change that is in force."""

    dates: ShownDates
    receipt: Receipt


class ChangedOperatorDates(Struct, kw_only=True):
    """The operator's dates, in force; households see it within the minute."""

    dates: list[Dates]
    receipt: Receipt


class Season(Struct, kw_only=True):
    """Hours of a pack."""

    notified_for: str
    source: str
    is_ramadan: bool
    first: Annotated[str | None, Meta(description="MM-DD; null: Ramadan's.")]
    last: str | None
    hours: Annotated[dict[str, list[str]], Meta(description="Day: from and to, HH:MM.")]


class Pack(Struct, kw_only=True):
    """School hours of a province."""

    pack: str
    province: str
    name: Words
    verified_on: date
    seasons: list[Season]


class City(Struct, kw_only=True):
    """A city, with its suhoor and iftar of today."""

    city: str
    name: Words
    suhoor: Annotated[str, Meta(description="HH:MM, when it ends.")]
    iftar: Annotated[str, Meta(description="HH:MM, when it begins.")]


class Packs(Struct):
    """Every pack, and every city whose suhoor and iftar are known."""

    packs: list[Pack]
    cities: list[City]


class More(Struct, forbid_unknown_fields=True):
    """Minutes more."""

    minutes: MoreMinutes = 30


class Until(Struct, forbid_unknown_fields=True):
    """An end."""

    until: Instant


class Quota(Struct, forbid_unknown_fields=True):
    """Minutes a day."""

    minutes: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_MINUTES)] | None, Meta(description="null: as many as it likes.")
    ]


class Exemption(Struct, kw_only=True):
    """What opens or closes between two instants."""

    id: int
    kind: SpanKind
    from_: str = field(name="from")
    until: str
    by: Annotated[str, Meta(description="The kind and the number of who made it.")]
    made: str


class ScreenTime(Struct, kw_only=True):
    """Minutes a day, and what is left."""

    minutes: int
    left_s: int
    is_running: bool
    ends: Annotated[str | None, Meta(description="When screen time ends that runs.")]


class HoursView(Struct, kw_only=True):
    """A closed time of a date."""

    card: Annotated[int | None, Meta(description="null: the week was set without cards.")]
    name: Words | None
    from_: str = field(name="from")
    to: str
    next_day: Annotated[bool, Meta(description="It ends on the day after.")]
    allowed: list[str] | None


class DayView(Struct, kw_only=True):
    """A date of the preview."""

    date: date
    day_set: DaySetName
    name: Words
    closed: list[HoursView]


class ConflictView(Struct, kw_only=True):
    """Cards that say the same twice, or of which one wins."""

    sort: Literal["same", "inside", "wins", "both", "never_open", "passed"]
    day_set: DaySetName
    cards: list[int]
    sentence: Words


class TimeView(Struct, kw_only=True):
    """What holds for a profile now, and the coming week."""

    profile: int
    zone: str
    state: Literal["open", "partly", "closed"]
    why: Annotated[
        str, Meta(description="pause, closed_until, quota, schedule; of what is open: what opens it, or ''.")
    ]
    card: int | None
    sentence: Words
    allowed: list[str] | None
    changes_at: Annotated[str | None, Meta(description="When this changes next; null: not within a week.")]
    screen_time: Annotated[ScreenTime | None, Meta(description="null: there is no quota.")]
    exceptions: list[Exemption]
    cards: Annotated[list[CardView], Meta(description=f"At most {MAX_CARDS}.")]
    conflicts: list[ConflictView]
    week: Annotated[list[DayView], Meta(description="Seven dates from today.")]


class ChangedTime(Struct, kw_only=True):
    """The same, after a change that is in force."""

    time: TimeView
    receipt: Receipt
    id: Annotated[int | None, Meta(description="Of the card or exception that was added.")] = None


class NewTickets(Struct, forbid_unknown_fields=True):
    """What to print."""

    count: Annotated[int, Meta(ge=1, le=MAX_AT_ONCE)] = 10
    minutes: MoreMinutes = 30


class Ticket(Struct, kw_only=True):
    """A ticket."""

    id: int
    code: Annotated[str, Meta(description="Nine digits, in threes.")]
    minutes: int
    state: TicketState
    made: str
    expires: str
    used: str | None


class Tickets(Struct):
    """A household's tickets, the oldest first."""

    tickets: list[Ticket]


class TicketCode(Struct, forbid_unknown_fields=True):
    """What stands on a ticket."""

    code: Annotated[str, Meta(max_length=40)]


class UsedTicket(Struct, kw_only=True):
    """Minutes that a ticket gave."""

    minutes: int
    time: TimeView
    receipt: Receipt
