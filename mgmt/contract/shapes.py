"""Types that several routes share: texts with their limits, cursors, receipts, problems."""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta, Struct

from mgmt.contract.control import CONTROL_TIMEOUT_S
from mgmt.contract.fields import MAX_TEXT_CHARACTERS

MAX_WAIT_S = CONTROL_TIMEOUT_S  # for control: by then it has answered, or does not
# An order of 100,000 names of 60 octets, with their JSON around them, is 8 MiB.
MAX_ORDER_OCTETS = 16 * 2**20
MAX_NUMBER = 999_999_999_999  # of a cursor: no table has so many rows
# No control character, no end of a line, and nothing that turns the direction of what comes after it.
LINE = "^[^\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]+$(?!\\n)"

Line = Annotated[str, Meta(min_length=1, max_length=MAX_TEXT_CHARACTERS, pattern=LINE, description="One line of text.")]
Instant = Annotated[datetime, Meta(tz=True, description="RFC 3339, with its zone.")]
Cursor = Annotated[int, Meta(ge=0, le=MAX_NUMBER, description="What `next` of the page before says.")]
Next = Annotated[int | None, Meta(description="The `after` of the next page; null: this is the last one.")]


class After(Struct, forbid_unknown_fields=True):
    """Where a page begins."""

    after: Cursor = 0


class Worker(Struct):
    """A worker that serves what was published."""

    worker: str
    generation: int
    ms: Annotated[float, Meta(description="From the question to its answer.")]


class Cut(Struct):
    """What became of the connections that a tightened rule closes."""

    at: Annotated[str, Meta(description="When the kernel was asked which of them go on; RFC 3339.")]
    ended: Annotated[int, Meta(description="Those that went on until then.")]
    still_open: Annotated[int, Meta(description="Those that go on of what could be found; 0: every one is closed.")]
    by: Annotated[
        Literal["labels", "quic", "lines"],
        Meta(description="What could be found: by name · over QUIC alone, TCP goes on · every one of the line."),
    ] = "labels"


class Receipt(Struct):
    """What was published, and who serves it."""

    generation: int
    ms: Annotated[float, Meta(description="From the question to the answer of the last worker.")]
    at: Annotated[str, Meta(description="When the last worker acknowledged; RFC 3339.")]
    connections_ended: Annotated[int | None, Meta(description="By a lock; null: nothing was locked.")]
    cut: Annotated[Cut | None, Meta(description="By a tightened rule; null: none, or this box ends none for it.")]
    workers: list[Worker]


class ProblemDetails(Struct):
    """RFC 9457."""

    type: Annotated[str, Meta(description="Which kind of problem, at an address that explains it.")]
    title: Annotated[str, Meta(description="The status in the words of RFC 9110.")]
    status: int
    detail: Annotated[str, Meta(description="Where, what was found, what was done, what to do.")]
    where: Annotated[
        str,
        Meta(description="A JSON pointer into the body (RFC 6901), a parameter as ?name, or a part of filterd."),
    ]
