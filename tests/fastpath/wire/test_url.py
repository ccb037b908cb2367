import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from oracle import urls as oracle

from fastpath.wire.url import FAULTS, canonical, host_text, join, split

HOST = b"\x03bad\x07example\x00"

# What a URL is made of, so that random texts are nearly URLs.
PIECES = st.sampled_from(
    [
        b"http:",
        b"https:",
        b"HTTP:",
        b"ftp:",
        b"//",
        b"/",
        b"\\",
        b"bad.example",
        b"a",
        b".",
        b"..",
        b"...",
        b":",
        b":80",
        b":8080",
        b"@",
        b"?",
        b"#",
        b"%",
        b"%2",
        b"%2e",
        b"%2F",
        b"%5C",
        b"%25",
        b"2F",
        b"41",
        b"%3f",
        b"%00",
        b"\t",
        b"\n",
        b" ",
        b"&=+;",
        b"[",
        b"]",
        b"[::1]",
        b"[2001:db8::",
        b"192.0.2.1",
        b"0x7f",
        b"1",
        b"\x00",
        b"\xc3\xbc",
        b"\x7f",
    ]
)
TEXTS = st.lists(PIECES, max_size=12).map(b"".join)
PATHS = st.lists(PIECES, max_size=8).map(lambda pieces: b"http://bad.example/" + b"".join(pieces))


def text_of(url: bytes) -> bytes | None:
    found = canonical(url)
    return None if found is None else found.text


@pytest.mark.parametrize(
    "spelling",
    [
        b"http://bad.example/a/b?x=1",
        b"https://bad.example/a/b?x=1",
        b"bad.example/a/b?x=1",
        b"//bad.example/a/b?x=1",
        b"HTTP://BAD.Example./a/b?x=1",
        b"http://bad.example:80/a/b?x=1",
        b"https://bad.example:443/a/b?x=1",
        b"http://bad.example:/a/b?x=1",
        b"http://name:secret@bad.example/a/b?x=1",
        b"http://a@b@bad.example/a/b?x=1",
        b"http://bad.example/a/b?x=1#there",
        b" \thttp://bad.example/a/b?x=1\r\n",
        b"ht\ntp://bad.exa\tmple/a/b?x=1",
        b"http://bad.example/%61/%62?%78=%31",
        b"http://bad.example/%2561/%252562?x=1",
        b"http://b%61d.example/a/b?x=1",
        b"http://bad.example//a///b?x=1",
        b"http://bad.example/./a/./b?x=1",
        b"http://bad.example/c/../a/b?x=1",
        b"http://bad.example/../a/b?x=1",
        b"http://bad.example/%2e/a/c/%2E./b?x=1",
        b"http:\\\\bad.example\\a\\b?x=1",
        b"http://bad.example/a%2Fb?x=1",
        b"http://bad.example/a%5cb?x=1",
        b"http:bad.example/a/b?x=1",
        b"http:////bad.example/a/b?x=1",
        b"http://bad.example/a/c//../../b?x=1",
    ],
)
def test_all_spellings_of_a_url_become_one(spelling: bytes) -> None:
    assert text_of(spelling) == b"bad.example/a/b?x=1"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (b"http://www.bad.example/", b"www.bad.example/"),
        (b"http://bad.example:8080/a", b"bad.example:8080/a"),
        (b"http://bad.example:08080/a", b"bad.example:8080/a"),
        (b"http://bad.example/A", b"bad.example/A"),
        (b"http://bad.example/a/", b"bad.example/a/"),
        (b"http://bad.example/a?", b"bad.example/a"),
        (b"http://bad.example?x", b"bad.example/?x"),
        (b"http://bad.example/a%3Fb", b"bad.example/a%3Fb"),
        (b"http://bad.example/a%23b", b"bad.example/a%23b"),
        (b"http://bad.example/a?b#c?d", b"bad.example/a?b"),
        (b"http://bad.example/a#b?c", b"bad.example/a"),
        (b"http://bad.example/%", b"bad.example/%25"),
        (b"http://bad.example/%%34%31", b"bad.example/A"),
        (b"http://bad.example/\xc3\xbc", b"bad.example/%C3%BC"),
        (b"http://bad.example/<a b>", b"bad.example/%3Ca%20b%3E"),
        (b"http://bad.example/%00", b"bad.example/%00"),
        (b"http://bad.example/a//../b", b"bad.example/a/b"),
        (b"http://bad.example/a/..", b"bad.example/"),
        (b"http://bad.example/...", b"bad.example/..."),
        (b"http://bad.example/a/.", b"bad.example/a/"),
        (b"http://bad.example/?a/../b//c\\", b"bad.example/?a/../b//c%5C"),
        (b"http://bad.example/?a?b", b"bad.example/?a?b"),
        (b"http:8080/a", b"http:8080/a"),
        (b"http://http:8080/a", b"http:8080/a"),
        (b"https/a", b"https/a"),
    ],
)
def test_what_tells_resources_apart_is_kept(url: bytes, text: bytes) -> None:
    assert text_of(url) == text
    assert text_of(text) == text


@pytest.mark.parametrize(
    ("host", "text"),
    [
        (b"192.0.2.1", b"192.0.2.1"),
        (b"0300.0.0x2.1", b"192.0.2.1"),
        (b"3221225985", b"192.0.2.1"),
        (b"192.513", b"192.0.2.1"),
        (b"192.0.2.1.", b"192.0.2.1"),
        (b"0", b"0.0.0.0"),
        (b"0x", b"0.0.0.0"),
        (b"[2001:DB8:0:0:0:0:0:1]", b"[2001:db8::1]"),
        (b"[2001:db8:0:1:1:1:1:1]", b"[2001:db8:0:1:1:1:1:1]"),
        (b"[2001:0:0:1::1]", b"[2001:0:0:1::1]"),
        (b"[::ffff:192.0.2.1]", b"[::ffff:c000:201]"),
        (b"[::]", b"[::]"),
        (b"[1::]", b"[1::]"),
        (b"[::1]", b"[::1]"),
    ],
)
def test_an_address_literal_has_one_spelling_and_is_no_name(host: bytes, text: bytes) -> None:
    found = canonical(b"http://" + host + b":8080/a")

    assert found is not None and found.text == text + b":8080/a"
    assert found.wire is None and not found.is_host_alone


@given(st.integers(0, 2**128 - 1), st.integers(0, 2**16 - 1))
def test_an_ipv6_address_is_written_as_rfc_5952_says(high: int, keep: int) -> None:
    groups = [(high >> 16 * i & 0xFFFF) if keep >> i & 1 else 0 for i in range(8)]
    address = ipaddress.IPv6Address(sum(group << 16 * i for i, group in enumerate(groups)))

    found = canonical(b"[" + address.exploded.encode() + b"]/a")

    assert found is not None and found.text == oracle.canonical(f"[{address}]/a".encode())
    assert ipaddress.IPv6Address(found.text[1:-3].decode()) == address


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "has no host"),
        (b"http://", "has no host"),
        (b"/a", "has no host"),
        (b"http:///", "has no host"),
        (b"http://?a", "has no host"),
        (b"ftp://bad.example/", "has a scheme"),
        (b"javascript:alert(1)", "has a port"),
        (b"http://bad.example:a/", "has a port"),
        (b"http://bad.example:65536/", "has a port"),
        (b"bad.example:/", "has a port"),
        (b"http://bad.example:80:80/", "has a port"),
        (b"someone@bad.example", "names a user"),
        (b"http://a b/", "has a host"),
        (b"http://bad..example/", "has a host"),
        (b"http://256.256.256.256/", "has a host"),
        (b"http://bad.1/", "has a host"),
        (b"http://[::1/", "has a host"),
        (b"http://[::1]a/", "has a host"),
        (b"http://[fe80::1%25eth0]/", "has a host"),
        (b"http://b%2561d.example/", "has a host"),
        (b"http://" + b"a" * 64 + b"/", "has a host"),
        (b"bad.example/" + b"a" * 2037, "is longer than 2048"),
        (b"bad.example/" + b"%" * 680, "is longer than 2048"),
    ],
)
def test_what_is_no_url_is_refused_with_the_reason(text: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        canonical(text)


def test_nothing_is_cut_to_make_a_url_fit() -> None:
    longest = b"bad.example/" + b"a" * 2036

    assert text_of(longest) == longest
    assert text_of(b"bad.example/" + b"%61" * 678) == b"bad.example/" + b"a" * 678
    assert text_of(b"bad.example/?" + b"/" * 2035) == b"bad.example/?" + b"/" * 2035
    for n in range(660, 690):  # the last octet that needs three
        whole = b"bad.example/" + b"%" * n
        try:
            assert text_of(whole) == b"bad.example/" + b"%25" * n
        except ValueError:
            assert 12 + 3 * n > 2048


def test_the_key_begins_with_the_host_in_wire_form() -> None:
    found = canonical(b"http://bad.example:8080/a?b")

    assert found is not None
    assert found.key == HOST + b":8080/a?b" and found.wire == HOST


@pytest.mark.parametrize(
    ("text", "is_alone"),
    [
        (b"http://bad.example", True),
        (b"bad.example/#a", True),
        (b"bad.example/?", True),
        (b"bad.example:8080", False),
        (b"bad.example/a", False),
        (b"bad.example/?a", False),
        (b"192.0.2.1", False),
    ],
)
def test_a_url_of_nothing_but_a_name_is_told(text: bytes, is_alone: bool) -> None:
    found = canonical(text)

    assert found is not None and found.is_host_alone == is_alone


def test_a_host_that_is_not_ascii_is_handed_out_and_taken_back_as_a_labels() -> None:
    text = "http://b%C3%BCcher.example:8080/ü".encode()

    assert canonical(text) is None
    assert split(text) == ("bücher.example".encode(), 8080, "/ü".encode())
    assert join(b"xn--bcher-kva.example", 8080, "/ü".encode()).text == b"xn--bcher-kva.example:8080/%C3%BC"


def test_parts_that_are_no_host_and_no_port_are_refused() -> None:
    with pytest.raises(ValueError, match="has a host"):
        join(b"bad.example/a", -1, b"/")
    with pytest.raises(ValueError, match="has a port"):
        join(b"bad.example", 65536, b"/")
    with pytest.raises(ValueError, match="is longer than"):
        join(b"bad.example", -1, b"/" + b"a" * 2048)
    with pytest.raises(ValueError, match="is longer than"):
        join(b"bad.example", -1, b"/" * 8193)
    with pytest.raises(ValueError, match="of the 12 ways"):
        join(b"bad.example", -1, b"/", 12)
    with pytest.raises(ValueError, match="has a scheme"):
        split("ftp://ü/".encode())
    with pytest.raises(ValueError, match="is longer than"):
        split(b"a" * 2049)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (b"Bad.Example.", b"bad.example"),
        (b"bad.example:8080", b"bad.example"),
        (b"a@bad.example:x", b"bad.example"),
        (b"0300.0.2.1:80", b"192.0.2.1"),
        (b"[2001:DB8:0::1]:80", b"[2001:db8::1]"),
        (b"a@192.0.2.1", b"192.0.2.1"),
    ],
)
def test_a_host_value_names_a_host_whatever_stands_around_it(value: bytes, text: bytes) -> None:
    assert host_text(value) == text


@pytest.mark.parametrize("value", [b"", b":80", b"a b", b"2001:db8::1", b"[::1", b"256.256.256.256"])
def test_a_host_value_that_names_none_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError, match="has a host"):
        host_text(value)


def test_a_target_without_its_first_slash_gets_one() -> None:
    assert join(b"bad.example", -1, b"a").text == b"bad.example/a"
    assert join(b"bad.example", -1, b"").text == b"bad.example/"
    assert join(b"bad.example", 443, b"?a").text == b"bad.example/?a"


@given(st.one_of(TEXTS, PATHS, st.binary(max_size=60)))
@example(b"http://bad.example/%25%32%35%34%31")
@example(b"http:1@a")
def test_a_url_is_what_the_oracle_says_and_canonical_once_and_for_all(text: bytes) -> None:
    expected = oracle.canonical(text)
    try:
        found = canonical(text)
    except ValueError as refused:
        assert str(refused) in FAULTS.values()
        assert expected is None
        return
    if found is None:
        assert not split(text)[0].isascii()
        return
    assert found.text == expected
    assert canonical(found.text) == found


@given(PATHS)
def test_any_cut_of_a_url_is_read_like_any_other_text(url: bytes) -> None:
    for n in range(len(url)):
        try:
            found = canonical(url[:n])
        except ValueError:
            assert oracle.canonical(url[:n]) is None
        else:
            assert found is None or found.text == oracle.canonical(url[:n])
