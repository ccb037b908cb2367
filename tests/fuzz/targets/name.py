"""Whatever is a name prints and reads back as itself, by every reader alike; whatever is none is refused."""

from collections.abc import Callable

from fastpath.wire.name import from_host, from_wire, to_text, to_wire


def check(data: bytes) -> None:
    _check_wire(data)
    text = _or_none(to_wire, data)
    if text is not None:
        assert len(text) <= 255 and to_wire(to_text(text).encode()) == text == from_host(data)
    host = _or_none(from_host, data)
    if host is not None:
        assert to_wire(to_text(host).encode()) == host


def _check_wire(data: bytes) -> None:
    try:
        wire, after = from_wire(data, 0)
    except ValueError:
        return
    assert len(wire) == after <= min(len(data), 255) and wire == data[:after].lower()
    assert from_wire(wire, 0) == (wire, after)
    assert to_text(wire).isascii() and to_text(wire).isprintable()


def _or_none(read: Callable[[bytes], bytes | None], data: bytes) -> bytes | None:
    try:
        return read(data)
    except ValueError:
        return None
