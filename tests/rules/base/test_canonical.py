import random
import string
import unicodedata
from typing import Literal

import idna
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from fastpath.wire.name import from_wire
from rules.base.canonical import (
    BAD_DIRECTION,
    BAD_JOINER,
    IS_RESERVED,
    MAX_SPELLING,
    canonical_name,
    canonical_octets,
    canonical_wire,
    with_parents,
)
from rules.base.errors import BadName

LABELS = st.text(string.ascii_lowercase + string.digits + "-_", min_size=1, max_size=63)
NAMES = st.lists(LABELS, min_size=1, max_size=3).map(lambda labels: ".".join([*labels, "example"]))


@pytest.mark.parametrize(
    "spelling",
    [
        "bad.example",
        "BAD.Example",
        "bad.example.",
        "bad.example:443",
        "Bad.EXAMPLE.:80",
        "bad.example:",
        "ｂａｄ.example",
        "bad。example",
        "b\u00adad.example",
    ],
)
def test_all_spellings_of_a_name_become_one(spelling: str) -> None:
    assert canonical_name(spelling) == "bad.example"
    assert canonical_wire(spelling) == b"\x03bad\x07example\x00"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        ("BÜCHER.example", "xn--bcher-kva.example"),
        ("bu\u0308cher.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("پاکستان.example", "xn--mgbai9azgqp6j.example"),
        ("☃.example", "xn--n3h.example"),
        ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    ],
)
def test_an_international_name_becomes_its_a_label_without_transitional_mapping(text: str, name: str) -> None:
    assert canonical_name(text) == name


@pytest.mark.parametrize(
    "address",
    [
        "192.0.2.1",
        "192.0.2.1:80",
        "192.0.2.1.",
        "0300.0.2.1",
        "0xc0.0.2.1",
        "192.513",
        "3221225985",
        "0xC0000201",
        "2001:db8::1",
        "[2001:db8::1]",
        "[2001:db8::1]:443",
        "::ffff:192.0.2.1",
        "fe80::1%eth0",
        "１９２.0.2.1",
    ],
)
def test_an_address_in_any_spelling_is_no_name(address: str) -> None:
    with pytest.raises(BadName, match="is an address"):
        canonical_name(address)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (".", "is empty"),
        (":80", "is empty"),
        ("a..example", "has an empty label"),
        (".example", "has an empty label"),
        ("example..", "has an empty label"),
        ("a b.example", "has a character"),
        ("a/b.example", "has a character"),
        ("a\0.example", "has a character"),
        ("a:b:c.example", "has a character"),
        ("[bad.example", "has a character"),
        ("bad.example:http", "has a port"),
        ("bad.example:65536", "has a port"),
        ("bad.example:１", "has a port"),
        ("a" * 64 + ".example", "has a label longer"),
        ("a." * 124 + "example", "is longer than 253"),
        ("bad.example.123", "ends in a number"),
        ("bad example.123", "has a character that is not allowed"),
        ("\ud800.example", "is not a valid international name"),
        ("bad：80.example", "has a character"),
        ("xn--bücher.example", "is not a valid international name"),
        ("Ｘn--é.example", "is not a valid international name"),
        ("é" * 300 + ".example", "has a label longer"),
        ("é" * (MAX_SPELLING + 1), "is longer than 253"),
        ("a" * (MAX_SPELLING + 1), "is longer than 253"),
    ],
)
def test_what_is_no_name_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(BadName, match=reason):
        canonical_name(text)


def test_octets_that_are_not_utf8_are_refused_with_the_reason() -> None:
    with pytest.raises(BadName, match="is not UTF-8"):
        canonical_octets(b"b\xfcd.example")


def test_a_name_of_253_octets_and_labels_of_63_are_the_longest() -> None:
    longest = ".".join(["a" * 63] * 3 + ["b" * 61])

    assert canonical_name(longest) == longest
    with pytest.raises(BadName):
        canonical_name("a" + longest)


@given(st.text())
@example("xn--é.example")
@example("İ.example")
@example("1.2.3.4։80")
def test_any_text_becomes_a_name_that_stays_as_it_is_or_is_refused(text: str) -> None:
    try:
        name = canonical_name(text)
    except BadName as bad:
        assert bad.reason
    else:
        assert canonical_name(name) == name
        assert name.isascii() and name == name.lower()


@given(st.binary())
def test_any_octets_become_a_wire_name_or_are_refused(octets: bytes) -> None:
    try:
        wire = canonical_octets(octets)
    except BadName as bad:
        assert bad.reason
    else:
        assert wire.endswith(b"\0")
        assert wire == canonical_wire(octets.decode())


@given(NAMES, st.randoms(), st.sampled_from(["", ".", ":443", ".:443"]))
def test_letter_case_final_dot_and_port_never_matter(name: str, draw: object, end: str) -> None:
    spelled = "".join(draw.choice((c.upper(), c.lower())) for c in name)  # type: ignore[attr-defined]

    assert canonical_name(spelled + end) == name


# ------------------------------------------------------------------------------------------------ spellings of a name

IDEOGRAPHIC_DOTS = "。．｡"
SOFT_HYPHEN = "\u00ad"
FULL_WIDTH = {c: chr(ord(c) + 0xFEE0) for c in map(chr, range(0x21, 0x7F))}
# of the scripts that lists are written in: Latin with marks, Greek, Cyrillic, Arabic and Urdu, Devanagari, Hangul
LETTERS = st.characters(categories=["Ll", "Lo", "Mn"], min_codepoint=0xC0, max_codepoint=0xD7A3)
U_LABELS = st.text(LETTERS, min_size=1, max_size=12)


def respelled(name: str, draw: random.Random) -> str:
    """Another spelling of a canonical name."""
    chars = []
    for c in name:
        if c == ".":
            chars.append(draw.choice([c, *IDEOGRAPHIC_DOTS]))
            continue
        upper = c.upper() if c.upper().lower() == c else c
        chars.append(draw.choice([c, upper, FULL_WIDTH.get(c, c), FULL_WIDTH.get(upper, c), c + SOFT_HYPHEN]))
    end = draw.choice(["", ".", *IDEOGRAPHIC_DOTS]) + draw.choice(["", ":443"])
    form: Literal["NFC", "NFD"] = draw.choice(("NFC", "NFD"))
    spelled: str = unicodedata.normalize(form, "".join(chars)) + end
    return spelled


def u_form(a_form: str) -> str:
    """The name with its A-labels decoded."""
    labels = a_form.split(".")
    return ".".join(a[4:].encode().decode("punycode") if a.startswith("xn--") else a for a in labels)


@given(NAMES, st.randoms(use_true_random=False))
def test_every_spelling_of_an_ascii_name_is_that_name(name: str, draw: random.Random) -> None:
    assume(not name.startswith("xn--"))
    assert canonical_name(respelled(name, draw)) == name


@given(U_LABELS, st.randoms(use_true_random=False))
@example("bücher", random.Random(1))
@example("پاکستان", random.Random(1))
@example("한국", random.Random(1))
def test_every_spelling_of_an_international_name_is_its_a_form(label: str, draw: random.Random) -> None:
    try:
        a_form = canonical_name(label + ".example")
    except BadName:
        assume(False)
    assert canonical_name(a_form) == a_form
    assert canonical_name(respelled(u_form(a_form), draw)) == a_form
    assert canonical_name(a_form.upper() + ".:80") == a_form


@given(U_LABELS)
def test_what_idna_2008_allows_gets_the_a_form_that_it_gives(label: str) -> None:
    try:
        expected = idna.encode(label + ".example", uts46=True).decode("ascii")
    except idna.IDNAError:
        assume(False)
    assert canonical_name(label + ".example") == expected


@pytest.mark.parametrize(
    ("label", "why"),
    [
        ("xn--abc-", "stands for ASCII"),
        ("xn--a", "decodes to nothing"),
        ("xn--", "is empty behind its mark"),
        ("xn--99999999", "overflows"),
        ("xn--bcher-2pa", "stands for a capital letter, which UTS 46 maps"),
        ("xn--ni7c", "stands for a full-width letter, which UTS 46 maps"),
    ],
)
def test_a_fake_a_label_is_a_name_of_its_own_as_it_is_in_dns(label: str, why: str) -> None:
    name = label + ".example"

    assert canonical_name(name) == name, why
    assert canonical_name(name.upper()) == name
    assert canonical_name("bücher." + name) == "xn--bcher-kva." + name


@given(U_LABELS)
@example("bücher")
def test_a_question_on_the_wire_holds_the_octets_that_the_list_line_became(label: str) -> None:
    try:
        listed = canonical_octets(f"{label}.example".encode())
    except BadName:
        assume(False)
    asked, _after = from_wire(listed.upper().replace(b"\x07EXAMPLE", b"\x07eXaMpLe"), 0)

    assert asked == listed


@pytest.mark.parametrize("text", ["rpz-ip", "a.rpz-ip", "24.0.2.0.192.RPZ-IP.", "7.2.0.192.4.rpz-ip:80", "ü.rpz-ip"])
def test_a_name_that_would_stand_for_addresses_is_refused(text: str) -> None:
    for read in (canonical_wire, lambda text: canonical_octets(text.encode())):
        with pytest.raises(BadName) as refused:
            read(text)
        assert refused.value.reason == IS_RESERVED
    assert canonical_name("rpz-ip.example") == "rpz-ip.example"


@pytest.mark.parametrize(
    ("label", "reason"),
    [
        ("a\u200cb", BAD_JOINER),
        ("\u200dا", BAD_JOINER),
        ("👩\u200d👧", BAD_JOINER),
        ("1ا", BAD_DIRECTION),
        ("اa", BAD_DIRECTION),
    ],
)
def test_an_international_name_that_no_browser_takes_is_refused(label: str, reason: str) -> None:
    with pytest.raises(BadName) as caught:
        canonical_name(label + ".example")

    assert caught.value.reason == reason


def test_a_joiner_that_shapes_its_letters_is_a_part_of_the_name() -> None:
    assert canonical_name("نامه\u200cای.example") == "xn--mgba3gch31f060k.example"


@pytest.mark.parametrize(
    ("wire", "found"),
    [
        (b"\0", []),
        (b"\4test\0", [b"\4test\0"]),
        (b"\1a\1b\4test\0", [b"\1a\1b\4test\0", b"\1b\4test\0", b"\4test\0"]),
    ],
)
def test_a_name_and_its_parents_come_longest_first_without_the_root(wire: bytes, found: list[bytes]) -> None:
    assert with_parents(wire) == found
