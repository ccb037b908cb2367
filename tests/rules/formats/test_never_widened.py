"""What compiles from an entry never blocks a name or URL that the entry's own text does not cover, in any format."""

import csv
import io
import json
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from oracle import urls
from support.lists.workbooks import table as sheet_of
from support.lists.workbooks import workbook

from fastpath.images.verdict import Mode
from fastpath.wire.name import to_text
from mgmt.orders.base.judge import judge_entries
from mgmt.orders.base.model import EntryMode, EntryStatus, Order, is_url, name_text
from rules.base.errors import BadName
from rules.base.protected import ProtectedNames
from rules.base.rule import Rule, SkippedLine, UrlRule
from rules.formats import FORMATS
from rules.formats.addresses import rule_of_cell
from rules.formats.columns import Columns, read_row
from rules.lists.compiler.enforceability import Enforceability, enforceability_of
from rules.lists.letter import Row, read_letter

HOSTS = ("mega.example", "www.t.example", "a-b.example", "x.example.org")
Blocked = list[tuple[str, bool]]  # a name or a URL; with all that lies below it

ENTRIES = st.builds(
    "{}{}{}{}{}{}".format,
    st.sampled_from(["http://", "https://", "HTTP://", "hxxp://", "", "//", "http:/", "https//", "http://https://"]),
    st.sampled_from(HOSTS),
    st.sampled_from(["", ":80", ":443", ":8080", "."]),
    st.sampled_from(
        ["", "/", "/a", "/a/", "/a b", "/.", "/a/../", "//", "/%23", "/*", "/a/*", "/;p", "\\a", "/a, ", " "]
    ),
    st.sampled_from(["", "?", "?q=1", "?q=a/b"]),
    st.sampled_from(["", "#", "#!/x", "#F!a!b", "# c", "#a/*", " #c", "\u200c#x", "#/", " http://other.example/#!/y"]),
)


def value_of(entry: str) -> str:
    return json.dumps(entry)


def stix_of(entry: str) -> dict[str, Any]:
    escaped = entry.replace("\\", "\\\\").replace("'", "\\'")
    said = {"type": "indicator", "pattern_type": "stix", "pattern": f"[url:value = '{escaped}']"}
    return {"type": "bundle", "spec_version": "2.0", "objects": [said]}


WRITTEN: dict[str, tuple[str, Callable[[str], str]]] = {
    "plain": ("plain", str),
    "ut1": ("ut1", str),
    "csv": ("csv", str),
    "csv, a quoted cell": ("csv", lambda e: '"' + e.replace('"', '""') + '"'),
    "csv, with headings": ("csv", lambda e: f"URL;Letter No\n{e};PTA/1"),
    "adblock, a URL": ("adblock", lambda e: f"|{e}|"),
    "adblock, a pattern": ("adblock", lambda e: f"||{e}^"),
    "adblock, bare": ("adblock", str),
    "rpz": ("rpz", lambda e: f"{e} CNAME ."),
    "hosts": ("hosts", lambda e: f"0.0.0.0 {e}"),
    "unbound": ("unbound", lambda e: f"local-zone: {e} always_nxdomain"),
    "unbound, quoted": ("unbound", lambda e: f'local-zone: "{e}" always_nxdomain'),
    "cncpo": ("cncpo", lambda e: f"1;20260101\n{e};;;"),
    "certpl": ("certpl", lambda e: f'[{{"DomainAddress": {value_of(e)}, "DeleteDate": null}}]'),
    "misp": ("misp", lambda e: f'{{"Attribute": [{{"type": "url", "value": {value_of(e)}, "to_ids": true}}]}}'),
    "stix": ("stix", lambda e: json.dumps(stix_of(e))),
    "native": ("native", lambda e: f'{{"format": "cf-list/1", "add": [{{"value": {value_of(e)}, "kind": "url"}}]}}'),
    "native, a subtree": (
        "native",
        lambda e: f'{{"format": "cf-list/1", "add": [{{"value": {value_of(e)}, "kind": "url", "scope": "subtree"}}]}}',
    ),
}


def blocked_by(item: Rule | UrlRule) -> tuple[str, bool]:
    text = to_text(item.wire) if isinstance(item, Rule) else item.url.decode()
    return text, item.mode is not Mode.EXACT


def by_list(name: str, entry: str) -> Blocked:
    form, line = WRITTEN[name]
    found = FORMATS[form](iter(line(entry).encode().splitlines(keepends=True)), Mode.SUBTREE)
    return [blocked_by(item) for item in found if not isinstance(item, SkippedLine)]


def by_workbook(entry: str) -> Blocked:
    found = read_row(2, ["1", entry], Columns((1,)), Mode.SUBTREE)
    return [blocked_by(item) for item in found if isinstance(item, Rule | UrlRule)]


def by_api(entry: str) -> Blocked:
    order = Order("PTA", "1", "g", "subtree", None, False, ((entry, "subtree"),))
    return [
        (name_text(each.wire), each.mode in ("subtree", EntryMode.URL_PREFIX))
        for each in judge_entries(order, ProtectedNames())
        if each.status == EntryStatus.PENDING and each.wire is not None and (is_url(each.wire) or each.mode)
    ]


def covered(entry: str, folders: bool) -> list[tuple[str, bool]]:
    """What a person reads in an entry: each of its addresses, and whether all that lies below is meant.

    folders  a URL means all below its path, unless it ends in a fragment"""
    found = []
    for word in entry.split():
        if word.startswith("#"):  # a comment
            break
        for said in (word, word.removesuffix(","), word.replace("\u200c", "")):
            found += covered_by_word(said, folders)
    return found


def covered_by_word(word: str, folders: bool) -> list[tuple[str, bool]]:
    word = word.replace("hxxp", "http").replace("\\", "/")
    _scheme, colon, rest = word.partition(":/")
    parts = urlsplit("http://" + (rest.lstrip("/") if colon else word.lstrip("/")))
    if (parts.hostname or "").removesuffix(".") not in (*HOSTS, "other.example"):
        return []
    host, _, behind = canonical(parts.netloc, parts.path, parts.query).partition("/")
    if not behind and parts.fragment:
        return []
    if behind in ("", "*") and ":" not in host and not parts.fragment:
        return [(host, True), (f"{host}/{behind}", folders)]
    found = [(f"{host}/{behind}", folders and not parts.fragment)]
    if found[0][1]:
        found.append((found[0][0].removesuffix("/"), True))
    if parts.path.endswith("/*") and not parts.query and not parts.fragment:
        whole = canonical(parts.netloc, parts.path[:-1], "")
        found += [(whole, True), *([(whole.removesuffix("/"), True)] if folders else [])]
    return found


def canonical(netloc: str, path: str, query: str) -> str:
    found = urls.canonical(f"http://{netloc}{path}{'?' + query if query else ''}".encode())
    assert found is not None
    return found.decode()


def is_within(blocked: tuple[str, bool], entry: str, folders: bool = False) -> bool:
    return any(blocked in ((text, below), (text, False)) for text, below in covered(entry, folders))


@pytest.mark.parametrize("name", WRITTEN)
@given(entry=ENTRIES)
@example(entry="mega.example:8080")
def test_no_list_blocks_what_its_entry_does_not_cover(name: str, entry: str) -> None:
    assume(name != "csv" or ";" not in entry)  # where the file has no headings, a semicolon ends a cell
    if name == "hosts":  # hosts(5): names end at blanks and at any `#`
        entry = re.split("[ #]", entry)[0]
    means_folders = name in ("ut1", "native, a subtree")

    assert [each for each in by_list(name, entry) if not is_within(each, entry, means_folders)] == []


@given(entry=ENTRIES)
def test_no_workbook_and_no_order_blocks_what_its_entry_does_not_cover(entry: str) -> None:
    found = [*by_workbook(entry), *by_api(entry)]

    assert [each for each in found if not is_within(each, entry)] == []


@pytest.mark.parametrize("name", WRITTEN)
@pytest.mark.parametrize("entry", ["http://mega.example/#!/x", "https://mega.example/#F!a!b", "mega.example/#F!a"])
def test_a_fragment_alone_blocks_nothing_and_is_reported(name: str, entry: str) -> None:
    form, line = WRITTEN[name]
    found = list(FORMATS[form](iter(line(entry).encode().splitlines(keepends=True)), Mode.SUBTREE))

    assert [type(item) for item in found] == [SkippedLine]


def test_a_fragment_alone_is_not_enforceable_at_this_layer() -> None:
    said = [item for item in FORMATS["plain"](iter([b"http://mega.example/#!/x\n"]), Mode.SUBTREE)]
    order = Order(
        "PTA", "1", "g", "subtree", datetime(2026, 1, 1, tzinfo=UTC), False, (("mega.example/#a", "subtree"),)
    )

    assert [enforceability_of(item.reason) for item in said if isinstance(item, SkippedLine)] == [
        Enforceability.NOT_AT_THIS_LAYER
    ]
    assert [each.status for each in judge_entries(order, ProtectedNames())] == ["not_enforceable_at_this_layer"]


# Rows of tables: what each kind of cell names, in any order of the columns

HOST, HOST_URL, PAGE, BROKEN, NOTHING = "host", "URL of a host", "page", "page that cannot be read", "nothing"
NAMED = {
    "bad.example": (HOST, "bad.example"),
    "Bad.Example.": (HOST, "bad.example"),
    "www.bad.example": (HOST, "www.bad.example"),
    "a.www.bad.example": (HOST, "a.www.bad.example"),
    "other.test": (HOST, "other.test"),
    "http://bad.example/": (HOST_URL, "bad.example"),
    "https://www.bad.example": (HOST_URL, "www.bad.example"),
    "http://bad.example/page": (PAGE, "bad.example"),
    "hxxp://www.bad[.]example/page?a=1": (PAGE, "www.bad.example"),
    "bad.example/page": (PAGE, "bad.example"),
    "http://bad.example:8080/": (PAGE, "bad.example"),
    "www.bad.example:8080": (PAGE, "www.bad.example"),
    "http://other.test/page": (PAGE, "other.test"),
    "http://192.0.2.7/page": (PAGE, None),
    "http://bad.example/some page": (BROKEN, "bad.example"),
    "www.bad.example/some page": (BROKEN, "www.bad.example"),
    "ftp://bad.example/page": (BROKEN, "bad.example"),
    "http://bad.example/#!/page": (BROKEN, "bad.example"),
}
BESIDE = ["192.0.2.7", "2001:db8::7", "192.0.2.0/24", "192.0.2.7 | 192.0.2.8", "04.08.2026", "2026-08-04 10:00:00"]
BESIDE += ["04/08/2026", "gambling", "Block", "1"]
BLANK = ["", " ", "N/A", "-", "none", "NULL", "n.a.", "ندارد", "نہیں"]
HEADINGS = {HOST: ["Domain", "Host", "Website"], HOST_URL: ["URL", "Website"], PAGE: ["URL", "Link", "Full path"]}
HEADINGS |= {BROKEN: HEADINGS[PAGE], NOTHING: ["IP", "Date", "Category", "Netz"]}
KNOWN = {"Domain", "Host", "Website", "URL", "Link"}
ANY_HEADINGS = ["URL", "Domain", "Full path", "Date"]
CELLS = st.sampled_from([*NAMED, *BESIDE, *BLANK]) | st.sampled_from(list(NAMED))
ROWS = st.lists(CELLS, min_size=1, max_size=5).flatmap(st.permutations)


def read_as(form: str, rows: Sequence[Sequence[str]]) -> list[Rule | UrlRule | SkippedLine]:
    """What a reader makes of a table."""
    if form == "xlsx":
        return list(FORMATS["xlsx"](io.BytesIO(workbook({"a": sheet_of(*rows)})), Mode.SUBTREE))
    text = io.StringIO()
    quoted = csv.writer(text, delimiter=form[-1], quoting=csv.QUOTE_ALL)
    (quoted if "quoted" in form else csv.writer(text, delimiter=form[-1])).writerows(rows)
    if "letter" not in form:
        return list(FORMATS["csv"](iter(text.getvalue().encode().splitlines(keepends=True)), Mode.SUBTREE))
    return [entry_of(row) for row in read_letter(text.getvalue().encode(), None, lambda _said: None).rows]


def entry_of(row: Row) -> Rule | UrlRule | SkippedLine:
    """What becomes of a letter's row: its address is read when the order is judged."""
    number = int(row.place)
    try:
        if row.fault is None:
            return rule_of_cell(row.value, Mode.SUBTREE, Mode.EXACT, number)
    except BadName as why:
        return SkippedLine(number, 1, row.value, why.reason)
    return SkippedLine(number, 1, row.value, row.fault)


def is_host_of(name: str, other: str | None) -> bool:
    """Whether closing a name closes another one."""
    return other is not None and (other == name or other.endswith("." + name))


FORMS = ["csv ;", "csv ,", "csv \t", "csv |", "quoted csv ;", "quoted csv ,", "letter ;", "xlsx"]


@pytest.mark.parametrize("form", FORMS)
@given(cells=ROWS, has_headings=st.booleans(), data=st.data())
@example(cells=["192.0.2.7", "bad.example", "http://bad.example/page"], has_headings=False, data=None)
@example(cells=["N/A", "bad.example"], has_headings=True, data=None)
def test_no_row_of_a_table_blocks_more_than_its_narrowest_cell_names_and_none_is_silent(
    form: str, cells: list[str], has_headings: bool, data: Any
) -> None:
    kinds = [NAMED.get(cell, (NOTHING, None)) for cell in cells]
    assume(any(cell.strip() for cell in cells))
    filler = [["-" for _cell in cells]] * 2  # so that the file shows what divides its cells
    headings: list[list[str]] = []
    if has_headings:
        wanted = [ANY_HEADINGS if c in BLANK else HEADINGS[k] for c, (k, _host) in zip(cells, kinds, strict=True)]
        headings = [[each[0] if data is None else data.draw(st.sampled_from(each)) for each in wanted]]
        assume(KNOWN & {*headings[0]})
    number = len(headings) + 1

    found = [item for item in read_as(form, [*headings, cells, *filler]) if item.line == number]

    assert found, "the row is silent"
    assert all(item.reason and item.column for item in found if isinstance(item, SkippedLine))
    for item in found:
        if isinstance(item, Rule):
            name = to_text(item.wire)
            assert name in {host for kind, host in kinds if kind in (HOST, HOST_URL)}
            assert not [host for kind, host in kinds if kind in (PAGE, BROKEN) and is_host_of(name, host)]
            assert not [host for kind, host in kinds if kind == HOST and host != name and is_host_of(name, host)]
        elif isinstance(item, UrlRule):
            assert PAGE in {kind for kind, _host in kinds}
    hosts = {host for kind, host in kinds if kind != NOTHING}
    is_known = [not headings or heading in KNOWN for heading in (headings or [cells])[0]]
    is_found = any(known and kind != NOTHING for known, (kind, _host) in zip(is_known, kinds, strict=True))
    if is_found and BROKEN not in {kind for kind, _host in kinds} and not hosts & {"other.test", None}:
        pages = {known for known, (kind, _host) in zip(is_known, kinds, strict=True) if kind == PAGE}
        expected = UrlRule if True in pages else SkippedLine if pages else Rule
        assert [type(item) for item in found] == [expected]
