"""A request head read octet by octet ends as the head read whole, and its hosts stand in it as they were sent."""

from fuzz.prefixes import assert_prefixes_agree

from fastpath.wire.http1 import Head, request_head


def check(data: bytes) -> None:
    whole = _outcome(data)
    assert_prefixes_agree(_outcome, data)
    if isinstance(whole, Head):
        head = data[: whole.after]
        assert head.endswith(b"\n") and len(head) == whole.after <= 65536
        assert whole.target in head and len(whole.hosts) <= 8
        assert all(host and host in head and host == host.strip() for host in whole.hosts)
        assert b"\n" not in b"".join(whole.hosts)


def _outcome(data: bytes) -> Head | str | None:
    try:
        return request_head(data)
    except ValueError as refused:
        return str(refused)
