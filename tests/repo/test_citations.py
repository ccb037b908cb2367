"""What code, tests and manual cite is in the repository, or is a standard that docs/references.md lists."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SEMANTICS, RULES = "docs/semantics.md", "docs/gate-rules.md"
EVASIONS, REFERENCES = "docs/evasions.md", "docs/references.md"

SIGN = "\N{SECTION SIGN}"  # so that this file passes its own test
SECTION = re.compile(SIGN + r"(\d+(?:\.\d+)*)")
WELL_FORMED = re.compile(SIGN + r"(?:\d+|[A-Z])(?:\.\d+)*(?!\w)")
OF_SEMANTICS = re.compile(rf"\bsemantics(?:\.md\))?((?:(?:,| and)? {SIGN}[\d.]*\d(?: \([^()]*\))?)+)")
OF_RFC = re.compile(rf"\bRFC \d+(?:(?:,| and)? {SIGN}[\d.]*\d)+")
RULE = re.compile(r"(?<![\w%#])R\d+\b")
EVASION = re.compile(r"(?<![\w%#])E\d\d\b")
RFC = re.compile(r"\bRFC \d+")
DRAFT = re.compile(r"\bdraft-[a-z]+(?:-[a-z]+)+")
DOCUMENT = re.compile(r"\w[\w./-]*\.md\b")
LINK = re.compile(r"\]\((?!https?:)([^)#\s]+)")
# Papers that only those who wrote the code have seen; put together here for the same reason.
UNPUBLISHED = re.compile(
    r"\b(?:portal|the) " + r"brief\b|\bPR ?\d+\b|\bdesign " + r"page\b|\bissue #?\d+|\bfault [A-Z]\d+"
)
FOREIGN = {"JA4.md"}  # of FoxIO's repository

Files = Callable[..., list[Path]]


def in_one_line(text: str) -> str:
    """A citation may go on in the next line, behind a comment's mark."""
    return re.sub(r"\s*\n[\s#*]*", " ", text)


def sections_of_semantics(name: str, text: str) -> Iterator[str]:
    """The sections that a text cites; in the page itself also those without its name."""
    if name == SEMANTICS:
        yield from SECTION.findall(OF_RFC.sub("", text))
    for cited in OF_SEMANTICS.findall(text):
        yield from SECTION.findall(cited)


@pytest.fixture(scope="module")
def texts(root: Path, files: Files) -> dict[str, str]:
    """Every text of the repository by its path; what holds a NUL octet is none."""
    read = {str(path): (root / path).read_bytes() for path in files() if path.parts[:3] != ("tests", "fuzz", "corpus")}
    return {name: in_one_line(octets.decode(errors="replace")) for name, octets in read.items() if b"\0" not in octets}


def found(texts: dict[str, str], pattern: re.Pattern[str], known: set[str]) -> list[str]:
    """The places that cite what is not known."""
    return [f"{name}: {cited}" for name, text in texts.items() for cited in pattern.findall(text) if cited not in known]


def test_a_section_of_the_semantics_that_is_cited_exists(root: Path, texts: dict[str, str]) -> None:
    there = set(re.findall(r"^##+ (\d+(?:\.\d+)*)\.? ", (root / SEMANTICS).read_text(), re.MULTILINE))
    cited = [(name, section) for name, text in texts.items() for section in sections_of_semantics(name, text)]

    assert [f"{name}: semantics {section}" for name, section in cited if section not in there] == []


def test_a_rule_of_the_gate_that_is_cited_exists(root: Path, texts: dict[str, str]) -> None:
    there = set(re.findall(r"^## (R\d+)$", (root / RULES).read_text(), re.MULTILINE))

    assert found(texts, RULE, there) == []


def test_an_evasion_that_is_cited_has_its_row(root: Path, texts: dict[str, str]) -> None:
    there = set(re.findall(r"^\| (E\d\d) \|", (root / EVASIONS).read_text(), re.MULTILINE))

    assert found(texts, EVASION, there) == []


@pytest.mark.parametrize("pattern", [RFC, DRAFT], ids=["RFC", "draft"])
def test_the_standards_that_are_cited_are_those_that_are_listed(
    root: Path, texts: dict[str, str], pattern: re.Pattern[str]
) -> None:
    rows = re.findall(r"^\| (\S+(?: \d+)?) \|", (root / REFERENCES).read_text(), re.MULTILINE)
    listed = [row for row in rows if pattern.fullmatch(row)]
    cited = {each for name, text in texts.items() if name != REFERENCES for each in pattern.findall(text)}

    assert found(texts, pattern, set(listed)) == []
    assert [row for row in listed if row not in cited] == []
    assert len(listed) == len(set(listed))


def test_a_section_is_cited_by_its_number_or_its_appendix(texts: dict[str, str]) -> None:
    bad = [f"{name}: {text[at : at + 20]}" for name, text in texts.items() for at in _malformed(text)]

    assert bad == []


def test_no_document_is_cited_that_is_not_here(texts: dict[str, str]) -> None:
    there = {Path(name).name for name in texts} | FOREIGN
    absent = [
        f"{name}: {cited}"
        for name, text in texts.items()
        for cited in DOCUMENT.findall(text)
        if Path(cited).name not in there
    ]

    assert absent + found(texts, UNPUBLISHED, set()) == []


def test_a_link_of_a_page_leads_to_a_file(root: Path, texts: dict[str, str]) -> None:
    links = [(name, to) for name, text in texts.items() if name.endswith(".md") for to in LINK.findall(text)]

    assert [f"{name}: {to}" for name, to in links if not ((root / name).parent / to).exists()] == []


@pytest.mark.parametrize(
    ("text", "sections"),
    [
        ("Source: semantics §3, §4 (EDE).", ["3", "4"]),
        ("semantics §4.2 and §8; RFC 2181 §9", ["4.2", "8"]),
        ("semantics §6, RFC 9110 §13", ["6"]),
        ("[semantics.md](semantics.md) §5 says", ["5"]),
        ("RFC 2181 §8, of no semantics", []),
    ],
)
def test_sections_of_the_semantics_are_told_from_others(text: str, sections: list[str]) -> None:
    assert list(sections_of_semantics("a.py", text)) == sections


def test_in_its_own_page_a_section_needs_no_name() -> None:
    assert list(sections_of_semantics(SEMANTICS, "(§5.6, RFC 3986 §5.2.4)")) == ["5.6"]


def test_rules_evasions_and_documents_are_found() -> None:
    rule, row = "R" + "10", "E" + "07"
    cited = {"a": f"rule {rule}, {row}\u2013{row}", "b": f"0x{row} %{row} x{rule} #{row}"}

    assert found(cited, RULE, set()) == [f"a: {rule}"]
    assert found(cited, EVASION, set()) == [f"a: {row}", f"a: {row}"]
    assert found({"a": "the portal " + "brief; PR" + "8; SPR" + "8"}, UNPUBLISHED, set()) == [
        "a: portal " + "brief",
        "a: PR" + "8",
    ]
    assert DOCUMENT.findall("see (docs/lists.md), ../README.md and a.mdx") == ["docs/lists.md", "README.md"]
    assert DRAFT.findall("draft-ietf-tls-esni-25 §6, draft-29") == ["draft-ietf-tls-esni"]


def test_a_section_that_is_none_is_found() -> None:
    assert _malformed("RFC 2181 §4.1, §B.4, §2-3") == []
    assert _malformed(f"{SIGN} 4 {SIGN}{SIGN}5") == [0, 4]


def test_a_citation_goes_on_in_the_next_line() -> None:
    assert in_one_line("# semantics\n    # §3\n") == "# semantics §3 "


def _malformed(text: str) -> list[int]:
    return [match.start() for match in re.finditer(SIGN, text) if not WELL_FORMED.match(text, match.start())]
