"""Names: six packages that are ours, none that would meet dnspython's or systemd's; modules and classes are nouns."""

import re
import tomllib
from collections.abc import Callable
from importlib.metadata import packages_distributions
from pathlib import Path

# Every module of dnspython from 2.0 to 2.9: a foreign `import dns.resolver` must fail, not find ours.
_NAMES = """
    _asyncbackend _asyncio_backend _curio_backend _ddr _features _file_util _immutable_attr _immutable_ctx _no_ssl
    _render_util _text_util _tls_util _trio_backend asyncbackend asyncquery asyncresolver btree btreezone dnssec
    dnssecalgs dnssectypes e164 edns entropy enum exception flags grange hash immutable inet ipv4 ipv6 message name
    namedict nameserver node opcode query quic rcode rdata rdataclass rdataset rdatatype rdtypes renderer resolver
    reversename rrset serial set style tokenizer transaction tsig tsigkeyring ttl update version versioned win32util
    wire wirebase wiredata xfr zone zonefile zonetypes _compat
"""
DNSPYTHON = set(_NAMES.split())
SAY_NOTHING = {"user", "users", "manager", "handler", "handlers", "helper", "helpers", "util", "utils", "data", "info"}
# A module is a noun of the field; these are, too.
NOUNS_IN_ING = {
    "dns/front/streams/coalescing.py": "equal queries in flight share one answer: the field's noun",
    "fastpath/tap/packet_ring.pyx": "a ring",
    "fastpath/images/zone_listing.pyx": "a listing",
}
# A class is a noun; these are, too.
NOUNS = {
    "Accounting": "what RFC 2866 calls it",
    "Coalescing": "equal queries in flight share one answer: the field's noun",
    "Finding": "what a check has found",
    "Hosting": "what the trade calls it",
    "Listing": "a zone in text",
    "Opening": "what a change opens",
    "Reading": "what a reader gives, of one input",
    "Ruling": "what is decided of one entry",
    "Sighting": "a packet that the trace has seen",
}
# What no rule of spelling finds: irregular participles, and forms of verbs that were names of classes once.
_VERBS = """
    Begun Bound Broken Brought Built Chosen Done Drawn Driven Forgotten Found Given Gone Heard Held Hidden Is Kept Known
    Left Lost Made Met Paid Proven Read Said Seen Sent Shown Sold Spent Spoken Stood Sworn Taken Taught Told Took Torn
    Understood Untold Was Withdrawn Won Written
"""
IRREGULAR = set(_VERBS.split())
CLASS = re.compile(r"^ *(?:cdef +)?class +(\w+)", re.MULTILINE)
# Measurements, test doubles and the laboratory: never shipped.
OF_THE_TREE = {"fastpath.bench", "fastpath.testing", "filterd.lab", "filterd.lab.seed"}

Files = Callable[..., list[Path]]


def is_participle(name: str) -> bool:
    """Whether the last word of a class's name is a participle, `Refused` or `ListsKept`, and none of NOUNS."""
    *_, last = re.findall(r"[A-Z][a-z0-9]*", name) or [""]
    return last not in NOUNS and (last in IRREGULAR or re.fullmatch(r"[A-Z][a-z]+(ed|ing)", last) is not None)


def test_no_module_of_dns_is_called_like_one_of_dnspython(files: Files) -> None:
    assert [path for path in files(under=("dns",)) if path.parts[1].split(".")[0] in DNSPYTHON] == []


def test_our_six_names_are_claimed_by_nobody_else_here(packages: tuple[str, ...]) -> None:
    claimed = packages_distributions()

    assert {name: who for name in packages if (who := set(claimed.get(name, ())) - {"filterd"})} == {}


def test_folders_that_are_no_packages_have_no_init(files: Files) -> None:
    inits = [path for path in files(".py", under=("systemd", "tests", "bench", "docs")) if path.name == "__init__.py"]

    assert inits == []


def test_the_six_packages_are_all_there_is_at_the_top(files: Files, packages: tuple[str, ...]) -> None:
    tops = {path.parts[0] for path in files(".py") if len(path.parts) == 2 and path.name == "__init__.py"}

    assert tops == set(packages)


def test_every_package_folder_is_listed_for_installation(root: Path, files: Files, packages: tuple[str, ...]) -> None:
    listed = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]

    folders = {".".join(path.parent.parts) for path in files(".py", under=packages)}

    assert sorted(folders - OF_THE_TREE) == listed


def test_every_folder_with_python_in_it_has_an_init(root: Path, files: Files, packages: tuple[str, ...]) -> None:
    folders = {path.parent for path in files(".py", under=packages)}

    assert [folder for folder in sorted(folders) if not (root / folder / "__init__.py").exists()] == []


def test_a_module_is_named_by_its_concept(files: Files, packages: tuple[str, ...]) -> None:
    assert [path for path in files(".py", ".pyx", under=packages) if path.stem in SAY_NOTHING] == []


def test_no_module_is_named_by_a_gerund(files: Files, packages: tuple[str, ...]) -> None:
    found = {str(path) for path in files(".py", ".pyx", under=packages) if path.stem.endswith("ing")}

    assert found == NOUNS_IN_ING.keys()


def test_a_class_is_a_noun(root: Path, files: Files, packages: tuple[str, ...]) -> None:
    modules = files(".py", ".pyx", ".pxd", under=packages)
    classes = [(path, name) for path in modules for name in CLASS.findall((root / path).read_text())]

    assert len(classes) > 1000
    assert [f"{path}:{name}" for path, name in classes if is_participle(name)] == []
    assert [noun for noun in NOUNS if not any(name.endswith(noun) for _, name in classes)] == []


def test_a_participle_is_found_behind_other_words_too() -> None:
    names = ("Refused", "_Tried", "ListsKept", "Sending", "Is")

    assert [name for name in names if not is_participle(name)] == []
    assert [name for name in ("Refusal", "ListHistory", "Finding", "SpeedLimit") if is_participle(name)] == []
