import re
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastpath.wire.name import to_wire
from rules.base.errors import BadName, BadUrl
from rules.base.urls import (
    HAS_BLANK,
    IS_SCHEME,
    IS_TWO_URLS,
    canonical_url,
    canonical_url_octets,
    read_address,
    read_address_octets,
    read_entry,
    read_url,
)

NAMES = st.sampled_from(["bad.example", "bücher.example", "پاکستان.example", "faß.test", "192.0.2.1", "[2001:db8::1]"])
PATHS = st.text(st.sampled_from("ab/.%2eF5\\üپ?& "), max_size=20).map(str.rstrip)
SPELLINGS = st.sampled_from(
    [
        lambda url: "http://" + url,
        lambda url: "HTTPS://" + url,
        lambda url: "http://name@" + url,
        lambda url: f" {url}\t",
        lambda url: url + "#ü",
        lambda url: "//" + url,
    ]
)


@pytest.mark.parametrize(
    ("spelling", "url"),
    [
        ("http://bücher.example/ü", "xn--bcher-kva.example/%C3%BC"),
        ("BÜCHER.example./%c3%bc", "xn--bcher-kva.example/%C3%BC"),
        ("https://b%C3%BCcher。example:443/ü", "xn--bcher-kva.example/%C3%BC"),
        ("faß.example/a", "xn--fa-hia.example/a"),
        ("http://１９２.0.2.1/a", "192.0.2.1/a"),
        ("https://XN--BCHER-KVA.example/a", "xn--bcher-kva.example/a"),
        ("http://www.bad.example/a/../b?x=%31#c", "www.bad.example/b?x=1"),
    ],
)
def test_all_spellings_of_a_url_become_one(spelling: str, url: str) -> None:
    assert canonical_url(spelling) == url
    assert canonical_url_octets(spelling.encode()) == url.encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "has no host"),
        ("ftp://bad.example/", "has a scheme"),
        ("http://a..b/", "has a host"),
        ("http://ü..b/", "has an empty label"),
        ("http://ü%3A80/", "has a host"),
        ("http://ü：80/", "has a character"),
        ("http://℀.example/", "has a character"),
        ("http://%FC/", "is not UTF-8"),
        ("http://ü/\ud800", "is not UTF-8"),
        ("\ud800", "is not UTF-8"),
        ("http://" + "ü" * 70 + "/", "has a label longer"),
        ("http://ü/" + "ü" * 400, "is longer"),
        ("ü@bad.example", "names a user"),
        ("http://ü:a/", "has a port"),
    ],
)
def test_what_is_no_url_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(BadUrl, match=reason) as raised:
        canonical_url(text)

    assert raised.value.reason == str(raised.value)


@pytest.mark.parametrize(
    "text",
    [
        "bad.example",
        "http://bad.example",
        "https://BAD.example/",
        "bad.example/#a",
        "bad.example:443",
        "//bad.example:80/?",
        "http://bad.example.",
    ],
)
def test_a_host_alone_is_read_as_its_name(text: str) -> None:
    assert read_address(text) == (to_wire(b"bad.example"), None)
    assert read_address_octets(text.encode()) == (to_wire(b"bad.example"), None)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("bad.example/a", b"bad.example/a"),
        ("bad.example:8080", b"bad.example:8080/"),
        ("bad.example?a", b"bad.example/?a"),
        ("http://192.0.2.1/", b"192.0.2.1/"),
        ("192.0.2.1/a", b"192.0.2.1/a"),
        ("http://[2001:db8::1]", b"[2001:db8::1]/"),
        ("bücher.example/a", b"xn--bcher-kva.example/a"),
    ],
)
def test_whatever_is_narrower_than_a_name_stays_a_url(text: str, url: bytes) -> None:
    assert read_address(text) == (None, url)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("192.0.2.1", "is an address"),
        ("192.0.2.1:8080", "is an address"),
        ("2001:db8::1", "is an address"),
        ("[2001:db8::1]", "is an address"),
        ("[2001:db8::1]:8080", "is an address"),
        ("", "is empty"),
        ("#", "has no host"),
        ("someone@bad.example", "names a user"),
        ("*.bad.example", "has a character"),
        ("\ud800", "is not UTF-8"),
        ("mailto:someone@bad.example", "names a user"),
        ("\t/", "has no host"),
        ("?", "has no host"),
    ],
)
def test_what_is_neither_a_name_nor_a_url_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(BadName, match=reason):
        read_address(text)


@pytest.mark.parametrize("text", ["n/a", "N/A", "host:8080", "a/b.c", "1/2", "localhost/a", "24:7/x"])
def test_an_entry_without_scheme_and_dot_in_its_host_is_no_url(text: str) -> None:
    with pytest.raises(BadUrl, match="no dot in its host"):
        read_entry(text)


@pytest.mark.parametrize(
    "text",
    ["http://intranet/a", "//intranet/a", "192.0.2.1/a", "http://[2001:db8::1]/a", "bad%2Eexample/a", "ب。example/a"],
)
def test_an_entry_with_scheme_or_dot_or_of_an_address_is_one(text: str) -> None:
    assert read_entry(text)[1] is not None


def test_a_url_tells_its_host_and_its_key() -> None:
    found = read_url(b"http://bad.example/a")

    assert found.wire == to_wire(b"bad.example")
    assert found.key == to_wire(b"bad.example") + b"/a"


@given(NAMES, PATHS, SPELLINGS)
@example("bad.example", "/%2%35%2525e/", lambda url: url)
def test_every_spelling_is_equal_and_canonical_once_and_for_all(
    name: str, path: str, spell: Callable[[str], str]
) -> None:
    url = canonical_url(f"{name}/{path}")

    assert canonical_url(spell(f"{name}/{path}")) == url
    assert canonical_url(url) == url


@given(st.one_of(st.text(), st.builds("http://{}{}{}".format, st.text(), st.sampled_from("/.:@?#"), st.text())))
def test_nothing_but_its_own_error_is_raised_whatever_the_text(text: str) -> None:
    try:
        url = canonical_url(text)
    except BadUrl:
        return
    assert canonical_url(url) == url


@given(st.text(st.sampled_from("ab.:/\\?#@[]12ü。 "), max_size=12))
def test_a_cell_is_a_name_or_a_url_or_its_own_error(text: str) -> None:
    try:
        wire, url = read_address(text)
    except BadName:
        return
    assert (wire is None) != (url is None)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("http://a.example/x http://b.example/y", HAS_BLANK),
        ("http://a.example/x\nhttp://b.example/y", HAS_BLANK),
        ("http://a.example/x,http://b.example/y", IS_TWO_URLS),
        ("http://a.example/x; hxxps://b.example/y", HAS_BLANK),
        ("http://a.example/x|HTTPS://b.example/y", IS_TWO_URLS),
        ("http://a.example/some page", HAS_BLANK),
        ("http:// a.example/x", HAS_BLANK),
        ("https//a.example", IS_SCHEME),
        ("http//a.example/x", IS_SCHEME),
        ("https://https//a.example/x", IS_SCHEME),
    ],
)
def test_two_urls_a_blank_inside_and_a_broken_scheme_make_no_entry_of_an_order_that_nothing_could_match(
    text: str, reason: str
) -> None:
    with pytest.raises(BadUrl, match=re.escape(reason)):
        read_entry(text)


def test_a_url_that_holds_another_one_as_an_archive_does_is_one_entry() -> None:
    for text in ("http://a.example/web/http://b.example/y", "http://a.example/?to=x,http://b.example/y"):
        wire, url = read_entry(text)
        assert wire is None and url is not None and url.startswith(b"a.example/")
