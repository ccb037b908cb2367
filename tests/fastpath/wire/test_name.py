"""One canonical name, from text, from Host and SNI values, from the wire."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastpath.wire.name import from_host, from_wire, to_text, to_wire

LONGEST_LABEL = b"a" * 63
LONGEST = b".".join([LONGEST_LABEL] * 3 + [b"a" * 61])  # 253 octets of text, 255 on the wire
LABELS = st.lists(st.binary(min_size=1, max_size=63), max_size=6)


def wire(*labels: bytes) -> bytes:
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\x00"


@pytest.mark.parametrize(
    ("text", "labels"),
    [
        (b"allowed.test", (b"allowed", b"test")),
        (b"ALLOWED.Test", (b"allowed", b"test")),
        (b"allowed.test.", (b"allowed", b"test")),
        (b"xn--mgbaam7a8h.test", (b"xn--mgbaam7a8h", b"test")),
        (b"_dmarc.a-b.test", (b"_dmarc", b"a-b", b"test")),
        (b"test", (b"test",)),
        (b"1.2.3.4.test", (b"1", b"2", b"3", b"4", b"test")),
        (b"0x7f.test0", (b"0x7f", b"test0")),
        (b"1e5.0xg", (b"1e5", b"0xg")),
        (LONGEST_LABEL + b".test", (LONGEST_LABEL, b"test")),
    ],
)
def test_a_name_in_text_becomes_its_lower_case_wire_form(text: bytes, labels: tuple[bytes, ...]) -> None:
    assert to_wire(text) == wire(*labels)


def test_the_longest_name_has_253_octets_and_a_dot_does_not_count() -> None:
    assert len(to_wire(LONGEST)) == 255
    assert to_wire(LONGEST + b".") == to_wire(LONGEST)
    with pytest.raises(ValueError, match="254 octets, more than 253"):
        to_wire(b"a" + LONGEST)


def test_a_name_of_127_labels_fits() -> None:
    assert to_wire(b".".join([b"a"] * 127)) == b"\x01a" * 127 + b"\x00"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "the name is empty"),
        (b".", "the name is empty"),
        (b"..", "label 1 is empty"),
        (b".allowed.test", "label 1 is empty"),
        (b"allowed..test", "label 2 is empty"),
        (b"allowed.test..", "label 3 is empty"),
        (b"allowed." + b"a" * 64, "label 2 is longer than 63 octets"),
        (b"allo wed.test", r"label 1 holds '\032'"),
        (b"allowed.te\x00st", r"label 2 holds '\000'"),
        ("ålesund.test".encode(), r"label 1 holds '\195'"),
        (b"*.test", "label 1 holds '*'"),
        (b"192.0.2.1", "the last label is a number"),
        (b"allowed.1", "the last label is a number"),
        (b"allowed.0x1F", "the last label is a number"),
        (b"allowed.0x", "the last label is a number"),
        (b"0", "the last label is a number"),
    ],
)
def test_what_is_no_name_is_refused_with_the_precise_reason(text: bytes, reason: str) -> None:
    with pytest.raises(ValueError) as refused:
        to_wire(text)

    assert str(refused.value).startswith(reason)


@pytest.mark.parametrize(
    "octet", [o for o in range(256) if not (chr(o).isascii() and chr(o).isalnum()) and o not in b"-_."]
)
def test_an_octet_that_no_host_name_has_is_refused(octet: int) -> None:
    with pytest.raises(ValueError, match="not only letters"):
        to_wire(b"a" + bytes([octet]) + b".test")


@pytest.mark.parametrize(
    "value",
    [
        b"blocked.test",
        b"BLOCKED.test.",
        b"blocked.test:443",
        b"blocked.test.:443",
        b"blocked.test:",
        b"blocked.test:x",
        b"blocked.test:80:80",
        b"someone@blocked.test",
        b"some:one@blocked.test:80",
        b"allowed.test@blocked.test",
    ],
)
def test_a_host_value_is_the_name_without_userinfo_port_and_dot(value: bytes) -> None:
    assert from_host(value) == wire(b"blocked", b"test")


@pytest.mark.parametrize(
    "value",
    [
        b"192.0.2.1",
        b"192.0.2.1.",
        b"192.0.2.",
        b"192.0.2.1:80",
        b"0300.0.0x2.1",
        b"192.513",
        b"3221225985",
        b"0xc0000201",
        b"0x",
        b"[2001:db8::1]",
        b"[2001:db8::1]:443",
        b"u@[::1]",
        b"[fe80::1%25eth0]",
        b"[::ffff:192.0.2.1]",
        b"2001:db8::1",
        b"::",
    ],
)
def test_an_address_literal_is_no_name(value: bytes) -> None:
    assert from_host(value) is None


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b":443",
        b"user@",
        b"256.0.0.1",
        b"1.2.3.4.5",
        b"192.0.2.08",
        b"192.0.2.4294967296",
        b"99999999999999999999999999",
        b"192..1",
        b"allowed.12",
        b"[blocked.test]",
        b"[::1",
        b"[1]",
        b"blocked.test, allowed.test",
        b"blocked.test\x00",
    ],
)
def test_a_host_value_that_is_neither_name_nor_address_is_refused(value: bytes) -> None:
    with pytest.raises(ValueError):
        from_host(value)


def test_a_wire_name_is_folded_and_its_end_told() -> None:
    assert from_wire(b"....\x03WwW\x04TEST\x00rest", 4) == (b"\x03www\x04test\x00", 14)


def test_the_root_is_a_name_on_the_wire() -> None:
    assert from_wire(b"\x00", 0) == (b"\x00", 1)


def test_a_wire_label_may_hold_any_octet() -> None:
    every = bytes(range(256))
    labels = [every[at : at + 63] for at in range(0, 189, 63)] + [every[193:]]

    for label in labels:
        assert from_wire(wire(label), 0) == (wire(label.lower()), len(label) + 2)


@pytest.mark.parametrize("length", range(64, 256))
def test_a_pointer_or_an_unknown_label_type_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match="compressed"):
        from_wire(bytes([length]) + bytes(300), 0)


def test_a_wire_name_of_255_octets_is_the_longest() -> None:
    labels = [LONGEST_LABEL] * 3
    assert len(from_wire(wire(*labels, b"a" * 61), 0)[0]) == 255

    with pytest.raises(ValueError, match="longer than 255"):
        from_wire(wire(*labels, b"a" * 62), 0)
    with pytest.raises(ValueError, match="longer than 255"):
        from_wire(b"\x01a" * 128 + b"\x00", 0)


def test_a_wire_name_cut_at_any_octet_is_refused() -> None:
    whole = wire(b"www", b"allowed", b"test")

    for n in range(len(whole)):
        with pytest.raises(ValueError, match=f"cut off at octet {n}"):
            from_wire(whole[:n], 0)


def test_a_name_behind_the_message_is_refused() -> None:
    with pytest.raises(ValueError, match="cut off"):
        from_wire(b"\x00", 2**40)
    with pytest.raises(ValueError, match="cannot stand"):
        from_wire(b"\x00", -1)


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ((), "."),
        ((b"www", b"test"), "www.test"),
        ((b"a.b", b"test"), r"a\.b.test"),
        ((b"a\\b",), r"a\\b"),
        ((b"a b\x00\xff",), r"a\032b\000\255"),
        ((b'";()@$',), r"\"\;\(\)\@\$"),
    ],
)
def test_a_wire_name_prints_with_escapes(labels: tuple[bytes, ...], text: str) -> None:
    assert to_text(wire(*labels)) == text


def test_what_is_more_or_less_than_a_name_does_not_print() -> None:
    with pytest.raises(ValueError, match="1 octets follow"):
        to_text(b"\x01a\x00\x00")
    with pytest.raises(ValueError, match="cut off"):
        to_text(b"\x01a")


def unescaped(text: str) -> bytes:
    """Read back what to_text() wrote: an independent reader of RFC 1035 §5.1."""
    labels = [b""]
    at = 0
    while at < len(text):
        if text[at] == "\\" and text[at + 1].isdigit():
            labels[-1] += bytes([int(text[at + 1 : at + 4])])
            at += 4
        elif text[at] == "\\":
            labels[-1] += text[at + 1].encode()
            at += 2
        else:
            labels = [*labels, b""] if text[at] == "." else [*labels[:-1], labels[-1] + text[at].encode()]
            at += 1
    return wire(*labels) if text != "." else b"\x00"


@given(LABELS)
def test_two_names_print_alike_only_if_they_are_the_same(labels: list[bytes]) -> None:
    folded = wire(*(label.lower() for label in labels))
    if len(folded) <= 255:
        assert unescaped(to_text(wire(*labels))) == folded


@given(st.from_regex(rb"\A([A-Za-z0-9_-]{1,20}\.){0,5}[a-z][A-Za-z0-9_-]{0,20}\Z"))
def test_a_name_printed_and_read_again_is_the_same(text: bytes) -> None:
    assert to_wire(to_text(to_wire(text)).encode()) == to_wire(text)
    assert from_host(text) == to_wire(text)
