import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle import urls as oracle

from fastpath.wire.url_path import canonical_path

RESTS = st.lists(
    st.sampled_from(
        [
            b"/",
            b"\\",
            b"..",
            b".",
            b"a",
            b"%2e",
            b"%2F",
            b"%25",
            b"%",
            b"2f",
            b"?",
            b"#",
            b" ",
            b"\xc3\xbc",
            b"+",
            b"%3F",
            b"[",
            b"~",
        ]
    ),
    max_size=14,
).map(b"".join)


@pytest.mark.parametrize(
    ("rest", "canonical"),
    [
        (b"", b"/"),
        (b"/", b"/"),
        (b"?", b"/"),
        (b"?a", b"/?a"),
        (b"#a", b"/"),
        (b"a", b"/a"),
        (b"//a//b//", b"/a/b/"),
        (b"/a/b/../c", b"/a/c"),
        (b"/a/..", b"/"),
        (b"/a/.", b"/a/"),
        (b"/..", b"/"),
        (b"/../../a", b"/a"),
        (b"/...", b"/..."),
        (b"/a//..", b"/a/"),
        (b"/%2e%2E/a", b"/a"),
        (b"/a%2f..%2fb", b"/b"),
        (b"\\a\\..\\b", b"/b"),
        (b"/%25%32%65", b"/"),
        (b"/a?b/../c", b"/a?b/../c"),
        (b"/a?%3f#%3f", b"/a??"),
        (b"/%3f", b"/%3F"),
        (b"/a b", b"/a%20b"),
        (b"/\xff", b"/%FF"),
        (b"/A-._~!$&'()*+,;=:@", b"/A-._~!$&'()*+,;=:@"),
        (b'/"<>^`{|}[]', b"/%22%3C%3E%5E%60%7B%7C%7D%5B%5D"),
    ],
)
def test_a_path_has_one_spelling(rest: bytes, canonical: bytes) -> None:
    assert canonical_path(rest) == canonical
    assert canonical_path(canonical) == canonical


@given(RESTS)
def test_a_path_is_what_the_oracle_says_and_canonical_once_and_for_all(rest: bytes) -> None:
    path, _, query = rest.partition(b"#")[0].partition(b"?")
    found = canonical_path(rest)

    assert found.decode() == oracle.canonical_path(path) + oracle.canonical_query(query)
    assert canonical_path(found) == found


@pytest.mark.parametrize("octet", [b"a", b"%", b"?"])
def test_a_path_that_does_not_fit_is_refused_at_the_octet_where_it_does_not(octet: bytes) -> None:
    written = 3 if octet == b"%" else 1
    most = 2047 // written

    assert len(canonical_path(b"/" + octet * most)) <= 2048
    if written == 3:
        with pytest.raises(ValueError, match="longer than 2048"):
            canonical_path(b"/" + octet * (most + 1))
    with pytest.raises(ValueError, match="longer than 2048"):
        canonical_path(b"/" + b"a" * 2048)
