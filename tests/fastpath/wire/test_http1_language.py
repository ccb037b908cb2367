"""An injected page is in the language of the web's page: mgmt.text.accept is the other reader of the same header."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.wire.http1_language import preferred
from mgmt.text.accept import preferred_language

BROWSERS = (
    "en-US,en;q=0.9",  # Chrome
    "ur-PK,ur;q=0.9,en-US;q=0.8,en;q=0.7",
    "en-US,en;q=0.5",  # Firefox
    "ur,en-US;q=0.7,en;q=0.3",
    "en-GB,en;q=0.9",  # Safari
    "ur-PK",
    "en",
    "de-DE,de;q=0.9,ur;q=0.8,en;q=0.7",
    "fa,ps;q=0.9",
    "*",
    "",
)
ODD = (
    "en;q=0,ur;q=0.001",
    "en;q=1.000 , ur;q=1",
    "EN;q=0.5, UR ; q = 0.6",
    "en;q=1.5,ur;q=.9",
    "en;Q=1,ur;q=0.1",
    "en;=1",
    "en;",
    "en;q=0.1234,ur;q=0.5;x=1",
    "eng,url,e,-en,u-r",
    ",,,en",
    "x," * 19 + "ur",
    "x," * 20 + "ur",
)
LINE = "GET /a HTTP/1.1\r\nHost: a.example\r\n"
headers = st.lists(
    st.tuples(
        st.sampled_from(("en", "ur", "EN-us", "ur-Arab-PK", "de", "*", " en", "u", "")),
        st.sampled_from(("", ";q=", " ; q = ", ";Q=", ";", ";x=", ";=", ";q")),
        st.one_of(st.just(""), st.from_regex(r"[01]?\.?[0-9]{0,4} ?", fullmatch=True)),
    ).map("".join),
    max_size=24,
).map(",".join)
texts = st.text(st.sampled_from("enurq;=,.-019 \tx*"), max_size=30)


@pytest.mark.parametrize("first", ["en", "ur"])
@pytest.mark.parametrize("header", BROWSERS + ODD)
def test_the_gate_chooses_the_language_that_the_web_chooses(header: str, first: str) -> None:
    assert_alike(header, first)


@given(st.one_of(headers, texts), st.sampled_from(("en", "ur")))
def test_whatever_stands_in_the_header_both_choose_alike(header: str, first: str) -> None:
    assert_alike(header, first)


def assert_alike(header: str, first: str) -> None:
    codes = (first, "ur" if first == "en" else "en")
    head = f"{LINE}Accept-Language: {header}\r\nAccept: */*\r\n\r\n".encode()

    assert preferred(head, codes) == preferred_language(header, first)


@pytest.mark.parametrize(
    "head",
    [
        LINE + "accept-LANGUAGE:ur\n\n",
        "\r\n\r\n" + LINE + "Accept-Language: ur\r\n\r\n",
        LINE + "Accept-Language: ur",
        LINE + "Accept-Language: ur\r\nAccept-Language: en\r\n\r\n",
    ],
    ids=["other cases and line ends", "empty lines in front", "not yet complete", "the first of two"],
)
def test_the_header_is_found(head: str) -> None:
    assert preferred(head.encode(), ("en", "ur")) == "ur"


@pytest.mark.parametrize(
    "head",
    [
        "",
        LINE,
        LINE + "\r\nAccept-Language: ur\r\n\r\n",
        LINE + "X-Accept-Language: ur\r\n\r\n",
        LINE + "Accept-Language : ur\r\n\r\n",
        LINE + "X: y\r\n" * 100 + "Accept-Language: ur\r\n\r\n",
    ],
    ids=["nothing", "no header", "in the body", "another name", "a blank behind the name", "behind a hundred lines"],
)
def test_elsewhere_it_is_not_looked_for(head: str) -> None:
    assert preferred(head.encode(), ("en", "ur")) == "en"


@pytest.mark.parametrize("codes", [(), ("en", "urd")])
def test_other_codes_than_those_of_two_letters_are_refused(codes: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="not two letters each"):
        preferred(b"", codes)
