"""Any octets are a PROXY header, the beginning of one, or `BadHeader`; cut anywhere, a header is a beginning."""

from dns.errors import BadHeader
from dns.streams.proxy_protocol import HEAD_OCTETS, MAX_REST_OCTETS, Header, read_header


def check(data: bytes) -> None:
    whole = _outcome(data)
    if not isinstance(whole, Header):
        return
    assert HEAD_OCTETS <= whole.after <= min(len(data), HEAD_OCTETS + MAX_REST_OCTETS)
    assert _outcome(data[: whole.after]) == whole == _outcome(data[: whole.after] + bytes(9))
    assert all(_outcome(data[:n]) is None for n in range(whole.after))


def _outcome(data: bytes) -> Header | str | None:
    try:
        return read_header(data)
    except BadHeader as bad:
        assert "; not served; " in str(bad) and str(bad).isprintable()
        return "bad"
