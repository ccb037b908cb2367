"""What every format of lines does with what is wrong in any file."""

import tracemalloc
from collections.abc import Callable, Iterator

import pytest
from support.lists.outcomes import IterRules, complaints, items, rules

from fastpath.images.verdict import Mode
from rules.base import local_data
from rules.base.errors import BadList
from rules.base.lines import HAS_DIRECTION_MARK, HAS_NUL, LINE_TOO_LONG
from rules.base.rule import Rule, SkippedLine
from rules.formats import adblock, dnsmasq, hosts, plain, rpz, unbound, ut1

LINES: dict[str, tuple[IterRules, Callable[[str], str]]] = {
    "plain": (plain.iter_rules, "{}".format),
    "hosts": (hosts.iter_rules, "0.0.0.0 {}".format),
    "dnsmasq": (dnsmasq.iter_rules, "address=/{}/0.0.0.0".format),
    "adblock": (adblock.iter_rules, "||{}^".format),
    "rpz": (rpz.iter_rules, "{} CNAME .".format),
    "rpz data": (rpz.iter_rules, "{} A 192.0.2.1".format),
    "unbound": (unbound.iter_rules, 'local-zone: "{}" always_nxdomain'.format),
    "unbound data": (unbound.iter_rules, 'local-data: "{} A 192.0.2.1"'.format),
    "ut1": (ut1.iter_rules, "{}".format),
}
every_format = pytest.mark.parametrize(("iter_rules", "line"), LINES.values(), ids=LINES)


@every_format
def test_a_byte_order_mark_and_either_end_of_line_say_nothing(
    iter_rules: IterRules, line: Callable[[str], str]
) -> None:
    text = f"\ufeff{line('a.example')}\r\n\r\n{line('b.example')}\n{line('c.example')}"

    found = items(iter_rules, text)

    assert sorted((name, item.line) for (name, _), item in zip(rules(found), found, strict=True)) == [
        ("a.example", 1),
        ("b.example", 3),
        ("c.example", 4),
    ]


@every_format
@pytest.mark.parametrize("text", ["", "\n\n", "  \r\n\t\n", "\ufeff", "# nothing\n", "; nothing\n"])
def test_an_empty_file_has_no_rules(iter_rules: IterRules, line: Callable[[str], str], text: str) -> None:
    assert rules(items(iter_rules, text)) == []


@every_format
@pytest.mark.parametrize("page", ["<!DOCTYPE html><p>502", "\n\n  <html>", "\ufeff<head>", "<?xml version='1.0'?>"])
def test_a_page_instead_of_a_list_is_refused_with_its_line(
    iter_rules: IterRules, line: Callable[[str], str], page: str
) -> None:
    with pytest.raises(BadList, match=r"line \d: a web page instead of a list; not read; "):
        items(iter_rules, page)


@every_format
@pytest.mark.parametrize(
    ("name", "mark", "reason"),
    [
        ("a\0.example", "\0", HAS_NUL),
        ("a\u202e.example", "\u202e", HAS_DIRECTION_MARK),
        ("a\u2066.example", "\u2066", HAS_DIRECTION_MARK),
    ],
)
def test_a_hidden_octet_costs_its_line_and_is_located(
    iter_rules: IterRules, line: Callable[[str], str], name: str, mark: str, reason: str
) -> None:
    faulty = line(name)

    found = items(iter_rules, f"{line('b.example')}\n{faulty}\n")

    assert [name for name, _ in rules(found)] == ["b.example"]
    assert complaints(found) == [(2, faulty.index(mark) + 1, reason)]
    assert all(item.text.isprintable() for item in found if isinstance(item, SkippedLine))


@every_format
@pytest.mark.parametrize(
    "name",
    [
        "a" * 64 + ".example",
        ".".join(["a" * 63] * 4) + ".example",
        "a..example",
        "192.0.2.1",
        "\u00fc\ud83d",
        "-" * 2,
        "%",
    ],
)
def test_a_name_that_is_none_is_reported_and_nothing_else(
    iter_rules: IterRules, line: Callable[[str], str], name: str
) -> None:
    octets = f"{line('b.example')}\n{line(name)}\n{line('c.example')}\n".encode("utf-8", "surrogatepass")

    found = items(iter_rules, octets)

    assert {name for name, _ in rules(found)} >= {"b.example", "c.example"}
    assert {item.line for item in found if isinstance(item, Rule)} <= {1, 2, 3}
    assert {number for number, _, _ in complaints(found)} <= {2}
    assert name == "--" or len(complaints(found)) == 1


@every_format
def test_a_line_without_end_is_reported(iter_rules: IterRules, line: Callable[[str], str]) -> None:
    found = items(iter_rules, f"{line('x' * 5000)}\n{line('b.example')}\n")

    assert [name for name, _ in rules(found)] == ["b.example"]
    assert complaints(found) == [(1, 2049, LINE_TOO_LONG)]


@every_format
def test_a_list_that_is_cut_gives_what_stands_before_the_cut(iter_rules: IterRules, line: Callable[[str], str]) -> None:
    whole = f"{line('a.example')}\n{line('b.example')}\n".encode()

    for n in range(len(whole)):
        found = items(iter_rules, whole[:n])
        complete = whole[:n].count(b"\n")
        assert [name for name, _ in rules(found)][:complete] == ["a.example", "b.example"][:complete]
        assert len(found) <= complete + 1


@every_format
@pytest.mark.parametrize(
    "junk",
    [b"\xff\xfe", b"\x80", b"\x1b[2J", b"'\"()[]{}|^$*/\\#!;=,:@~%&", b"=cmd|' /C calc'!A0"],
)
def test_junk_becomes_complaints_with_line_and_column(
    iter_rules: IterRules, line: Callable[[str], str], junk: bytes
) -> None:
    found = items(iter_rules, line("b.example").encode() + b"\n" + junk + b"\n")

    assert [name for name, _ in rules(found)] == ["b.example"]
    assert [(number, column >= 1) for number, column, _ in complaints(found)] in ([(2, True)], [])


@every_format
def test_memory_does_not_grow_with_the_list(
    iter_rules: IterRules, line: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_data, "MAX_REMEMBERED", 256)

    def lines(n: int) -> Iterator[bytes]:
        for i in range(n):
            yield f"{line(f'n{i}.example')}\n".encode()

    def peak_of(n: int) -> int:
        tracemalloc.start()
        try:
            assert sum(1 for _ in iter_rules(lines(n), Mode.SUBTREE)) == n
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few = peak_of(500)
    many = peak_of(20_000)

    assert many - few < 200_000  # ten octets a line; other threads of this process are counted, too
