"""A request head read octet by octet ends as the head read whole, and its hosts stand in it as they were sent.

What is put aside as no part of a request has no mark of one, and a body has the length that everybody reads or none.
The language that it prefers is one that its Accept-Language names, or the first.
"""

import re

from fuzz.prefixes import assert_prefixes_agree

from fastpath.wire.http1 import Head, head_lines, marked_head, request_head, without_request
from fastpath.wire.http1_body import body_length
from fastpath.wire.http1_language import preferred

LANGUAGE = re.compile(rb"accept-language:.*en", re.IGNORECASE)
LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,15})[ \t]*\r\n", re.IGNORECASE)


def check(data: bytes) -> None:
    whole = _outcome(data)
    assert_prefixes_agree(_outcome, data)
    if isinstance(whole, Head):
        _check_head(data, whole)
        _check_length(data[: whole.after])
    _check_lines(data)
    assert preferred(data, ("ur", "en")) == "ur" or LANGUAGE.search(data)
    if whole == "not the beginning of an HTTP/1.x request":
        _check_other(data)


def _check_head(data: bytes, whole: Head) -> None:
    head = data[: whole.after]
    assert head.endswith(b"\n") and len(head) == whole.after <= 65536
    assert whole.target in head and len(whole.hosts) <= 8
    assert all(host and host in head and host == host.strip() for host in whole.hosts)


def _check_length(head: bytes) -> None:
    if n := body_length(head):
        assert {int(said) for said in LENGTH.findall(head)} == {n}


def _check_lines(data: bytes) -> None:
    hosts, n, is_ended = head_lines(data)
    assert n <= len(data) and all(host in data for host in hosts)
    assert not is_ended or data[:n].endswith(b"\n")


def _check_other(data: bytes) -> None:
    line = data.lstrip(b" \t\n\v\f\r").partition(b"\n")[0]
    n = without_request(data)
    assert (n is None) == (b"http/" in line.lower())
    if n is None:
        try:
            marked_head(data)
        except ValueError:
            return
    else:
        assert n <= len(data)


def _outcome(data: bytes) -> Head | str | None:
    try:
        return request_head(data)
    except ValueError as refused:
        return str(refused)
