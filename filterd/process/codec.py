"""JSON messages of filterd's sockets: one object a line, its fields checked once, where the line is read.

    request  {"op": "explain", "name": …}      reply  {"ok": true, …} | {"ok": false, "error": …}

Requests and replies are msgspec structs; `op` selects the struct of a request.
Invariants: a request of the wrong shape never reaches the service; a field that a struct does not know is ignored, so
that a newer client may talk to an older daemon; what is written is ASCII, instants in ISO 8601.
"""

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, TypeVar, Union

import msgspec
from msgspec import UNSET, Struct, UnsetType

Message = dict[str, Any]
T = TypeVar("T")

ERROR_CHARACTERS: Final = 300  # of a request quoted in the reply that refuses it: a line may hold a megabyte


class FailureReply(Struct, frozen=True):
    """Reply to a request that was not carried out.

    error    why;   refused  the same from a worker that keeps its images"""

    error: str | UnsetType = UNSET
    refused: str | UnsetType | None = UNSET

    @property
    def reason(self) -> str:
        """Why, in one line."""
        return self.refused or self.error or "refused without a reason"


class Requests:
    """The requests that a socket takes: structs tagged by `op`."""

    def __init__(self, kinds: Iterable[type[Struct]]) -> None:
        kinds = tuple(kinds)
        self._union: Any = Union[kinds]  # noqa: UP007  # of a tuple that is known at run time only
        self.ops = tuple(str(kind.__struct_config__.tag) for kind in kinds)

    def decode(self, line: bytes) -> Any:
        """The request in a line.   Raises ValueError with the sentence for the client."""
        try:
            said = _parsed(line)
        except ValueError as reason:
            raise ValueError(f"request: {reason}; nothing done; send one JSON object a line") from reason
        op = said.get("op")
        if op not in self.ops:
            raise ValueError(f"request: op {op!r:.40} is unknown; nothing done; send one of {', '.join(self.ops)}")
        try:
            return msgspec.convert(said, self._union)
        except ValueError as reason:
            raise ValueError(f"request {op}: {reason!s:.{ERROR_CHARACTERS}}; nothing done; correct it") from reason


def encode_request(request: Struct | Message) -> bytes:
    """A request as a line."""
    return _line(request)


def encode_reply(reply: object) -> bytes:
    """A reply as a line: a struct, a dataclass or a plain object, with `ok`."""
    plain = _plain(reply)
    return _line({"ok": not isinstance(reply, FailureReply)} | plain)


def decode_reply(line: bytes, kind: type[T]) -> T | FailureReply:
    """The reply in a line as a `kind`, without its `ok`.   Raises ValueError for anything else."""
    said = decode_message(line)
    if said.pop("ok", False) is not True:
        return msgspec.convert(said, FailureReply)
    return msgspec.convert(said, kind)


def decode_message(line: bytes) -> Message:
    """The reply in a line as it is.   Raises ValueError."""
    if not line.endswith(b"\n"):
        raise ValueError("the connection ended before a whole reply")
    try:
        return _parsed(line)
    except ValueError as reason:
        raise ValueError(f"the reply is {reason}") from reason


def _parsed(line: bytes) -> Message:
    try:
        said = json.loads(line)
    except (ValueError, RecursionError) as reason:
        raise ValueError("not JSON") from reason
    if not isinstance(said, dict):
        raise ValueError("not a JSON object")
    return said


def _plain(message: object) -> Message:
    plain: Message = msgspec.to_builtins(message, builtin_types=(datetime,))
    return plain


def _line(message: object) -> bytes:
    return json.dumps(_plain(message), separators=(",", ":"), default=datetime.isoformat).encode() + b"\n"
