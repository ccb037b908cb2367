import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import UNSET, Struct, UnsetType

from filterd.process.codec import FailureReply, Requests, decode_message, decode_reply, encode_reply, encode_request


class Say(Struct, frozen=True, tag_field="op", tag="say"):
    """A request."""

    word: str
    times: int = 1


class Stop(Struct, frozen=True, tag_field="op", tag="stop"):
    """Another one."""


class Said(Struct, frozen=True):
    """A reply."""

    at: datetime
    pairs: dict[str, tuple[int, int]]
    more: str | UnsetType = UNSET


REQUESTS = Requests((Say, Stop))
AT = datetime(2026, 11, 25, 2, 0, 0, 120_000, tzinfo=UTC)


@pytest.mark.parametrize("request_", [Say("a", 2), Stop()])
def test_a_request_comes_back_as_the_struct_that_its_op_names(request_: Struct) -> None:
    assert REQUESTS.decode(encode_request(request_)) == request_


@pytest.mark.parametrize(
    ("line", "request_"),
    [
        (b'{"op": "say", "word": "a"}', Say("a")),
        (b'{"op": "say", "word": "\\ud800", "later": [1]}', Say("\ud800")),
        (b'{"op": "say", "op": "stop"}', Stop()),
    ],
    ids=["a default", "an unknown field", "a key that stands twice"],
)
def test_what_json_allows_is_read(line: bytes, request_: Struct) -> None:
    assert REQUESTS.decode(line) == request_


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"\xff", "request: not JSON; nothing done; send one JSON object a line"),
        (b"[" * 50_000, "request: not JSON; nothing done; send one JSON object a line"),
        (b"[1]", "request: not a JSON object; nothing done; send one JSON object a line"),
        (b"{}", "request: op None is unknown; nothing done; send one of say, stop"),
        (b'{"op": ["say"]}', "request: op ['say'] is unknown; nothing done; send one of say, stop"),
        (b'{"op": "say"}', "request say: Object missing required field `word`; nothing done; correct it"),
        (b'{"op": "say", "word": 1}', "request say: Expected `str`, got `int` - at `$.word`; nothing done; correct it"),
    ],
)
def test_what_is_no_request_is_refused_with_what_to_do(line: bytes, error: str) -> None:
    with pytest.raises(ValueError) as refused:
        REQUESTS.decode(line)

    assert str(refused.value) == error


def test_a_request_of_a_megabyte_is_quoted_in_part() -> None:
    line = json.dumps({"op": "x" * 1_000_000}).encode()

    with pytest.raises(ValueError, match="is unknown") as refused:
        REQUESTS.decode(line)

    assert len(str(refused.value)) < 200


def test_a_reply_says_ok_and_comes_back_as_it_was() -> None:
    reply = Said(AT, {"names": (1, 7)})
    line = encode_reply(reply)

    assert line == b'{"ok":true,"at":"2026-11-25T02:00:00.120000+00:00","pairs":{"names":[1,7]}}\n'
    assert decode_reply(line, Said) == reply


@pytest.mark.parametrize(
    ("reply", "line", "reason"),
    [
        (FailureReply("no room"), b'{"ok":false,"error":"no room"}\n', "no room"),
        (FailureReply(refused="old \ud800"), b'{"ok":false,"refused":"old \\ud800"}\n', "old \ud800"),
        (FailureReply(), b'{"ok":false}\n', "refused without a reason"),
    ],
)
def test_a_failure_says_why(reply: FailureReply, line: bytes, reason: str) -> None:
    assert encode_reply(reply) == line
    assert decode_reply(line, Said) == reply
    assert reply.reason == reason


@pytest.mark.parametrize(
    ("line", "error"),
    [
        (b"{\n", "the reply is not JSON"),
        (b"[1]\n", "the reply is not a JSON object"),
        (b'{"ok":true}', "the connection ended before a whole reply"),
        (b'{"ok":true,"pairs":{}}\n', "missing required field `at`"),
        (b'{"ok":true,"at":"noon","pairs":{}}\n', r"at `\$.at`"),
    ],
)
def test_a_reply_of_another_shape_is_refused(line: bytes, error: str) -> None:
    with pytest.raises(ValueError, match=error):
        decode_reply(line, Said)


def test_a_reply_for_a_command_is_left_as_it_is() -> None:
    said: dict[str, Any] = {"ok": True, "x": {"y": [1, None]}}

    assert decode_message(encode_reply(said)) == said
