from pathlib import Path

import pytest

from fastpath.images.verdict import Action, Mode, Tier
from rules.base.errors import BadSource
from rules.formats.columns import parse_columns
from rules.lists.source import Source, parse_source


def test_a_file_alone_is_a_plain_list_of_the_operator_that_covers_subtrees() -> None:
    source = parse_source("lists/malware.txt")

    assert source == Source("malware", Path("lists/malware.txt"), "plain", "subtree", Tier.SECURITY, 0, Action.NXDOMAIN)
    assert source.bare_mode is Mode.SUBTREE


@pytest.mark.parametrize(
    ("file", "list_format", "match", "mode", "tier"),
    [
        ("a.hosts", "hosts", "exact", Mode.EXACT, Tier.SECURITY),
        ("etc/hosts", "hosts", "exact", Mode.EXACT, Tier.SECURITY),
        ("a.rpz", "rpz", "as-written", Mode.EXACT, Tier.SECURITY),
        ("a.zone", "rpz", "as-written", Mode.EXACT, Tier.SECURITY),
        ("a.CSV", "csv", "subtree", Mode.SUBTREE, Tier.ORDER),
        ("a.tsv", "csv", "subtree", Mode.SUBTREE, Tier.ORDER),
    ],
)
def test_format_and_match_follow_from_the_file(file: str, list_format: str, match: str, mode: Mode, tier: Tier) -> None:
    source = parse_source(file)

    assert (source.format, source.match, source.bare_mode, source.tier) == (list_format, match, mode, tier)


def test_every_option_is_taken() -> None:
    source = parse_source(
        "x.txt,format=rpz,match=exact,list=pta-1,tier=order,category=hate,action=nodata,issuer=PTA,"
        "confidential=yes,allow_public_suffix=yes"
    )

    assert source == Source("pta-1", Path("x.txt"), "rpz", "exact", Tier.ORDER, 10, Action.NODATA, "PTA", True, True)


def test_a_comma_in_a_file_name_belongs_to_the_file() -> None:
    assert parse_source("a,b.txt,list=x").path == Path("a,b.txt")
    assert parse_source("a,b.txt").path == Path("a,b.txt")


def test_a_category_makes_the_tier_and_a_csam_list_is_confidential() -> None:
    assert parse_source("x.txt,category=adult").tier is Tier.CATEGORY
    assert (parse_source("x.txt,service=tiktok").tier, parse_source("x.txt,service=tiktok").category) == (
        Tier.SERVICE,
        65,
    )
    assert parse_source("x.txt,tier=csam").confidential
    assert parse_source("x.txt,tier=help").action is Action.PASSTHRU


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x.txt,formt=rpz", "no option 'formt'; not accepted; write format"),
        ("x.txt,format=rzp", "'rzp' is not known; not accepted; write rpz"),
        ("x.txt,match=suffix", "match 'suffix' is not known"),
        ("x.txt,tier=orders", "write order"),
        ("x.txt,category=adlt", "write adult"),
        ("x.txt,category=quic", "holds no names"),
        ("x.txt,category=undecidable", "holds no names"),
        ("x.txt,category=tiktok", "category 'tiktok' is not known"),
        ("x.txt,service=tiktoc", "write tiktok"),
        ("x.txt,service=tiktok,category=adult", "a category and a service; not accepted; write one of them"),
        ("x.txt,tier=service", "add service=NAME"),
        ("x.txt,tier=service,category=adult", "add service=NAME"),
        ("x.txt,tier=category", "add category=NAME"),
        ("x.txt,list=a b", "no id"),
        ("x.txt,list=" + "a" * 25, "no id"),
        ("x.txt,match=exact,match=exact", "is repeated"),
        (",match=exact", "no file"),
        ("x.txt,confidential=maybe", "confidential 'maybe'"),
        ("x.txt,action=block", "action 'block'"),
        ("x.txt,tier=csam,action=shadow", "confidential, and enforced from its first day"),
        ("x.txt,confidential=yes,action=shadow", "confidential, and enforced from its first day"),
        ("x.txt,tier=csam,confidential=no,action=shadow", "enforced from its first day"),
        ("x.txt,tier=help,action=shadow", "that is an allow list"),
    ],
)
def test_a_wrong_description_says_what_to_write(text: str, message: str) -> None:
    with pytest.raises(BadSource) as caught:
        parse_source(text)

    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("file", "list_format", "tier", "match"),
    [
        ("a.xlsx", "xlsx", Tier.ORDER, "subtree"),
        ("a.txt.xz", "plain", Tier.SECURITY, "subtree"),
        ("a.csv.gz", "csv", Tier.ORDER, "subtree"),
        ("a.rpz.gz", "rpz", Tier.SECURITY, "as-written"),
        ("hosts.xz", "hosts", Tier.SECURITY, "exact"),
        ("a.json", "native", Tier.SECURITY, "as-written"),
    ],
)
def test_a_compressed_file_is_what_its_name_says_inside(file: str, list_format: str, tier: Tier, match: str) -> None:
    source = parse_source(file)

    assert (source.format, source.tier, source.match) == (list_format, tier, match)


@pytest.mark.parametrize(
    ("text", "list_format"),
    [
        ('[{"RegisterPositionId": 1}]', "certpl"),
        ('{"type":"bundle","objects":[]}', "stix"),
        ('{"Event":{}}', "misp"),
        ('{"format":"cf-list/1"}', "native"),
        ("", "native"),
        ("\xff", "native"),
    ],
)
def test_the_format_of_a_json_follows_from_its_head(tmp_path: Path, text: str, list_format: str) -> None:
    path = tmp_path / "list.json"
    path.write_text(text, encoding="latin-1")

    assert parse_source(str(path)).format == list_format


def test_a_folder_is_ut1_or_with_a_manifest_a_misp_feed(tmp_path: Path) -> None:
    assert parse_source(str(tmp_path)).format == "ut1"

    (tmp_path / "manifest.json").touch()

    assert parse_source(str(tmp_path)).format == "misp"


def test_a_list_of_the_cncpo_is_of_csam_and_confidential() -> None:
    source = parse_source("x.csv,format=cncpo")

    assert (source.tier, source.confidential) == (Tier.CSAM, True)


def test_a_column_map_is_taken_for_tables_alone() -> None:
    source = parse_source("x.csv,columns=url:1;type:2;added:3")

    assert source.columns == parse_columns({"url": 1, "type": 2, "added": 3})
    with pytest.raises(BadSource, match="columns of a list that is not a table; not accepted; write format=csv"):
        parse_source("x.txt,columns=url:1")


def test_a_list_that_deltas_change_keeps_every_entry_apart() -> None:
    kept = Source("z", Path("z.rpz"), "rpz")

    assert kept.folds and not Source("z", Path("z.rpz"), "rpz", is_zone=True).folds and not Source("z", None).folds
