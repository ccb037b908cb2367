"""A stream read octet by octet ends as the stream read whole: more octets never change a final answer.

And what is read without records is read as in one record."""

from collections.abc import Callable

from fuzz.prefixes import assert_prefixes_agree
from support.packets.shapes import record

from fastpath.wire.tls import Hello, client_hello, hello_messages

RECORD_OCTETS = 16384


def check(data: bytes) -> None:
    whole = _outcome(data)
    assert_prefixes_agree(_outcome, data)
    if isinstance(whole, Hello):
        assert 0 < whole.after <= len(data) and len(whole.names) <= 8
        assert _outcome(data[: whole.after] + bytes(9)) == whole
        assert all(0 < len(name) < len(data) for name in whole.names)
    message = data[:RECORD_OCTETS]
    bare, in_record = _outcome(message, hello_messages), _outcome(record(message))
    if isinstance(bare, Hello) and isinstance(in_record, Hello):
        assert bare.after == len(message)
        bare = bare._replace(after=in_record.after)
    assert bare == in_record


def _outcome(data: bytes, read: Callable[[bytes], Hello | None] = client_hello) -> Hello | str | None:
    try:
        return read(data)
    except ValueError as refused:
        return str(refused)
