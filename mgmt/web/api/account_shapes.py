"""Accounts, children, caregivers and lines in bulk: what is said of them, and as what they are given."""

from typing import Annotated, Any, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from mgmt.contract.shapes import LINE, Cursor, Line, Next, Receipt
from mgmt.web.api.line_shapes import UNCHANGED, Hours, SafeSearch
from parental.people.children import YEARS
from parental.policy.subscriber import MAX_ID, MAX_LABEL_CHARACTERS

MAX_ROWS = 1000  # of one transaction: some 0.3 s of new lines

Number = Annotated[int, Meta(ge=1, le=MAX_ID)]
Name = Annotated[str, Meta(min_length=1, max_length=MAX_LABEL_CHARACTERS, pattern=LINE)]
Language = Annotated[str, Meta(max_length=35)]
DeviceName = Annotated[str, Meta(max_length=40)]
Prefix = Annotated[str, Meta(max_length=100)]
Phone = Annotated[str, Meta(max_length=40)]
BirthYear = Annotated[int, Meta(ge=YEARS.start, le=YEARS.stop - 1)]
Drawing = Annotated[str, Meta(max_length=31, description="The name of a picture of the family page.")]
CaregiverRole = Literal["owner", "parent", "helper", "school"]
Province = Annotated[str, Meta(max_length=6, description="By ISO 3166-2, such as PK-PB.")]


class AccountDetails(Struct, forbid_unknown_fields=True):
    """A household or a school."""

    name: Annotated[Name | None, Meta(description=UNCHANGED)] = None
    language: Annotated[Language | None, Meta(description="Such as ur. " + UNCHANGED)] = None


class LinePlace(Struct, forbid_unknown_fields=True):
    """Where a line is."""

    province: Annotated[Province | None, Meta(description=UNCHANGED)] = None


class NewChild(Struct, forbid_unknown_fields=True):
    """A child as a parent adds it."""

    nickname: Name
    birth_year: BirthYear | None = None
    drawing: Drawing | None = None


class ChildDetails(Struct, forbid_unknown_fields=True):
    """What is known of a child; what is left out stays."""

    nickname: Name | UnsetType = UNSET
    birth_year: BirthYear | UnsetType | None = UNSET
    drawing: Drawing | UnsetType | None = UNSET


class AccountPart(Struct, forbid_unknown_fields=True, omit_defaults=True):
    """A line, or of a line a device that has a token, or a prefix."""

    line: Number
    device: DeviceName | None = None
    prefix: Prefix | None = None


class Invitation(Struct, forbid_unknown_fields=True):
    """Whom to invite."""

    nickname: Name
    role: CaregiverRole
    phone: Annotated[Phone | None, Meta(description="With its country, +92…; kept sealed.")] = None


class Code(Struct, forbid_unknown_fields=True):
    """The code of an invitation."""

    code: Annotated[str, Meta(min_length=1, max_length=40)]


class RoleChange(Struct, forbid_unknown_fields=True):
    """What a caregiver is from now on."""

    role: CaregiverRole


class Before(Struct, forbid_unknown_fields=True):
    """Where a page of history begins."""

    before: Annotated[Cursor | None, Meta(description="What `earlier` of the page before says.")] = None


class Rows(Struct, forbid_unknown_fields=True):
    """Lines in bulk: each row with `id`, `label`, `prefixes`, and `province` and `account` where they are said."""

    rows: Annotated[list[Any], Meta(max_length=MAX_ROWS)]
    more: Annotated[bool, Meta(description="Others follow at once: nothing is published yet.")] = False


class Row(Struct, forbid_unknown_fields=True):
    """One row of Rows: a line as the operator's systems know it."""

    id: Number
    label: Line
    prefixes: list[str] = []
    province: str | None = None
    account: Number | None = None


class AccountHead(Struct, kw_only=True):
    """An account without what is in it."""

    id: int
    name: str | None
    language: Annotated[str | None, Meta(description="null: the first of the configuration.")]
    created: Annotated[str | None, Meta(description="RFC 3339; null: before there were accounts.")]


class RuleOffer(Struct):
    """What a line can enforce, and what of it a child can have."""

    rules: list[str]
    children: list[str]


class AccountLine(Struct, kw_only=True):
    """A line of an account."""

    id: int
    label: str
    province: str | None
    profile: Annotated[int, Meta(description="Whose rules it follows: its own number, or a child's profile.")]
    level: Literal["H", "K", "D", "S"]
    offers: RuleOffer


class AccountChild(Struct, kw_only=True):
    """A child, with what follows its rules and what can be enforced there."""

    id: int
    nickname: str
    birth_year: int | None
    drawing: str | None
    profile: int
    has: list[AccountPart]
    offers: list[str]


class AccountCaregiver(Struct, kw_only=True):
    """A caregiver; the telephone number is shown to no one."""

    id: int
    nickname: str
    role: CaregiverRole
    state: Literal["invited", "active"]
    invited_by: Annotated[int | None, Meta(description="A caregiver; null: the operator, or a parent's token.")]
    has_phone: bool


class InvitedCaregiver(AccountCaregiver, kw_only=True):
    """The same, with the code that accepts."""

    code: Annotated[str, Meta(description="Shown this once; holds 7 days.")]


class WholeAccount(AccountHead, kw_only=True):
    """An account with all that is in it."""

    lines: list[AccountLine]
    children: list[AccountChild]
    caregivers: list[AccountCaregiver]


class ChangedAccount(Struct, kw_only=True, omit_defaults=True):
    """An account after a change that is in force."""

    account: WholeAccount
    receipt: Receipt
    child: Annotated[int | None, Meta(description="The number of the child that was added.")] = None


class ChildRules(Struct, kw_only=True):
    """What a child's profile says."""

    child: int
    categories: list[str]
    services: list[str]
    safe_search: SafeSearch
    youtube: SafeSearch
    allowed: list[str]
    denied: list[str]
    canaries: bool
    zone: str
    closed: list[Hours]
    sentence: Annotated[str, Meta(description="The schedule in words.")]


class AccountPage(Struct):
    """Accounts by rising number."""

    accounts: list[AccountHead]
    next: Next


class Doer(Struct):
    """Who did something."""

    kind: str
    name: str
    role: str


class HouseholdEvent(Struct):
    """Something that was done in a household."""

    at: str
    by: Doer
    action: str
    about: dict[str, int | str]


class History(Struct):
    """What was done in a household, the newest first."""

    events: list[HouseholdEvent]
    earlier: Annotated[Cursor | None, Meta(description="The `before` of the next page; null: this is the last one.")]


class RefusedRow(Struct):
    """A row that was not taken."""

    row: Annotated[int, Meta(description="Its place in the request, from 0.")]
    detail: str


class ProvisioningReport(Struct, kw_only=True):
    """What became of rows."""

    new: int
    changed: int
    same: int
    refused: list[RefusedRow]
    receipt: Annotated[Receipt | None, Meta(description="null: nothing was published, as more follow.")]
