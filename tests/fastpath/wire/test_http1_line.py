"""Words of a request line: whatever may be its target, and whatever may stand in front of it."""

import pytest

from fastpath.wire.http1 import marked_head, request_head


@pytest.mark.parametrize(
    ("line", "hosts"),
    [
        (b"GET http://a.test/ HTTP/1.1", [b"a.test"]),
        (b"abc GET http://a.test/ HTTP/1.1", [b"a.test"]),
        (b"CONNECT a.test:443 HTTP/1.1", [b"a.test:443"]),
        (b"GET /to?http://a.test/ HTTP/1.1", []),
    ],
)
def test_an_absolute_form_is_found_behind_the_rest_of_a_body_and_no_query_is_one(
    line: bytes, hosts: list[bytes]
) -> None:
    for parse in (request_head, marked_head):
        head = parse(line + b"\r\nHost: b.test\r\n\r\n")

        assert head is not None
        assert head.hosts == [*hosts, b"b.test"]
