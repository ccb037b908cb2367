from pathlib import Path

import pytest

from fastpath.verdict import Action, Mode, Tier
from rules.errors import BadList, BadSource
from rules.source import MAX_FILE_OCTETS, Source, open_source, parse_source


def test_a_file_alone_is_a_plain_list_of_the_operator_that_covers_subtrees() -> None:
    source = parse_source("lists/malware.txt")

    assert source == Source("malware", Path("lists/malware.txt"), "plain", "subtree", Tier.SECURITY, 0, Action.NXDOMAIN)
    assert source.bare_mode is Mode.SUBTREE


@pytest.mark.parametrize(
    ("file", "list_format", "match", "mode", "tier"),
    [("a.hosts", "hosts", "exact", Mode.EXACT, Tier.SECURITY),
     ("etc/hosts", "hosts", "exact", Mode.EXACT, Tier.SECURITY),
     ("a.rpz", "rpz", "as-written", Mode.EXACT, Tier.SECURITY),
     ("a.zone", "rpz", "as-written", Mode.EXACT, Tier.SECURITY),
     ("a.CSV", "csv", "subtree", Mode.SUBTREE, Tier.ORDER), ("a.tsv", "csv", "subtree", Mode.SUBTREE, Tier.ORDER)],
)
def test_format_and_match_follow_from_the_file(file: str, list_format: str, match: str, mode: Mode, tier: Tier) -> None:
    source = parse_source(file)

    assert (source.format, source.match, source.bare_mode, source.tier) == (list_format, match, mode, tier)


def test_every_option_is_taken() -> None:
    source = parse_source("x.txt,format=rpz,match=exact,list=pta-1,tier=order,category=hate,action=nodata,issuer=PTA,"
                          "confidential=yes,allow_public_suffix=yes")

    assert source == Source("pta-1", Path("x.txt"), "rpz", "exact", Tier.ORDER, 10, Action.NODATA, "PTA", True, True)


def test_a_comma_in_a_file_name_belongs_to_the_file() -> None:
    assert parse_source("a,b.txt,list=x").path == Path("a,b.txt")
    assert parse_source("a,b.txt").path == Path("a,b.txt")


def test_a_category_makes_the_tier_and_a_csam_list_is_confidential() -> None:
    assert parse_source("x.txt,category=adult").tier is Tier.CATEGORY
    assert parse_source("x.txt,tier=csam").confidential
    assert parse_source("x.txt,tier=help").action is Action.PASSTHRU


@pytest.mark.parametrize(
    ("text", "message"),
    [("x.txt,formt=rpz", "no option 'formt'; not taken; write format"),
     ("x.txt,format=rzp", "'rzp' is none; not taken; write rpz"),
     ("x.txt,match=suffix", "match 'suffix' is none"), ("x.txt,tier=orders", "write order"),
     ("x.txt,category=adlt", "write adult"), ("x.txt,tier=category", "add category=NAME"), ("x.txt,list=a b", "no id"),
     ("x.txt,list=" + "a" * 25, "no id"), ("x.txt,match=exact,match=exact", "stands twice"),
     (",match=exact", "no file"),
     ("x.txt,confidential=maybe", "confidential 'maybe'"), ("x.txt,action=block", "action 'block'")],
)
def test_a_wrong_description_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(BadSource) as caught:
        parse_source(text)

    assert message in str(caught.value)


def test_a_file_that_is_not_there_is_a_bad_list(tmp_path: Path) -> None:
    with pytest.raises(BadList, match=r"^No such file or dir.*; not read"), open_source(tmp_path / "none.txt"):
        pass


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large.txt"
    with path.open("wb") as file:
        file.truncate(MAX_FILE_OCTETS + 1)

    with pytest.raises(BadList, match="larger than 256 MiB"), open_source(path):
        pass


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
def test_a_file_is_read_in_utf8_and_in_utf16(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "list.txt"
    path.write_bytes("\ufeffbad.example\r\nworse.example\n".encode(encoding))

    with open_source(path) as reading:
        lines = [line.decode("utf-8-sig").strip() for line in reading.lines]

    assert lines == ["bad.example", "worse.example"]
