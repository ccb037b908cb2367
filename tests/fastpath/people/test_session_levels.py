import ipaddress
import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.images.opened import Images

from fastpath.images.image import BadImage
from fastpath.images.tables import TableSet
from fastpath.people.session_levels import (
    open_sessions,
    run_at,
    session_ranges,
    sessions_generation,
    with_sessions,
)


def test_an_address_of_a_line_is_that_lines_and_any_other_one_the_sessions(images: Images) -> None:
    lines = images.subscribers([("192.0.2.0/28", 1), ("192.0.2.16/28", 2)])
    released = images.subscribers([("192.0.2.16/28", None)], lines)
    sessions = images.subscribers([("192.0.2.0/24", 9), ("2001:db8::/56", 8)])

    tables = TableSet(subscribers=lines, subscribers_delta=released, sessions=[sessions])

    assert [tables.subscriber_of(f"192.0.2.{n}") for n in (1, 17, 33)] == [1, 9, 9]
    assert tables.subscriber_of("2001:db8::1") == 8
    assert sessions_generation(tables) == sessions.generation
    assert tables.public().subscriber_of("192.0.2.33") == 9
    assert with_sessions(tables, []).subscriber_of("192.0.2.33") is None


def test_a_younger_level_of_sessions_hides_what_is_below_it(images: Images) -> None:
    base = images.subscribers([("192.0.2.7/32", 7), ("192.0.2.8/32", 8)])
    delta = images.subscribers([("192.0.2.7/32", None)], base)
    young = images.subscribers([("192.0.2.8/32", 80)], delta)

    tables = TableSet(sessions=[base, delta, young])

    assert [tables.subscriber_of(f"192.0.2.{n}") for n in (7, 8)] == [None, 80]
    with pytest.raises(BadImage, match="a delta of sessions"):
        TableSet(sessions=[base, None, young])


PREFIXES = st.tuples(st.integers(0, 31), st.integers(27, 32)).map(
    lambda p: str(ipaddress.ip_network((0xC0000200 + p[0], p[1]), strict=False))
)
ROWS = st.dictionaries(PREFIXES, st.integers(1, 5), max_size=6)


@settings(deadline=None)
@given(lines=ROWS, base=ROWS, young=st.dictionaries(PREFIXES, st.one_of(st.none(), st.integers(1, 5)), max_size=6))
def test_runs_and_ranges_agree_with_the_search_for_each_address(
    tmp_path_factory: pytest.TempPathFactory,
    lines: dict[str, int],
    base: dict[str, int],
    young: dict[str, int | None],
) -> None:
    images = Images(tmp_path_factory.mktemp("runs"))
    below = images.subscribers(list(base.items()))
    tables = TableSet(
        subscribers=images.subscribers(list(lines.items())),
        sessions=[below, None, images.subscribers(list(young.items()), below)],
    )

    for number in range(0xC0000200, 0xC0000220):
        address = number.to_bytes(4, "big")
        holder, last = run_at(tables, address)
        assert holder == tables.subscriber_of(str(ipaddress.ip_address(number)))
        assert last >= number
        run = range(number, min(last, 0xC0000220) + 1)
        assert {run_at(tables, each.to_bytes(4, "big"))[0] for each in run} == {holder}
    of_three = {
        number
        for _, first, last in session_ranges(tables, {3})
        for number in range(first, last + 1)
        if run_at(tables, number.to_bytes(4, "big"))[0] == 3
    }
    static = with_sessions(tables, [])
    found = {
        number
        for number in range(0xC0000200, 0xC0000220)
        if run_at(tables, number.to_bytes(4, "big"))[0] == 3 and run_at(static, number.to_bytes(4, "big"))[0] is None
    }
    assert found <= of_three


def test_the_last_address_of_a_run_is_exact_in_ipv6_over_the_halves_of_an_address(images: Images) -> None:
    tables = TableSet(sessions=[images.subscribers([("2001:db8:0:1::/64", 7), ("2001:db8:0:1:8000::/65", 8)])])
    first = int(ipaddress.ip_address("2001:db8:0:1::"))

    assert run_at(tables, bytes(16)) == (None, first - 1)
    assert run_at(tables, first.to_bytes(16, "big")) == (7, first + (1 << 63) - 1)
    assert run_at(tables, (first + (1 << 63)).to_bytes(16, "big")) == (8, first + (1 << 64) - 1)
    assert run_at(tables, (first + (1 << 64)).to_bytes(16, "big")) == (None, (1 << 128) - 1)
    assert session_ranges(tables, {7, 8}) == {
        (6, first, first + (1 << 63) - 1),
        (6, first + (1 << 63), first + (1 << 64) - 1),
    }


def test_a_manifest_of_sessions_names_its_levels(images: Images) -> None:
    base = images.subscribers([("192.0.2.7/32", 7)])
    manifest = images.folder / "sessions.json"
    manifest.write_text(f'{{"base": "{Path(base.path).name}", "delta": null}}')

    [opened, delta, young] = open_sessions(manifest)

    assert (opened and opened.generation, delta, young) == (base.generation, None, None)
    assert open_sessions(manifest, [opened])[0] is opened
    with pytest.raises(BadImage, match="only uid 12345"):
        open_sessions(manifest, owners={12345})


def written(folder: Path, text: str) -> Path:
    path = folder / "sessions.json"
    path.write_text(text)
    return path


def test_levels_that_are_changed_cut_short_or_grown_in_place_change_nothing_that_is_served(
    images: Images, tmp_path: Path
) -> None:
    base = Path(images.subscribers([("192.0.2.7/32", 7)]).path)
    manifest = written(base.parent, f'{{"base": "{base.name}"}}')
    served = TableSet(sessions=open_sessions(manifest))

    base.write_bytes(b"\xff" * base.stat().st_size)
    assert served.subscriber_of("192.0.2.7") == 7
    os.truncate(base, 0)
    assert served.subscriber_of("192.0.2.7") == 7
    os.truncate(base, 1 << 40)
    with pytest.raises(BadImage, match="are the most that is read"):
        open_sessions(manifest)


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "7",
        '{"base": 7}',
        '{"base": ""}',
        '{"base": "../other.img"}',
        '{"base": "/etc/hostname"}',
        "[" * 60_000,
        '{"base": null}' + " " * (1 << 17),
    ],
)
def test_a_manifest_of_sessions_that_is_none_is_refused_and_leads_nowhere(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadImage, match="no manifest of sessions"):
        open_sessions(written(tmp_path, text))


def test_a_fifo_in_the_place_of_a_level_or_of_the_manifest_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")

    with pytest.raises(OSError, match="no regular file"):
        open_sessions(tmp_path / "fifo")
    with pytest.raises(OSError, match="no regular file"):
        open_sessions(written(tmp_path, '{"young": "fifo"}'))
