"""A stream read octet by octet ends as the stream read whole: more octets never change a final answer."""

from fuzz.prefixes import assert_prefixes_agree

from fastpath.tls import Hello, client_hello


def check(data: bytes) -> None:
    whole = _outcome(data)
    assert_prefixes_agree(_outcome, data)
    if isinstance(whole, Hello):
        assert 0 < whole.after <= len(data) and len(whole.names) <= 8
        assert _outcome(data[: whole.after] + bytes(9)) == whole
        assert all(0 < len(name) < len(data) for name in whole.names)


def _outcome(data: bytes) -> Hello | str | None:
    try:
        return client_hello(data)
    except ValueError as refused:
        return str(refused)
