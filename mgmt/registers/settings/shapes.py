"""What the desk can say of the pages, by name: the same values as in the configuration."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import fields

from mgmt.contract.shapes import Line
from mgmt.registers.settings.page_settings import Address, Complaint, Helpline, StopPage, Theme

MAX_HELPLINES = 12  # more are no help on a telephone's screen
MAX_COMPLAINTS = 4  # a page in few packets names them all
SAID = "Left out: it stays; null: as the configuration has it."

Helplines = Annotated[tuple[Helpline, ...], Meta(min_length=1, max_length=MAX_HELPLINES)]
Complaints = Annotated[tuple[Complaint, ...], Meta(min_length=1, max_length=MAX_COMPLAINTS)]


class Isp(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The operator, as its pages name it."""

    name: Line
    name_ur: Line | None = None
    url: Annotated[Line, Meta(description="Of its home page, http or https.")] | None = None
    contact: Line | None = None


class Languages(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which language a page is in where the browser asks for none that we have."""

    first: Literal["en", "ur"]


class DeskSettings(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What the desk says of the pages."""

    isp: Annotated[Isp | UnsetType | None, Meta(description=SAID)] = UNSET
    languages: Annotated[Languages | UnsetType | None, Meta(description=SAID)] = UNSET
    helplines: Annotated[Helplines | UnsetType | None, Meta(description="The first is for children. " + SAID)] = UNSET
    report_url: Annotated[Address | UnsetType | None, Meta(description=SAID)] = UNSET
    complaints: Annotated[Complaints | UnsetType | None, Meta(description=SAID)] = UNSET
    stop_page: Annotated[StopPage | UnsetType | None, Meta(description=SAID)] = UNSET
    theme: Annotated[Theme | UnsetType | None, Meta(description=SAID)] = UNSET


NAMES = tuple(field.name for field in fields(DeskSettings))
NOTHING = DeskSettings()
