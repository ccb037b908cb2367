"""A PROXY header is read as by the second reader, and nothing after it matters."""

from oracle.proxy_protocol import BadHeader, read_header

from fastpath.wire.proxy_protocol import told_by


def check(data: bytes) -> None:
    told = _told(data)
    assert told == _told_by_oracle(data)
    if isinstance(told, tuple):
        assert told == _told(data[: told[1]]) == _told(data[: told[1]] + bytes(9))


def _told(data: bytes) -> tuple[str | None, int] | str | None:
    try:
        return told_by(data)
    except ValueError:
        return "refused"


def _told_by_oracle(data: bytes) -> tuple[str | None, int] | str | None:
    try:
        header = read_header(data)
    except BadHeader:
        return "refused"
    return header and (str(header.source[0]) if header.source else None, header.after)
