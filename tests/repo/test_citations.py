"""What code, tests and manual cite is in the repository, or is a standard that docs/reference/references.md lists."""

import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

SEMANTICS, RULES = "docs/reference/semantics.md", "docs/internals/gate-rules.md"
EVASIONS, REFERENCES = "docs/reference/evasions.md", "docs/reference/references.md"

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
PAGE = re.compile(
    r"CONTRIBUTING\.md|SECURITY\.md|docs/.+\.md|([^/]+/)?README\.md"
)  # the changelog tells of what was, too
CODE = re.compile(r"^ *```.*?^ *```|`[^`\n]+`", re.MULTILINE | re.DOTALL)
SOURCE = re.compile(r"(?<![\w./*~-])\w[\w/]*\.(?:pyx|pxd|pyi|py|md)\b")
EXAMPLE = re.compile(r"^Example to follow: `?(\w+)", re.MULTILINE)  # whose name stands for NAME in its checklist
STEP = re.compile(r"^(?=\d+\. |Check:|## )", re.MULTILINE)
CALLED = re.compile(r"`(?:\w+\.)*(\w+)\(.*?\)`")
CALLED_IN = re.compile(r"`(\w+)\(\)`(?:,? (?:and|or) `(\w+)\(\)`)?\s+(?:of|in)\s+`([\w./]+)`")
MODULES = re.compile(r"^\| (`[^|]+) \|", re.MULTILINE)  # the first cell of a row
CONSTANT = re.compile(r"`([A-Z][A-Z_]+[A-Z])`")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
ANCHORED = re.compile(r"\]\((?!https?:)([^)#\s]*)#([^)\s]+)\)")
DEFINED = r"^ *(?:async def|def|cp?def) (?:.*[ *])?{}\("

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
    texts: dict[str, str], pattern: re.Pattern[str]
) -> None:
    listed = pattern.findall(texts[REFERENCES])
    cited = {each for name, text in texts.items() if name != REFERENCES for each in pattern.findall(text)}

    assert found(texts, pattern, set(listed)) == []
    assert [each for each in listed if each not in cited] == []
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


# -- what pages name of the repository ---------------------------------------------------------------------------------


class Tree:
    """Files and folders of the repository as pages name them: whole, or by the end of their path, a module also without
    its suffix."""

    def __init__(self, root: Path, files: list[Path]) -> None:
        self._root = root
        self._found: defaultdict[str, set[str]] = defaultdict(set)
        for path in files:
            for means in (path, path.with_suffix("") if path.suffix in {".py", ".pyx"} else path, *path.parents[:-1]):
                for at in range(len(means.parts)):
                    self._found["/".join(means.parts[at:])].add(str(path))
        tops = sorted({path.parts[0] for path in files if len(path.parts) > 1}, reverse=True)
        self._path = re.compile(rf"(?<![\w./~-])(?:{'|'.join(map(re.escape, tops))})/[\w./*-]*|{SOURCE.pattern}")

    def paths_in(self, text: str) -> list[str]:
        """The paths of the repository in what a text shows as code."""
        return [path.rstrip("./") for code in CODE.findall(text) for path in self._path.findall(code)]

    def files_of(self, path: str) -> set[str]:
        """The files that a path means; those in it, if it is a folder."""
        if "*" not in path:
            return self._found.get(path, set())
        return {name for found, names in self._found.items() if fnmatchcase(found, path) for name in names}

    def text_of(self, paths: list[str]) -> str:
        names = {name for path in paths for name in self.files_of(path)}
        return "\n".join((self._root / name).read_text(errors="replace") for name in sorted(names))


@pytest.fixture(scope="module")
def tree(root: Path, files: Files) -> Tree:
    return Tree(root, files())


@pytest.fixture(scope="module")
def pages(root: Path, files: Files) -> dict[str, str]:
    return {str(path): (root / path).read_text() for path in files(".md") if PAGE.fullmatch(str(path))}


def parts_of(page: str) -> Iterator[str]:
    """The chapters of a page; where one has an example, its name stands for NAME, elsewhere any does."""
    for chapter in re.split(r"^(?=## )", page, flags=re.MULTILINE):
        example = EXAMPLE.search(chapter)
        yield re.sub("NAME|LANGUAGE|TARGET", example[1] if example else "*", chapter)


def test_a_path_that_a_page_names_exists(pages: dict[str, str], tree: Tree) -> None:
    named = [(page, path) for page, text in pages.items() for part in parts_of(text) for path in tree.paths_in(part)]

    assert len(named) > 450
    assert [f"{page}: {path}" for page, path in named if not tree.files_of(path)] == []


def test_a_function_that_a_page_names_is_in_the_file_that_it_names(pages: dict[str, str], tree: Tree) -> None:
    named = [(page, *each) for page, text in pages.items() for each in CALLED_IN.findall(text)]
    absent = [
        f"{page}: {name}() in {path}"
        for page, first, second, path in named
        for name in filter(None, (first, second))
        if not re.search(DEFINED.format(name), tree.text_of([path]), re.MULTILINE)
    ]

    assert named and absent == []


def test_the_map_of_the_compiled_code_has_every_module_and_no_other(pages: dict[str, str], files: Files) -> None:
    folders = re.findall(r"^### (\w+): .*\n([^#]+)", pages["fastpath/README.md"], re.MULTILINE)
    named = {
        (folder, name) for folder, table in folders for row in MODULES.findall(table) for name in CODE.findall(row)
    }
    there = {
        (path.parts[1], f"`{path.stem}`")
        for path in files(".pyx", ".pxd", ".py", under=("fastpath",))
        if path.parts[2:]
    }
    shown = {folder for folder, _ in folders}

    assert shown == {"base", "wire", "images", "report", "people", "gate", "tap", "dns"}
    assert named == {(folder, name) for folder, name in there if folder in shown and name != "`__init__`"}


def test_what_a_checklist_names_is_in_a_file_of_the_same_step(pages: dict[str, str], tree: Tree) -> None:
    checklists = [part for part in parts_of(pages["CONTRIBUTING.md"]) if EXAMPLE.search(part)]
    steps = [step for part in checklists for step in STEP.split(part)]
    named = [(step, name) for step in steps for name in CALLED.findall(step) + CONSTANT.findall(step)]

    assert len(named) > 20
    assert [
        f"{step[:40]}: {name}"
        for step, name in named
        if not re.search(rf"\b{re.escape(name)}\b", tree.text_of(tree.paths_in(step)))
    ] == []


def test_a_link_to_a_heading_leads_to_one(root: Path, pages: dict[str, str]) -> None:
    anchors = {page: set(map(anchor, HEADING.findall(CODE.sub("", text)))) for page, text in pages.items()}
    links = [(page, to, heading) for page, text in pages.items() for to, heading in ANCHORED.findall(text)]
    targets = [
        (page, str((root / page).parent.joinpath(to).resolve().relative_to(root)) if to else page, heading)
        for page, to, heading in links
    ]

    assert links
    assert [f"{page}: {to}#{heading}" for page, to, heading in targets if heading not in anchors[to]] == []


@pytest.mark.parametrize(
    ("text", "paths"),
    [
        (
            "`mgmt/web/api/` and `rules/formats/certpl.py`, `lines.py`",
            ["mgmt/web/api", "rules/formats/certpl.py", "lines.py"],
        ),
        ("```sh\nmake x\npytest tests/rules -k x\n```", ["tests/rules"]),
        ("a state's `images/current.json`, `/var/lib/dns/key`, `build/x`", []),
        ("mgmt/web/api/gone.py outside of code", []),
    ],
)
def test_paths_of_the_repository_are_taken_from_code(text: str, paths: list[str], tree: Tree) -> None:
    assert tree.paths_in(text) == paths


def test_a_path_is_found_whole_by_its_end_and_by_the_example_of_its_checklist(tree: Tree) -> None:
    [step] = parts_of("Example to follow: devices.\n1. `mgmt/web/api/NAME.py`")

    assert tree.files_of("test_citations.py") == {"tests/repo/test_citations.py"}
    assert tree.files_of("dns/front/streams/acceptor") == {"dns/front/streams/acceptor.py"}
    assert tree.files_of("mgmt/web/api/gone.py") == tree.files_of("est_citations.py") == set()
    assert tree.paths_in(step) == ["mgmt/web/api/devices.py"]


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
    assert DOCUMENT.findall("see (docs/desk/lists.md), ../README.md and a.mdx") == ["docs/desk/lists.md", "README.md"]
    assert DRAFT.findall("draft-ietf-tls-esni-25 §6, draft-29") == ["draft-ietf-tls-esni"]


def test_a_section_that_is_none_is_found() -> None:
    assert _malformed("RFC 2181 §4.1, §B.4, §2-3") == []
    assert _malformed(f"{SIGN} 4 {SIGN}{SIGN}5") == [0, 4]


def test_a_citation_goes_on_in_the_next_line() -> None:
    assert in_one_line("# semantics\n    # §3\n") == "# semantics §3 "


def _malformed(text: str) -> list[int]:
    return [match.start() for match in re.finditer(SIGN, text) if not WELL_FORMED.match(text, match.start())]


def anchor(heading: str) -> str:
    """The name by which a heading is linked to."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")
