"""Lines, profiles and devices: what is said of them, and as what they are given."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from mgmt.contract.shapes import Line, Next, Receipt
from parental.policy.profile import MAX_HOUSEHOLD_NAMES
from parental.policy.schedule import MAX_INTERVALS
from parental.policy.subscriber import MAX_PREFIXES

MAX_PAUSE_MINUTES = 366 * 1440  # a year; longer is "until resumed"
MAX_CATEGORIES = 127  # as many as there can be, with services
MAX_NAME_CHARACTERS = 300  # of a name as a person writes it
WEEK_MINUTES = 7 * 1440
UNCHANGED = "Left out or null: it stays as it is."

Minutes = Annotated[int, Meta(ge=1, le=WEEK_MINUTES)]
Time = Annotated[str, Meta(max_length=5, description="21:30, by the clocks of `zone`.")]
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
SafeSearch = Literal["off", "moderate", "strict"]


Categories = Annotated[list[Annotated[str, Meta(max_length=40)]], Meta(max_length=MAX_CATEGORIES)]


class Hours(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """Hours in which all is closed but what `open` names; `minutes` in place of `to` where they are more than a day."""

    day: Day
    from_: Time = field(name="from")
    to: Annotated[str, Meta(max_length=5, description="Of that day or the next; 24:00: the end of it.")] | None = None
    minutes: Minutes | None = None
    open: (
        Annotated[Categories, Meta(description="Categories and services that stay open; null: nothing does.")] | None
    ) = None


Names = Annotated[
    list[Annotated[str, Meta(max_length=MAX_NAME_CHARACTERS)]],
    Meta(max_length=MAX_HOUSEHOLD_NAMES, description="Names of sites, each with all below it."),
]
Closed = Annotated[list[Hours], Meta(max_length=MAX_INTERVALS)]


class Schedule(Struct, forbid_unknown_fields=True, kw_only=True):
    """When a line is closed."""

    closed: Annotated[Closed | None, Meta(description=UNCHANGED)] = None
    zone: Annotated[Line | None, Meta(description="Such as Asia/Karachi. " + UNCHANGED)] = None


class Wishes(Schedule, forbid_unknown_fields=True, kw_only=True):
    """What a line closes for its devices."""

    categories: Annotated[Categories | None, Meta(description=UNCHANGED)] = None
    services: Annotated[Categories | None, Meta(description=UNCHANGED)] = None
    safe_search: Annotated[SafeSearch | None, Meta(description=UNCHANGED)] = None
    youtube: Annotated[SafeSearch | None, Meta(description="YouTube's restricted mode. " + UNCHANGED)] = None
    allowed: Annotated[Names | None, Meta(description="Open, also if they are of a closed category. " + UNCHANGED)] = (
        None
    )
    denied: Annotated[Names | None, Meta(description="Closed. " + UNCHANGED)] = None
    canaries: Annotated[bool | None, Meta(description="Devices keep to this resolver. " + UNCHANGED)] = None


class NewLine(Wishes, forbid_unknown_fields=True, kw_only=True):
    """A line as the operator puts it."""

    label: Line
    prefixes: Annotated[list[Annotated[str, Meta(max_length=100)]], Meta(max_length=MAX_PREFIXES)] = []


class Pause(Struct, forbid_unknown_fields=True):
    """For how long."""

    minutes: Annotated[
        Annotated[int, Meta(ge=1, le=MAX_PAUSE_MINUTES)] | None, Meta(description="null: until resumed.")
    ] = None


class Profile(Struct, kw_only=True):
    """What a line closes for its devices."""

    id: Annotated[int, Meta(description="Of the line.")]
    label: str
    categories: list[str]
    services: list[str]
    safe_search: SafeSearch
    youtube: SafeSearch
    allowed: Annotated[list[str], Meta(description="As they are compared: international ones in ASCII.")]
    denied: list[str]
    canaries: bool
    zone: str
    closed: list[Hours]
    sentence: Annotated[str, Meta(description="The schedule in words.")]


class SubscriberLine(Profile, kw_only=True):
    """A line with its profile and its state."""

    prefixes: list[str]
    paused_until: Annotated[str | None, Meta(description="An instant, or `resumed`: until then.")]
    state: Literal["open", "closed"]
    reason: Annotated[str | None, Meta(description="Of what is closed: pause, quota or schedule.")]
    changes_at: Annotated[str | None, Meta(description="When the state changes next; null: it never does.")]


class ChangedLine(SubscriberLine, kw_only=True):
    """The same, after a change that is in force."""

    receipt: Receipt


class ChangedProfile(Profile, kw_only=True):
    """The same, after a change that is in force."""

    receipt: Receipt


class DeletedLine(Struct):
    """A line that is no more."""

    id: int
    deleted: bool
    receipt: Receipt


class LinePage(Struct):
    """Lines by rising number."""

    subscribers: list[SubscriberLine]
    next: Next


class ProfilePage(Struct):
    """Profiles by the rising number of their lines."""

    profiles: list[Profile]
    next: Next


class Devices(Struct):
    """The names of a line's devices."""

    id: int
    devices: list[str]


class DeviceToken(Struct, kw_only=True):
    """A device's token, and what to write into the device; null where this box has no name."""

    id: int
    device: str
    token: Annotated[str, Meta(description="Shown this once.")]
    tls: str | None
    https: str | None
    receipt: Receipt


class DeletedDevice(Struct):
    """A device whose token is no longer known."""

    id: int
    device: str
    deleted: bool
    receipt: Receipt
