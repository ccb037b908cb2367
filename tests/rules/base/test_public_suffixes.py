from pathlib import Path

import pytest
from publicsuffixlist import PSLFILE

from rules.base.canonical import canonical_wire
from rules.base.public_suffixes import ICANN_SUFFIX, PRIVATE_SUFFIX, PublicSuffixes, public_suffixes


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("pk", ICANN_SUFFIX),
        ("com.pk", ICANN_SUFFIX),
        ("gov.pk", ICANN_SUFFIX),
        ("ac.uk", ICANN_SUFFIX),
        ("anything.ck", ICANN_SUFFIX),
        ("no-such-top", ICANN_SUFFIX),
        ("xn--fiqs8s", ICANN_SUFFIX),
        ("sch.uk", ICANN_SUFFIX),
        ("nom.br", ICANN_SUFFIX),
        ("kobe.jp", ICANN_SUFFIX),
        ("akershus.no", ICANN_SUFFIX),
        ("github.io", PRIVATE_SUFFIX),
        ("run.app", PRIVATE_SUFFIX),
        ("elb.amazonaws.com", PRIVATE_SUFFIX),
        ("amazonaws.com", PRIVATE_SUFFIX),
        ("blogspot.com", PRIVATE_SUFFIX),
        ("example.com.pk", None),
        ("www.ck", None),
        ("someone.github.io", None),
        ("github.com", None),
        ("bad.example", None),
    ],
)
def test_the_installed_list_says_what_a_subtree_may_not_cover(name: str, reason: str | None) -> None:
    assert public_suffixes().refusal(canonical_wire(name)) == reason


def test_a_wildcard_covers_one_label_only_and_an_exception_none() -> None:
    suffixes = PublicSuffixes(["// ===BEGIN ICANN DOMAINS===", "example", "*.wild.example", "!free.wild.example", ""])

    assert suffixes.refusal(canonical_wire("a.wild.example")) == ICANN_SUFFIX
    assert suffixes.refusal(canonical_wire("b.a.wild.example")) is None
    assert suffixes.refusal(canonical_wire("free.wild.example")) is None
    assert suffixes.refusal(canonical_wire("wild.example")) == ICANN_SUFFIX


def test_a_name_with_one_private_suffix_below_is_its_owners_and_with_three_is_shared() -> None:
    lines = ["===BEGIN PRIVATE DOMAINS===", "pages.own.example", *(f"{name}.host.example" for name in "abc")]
    suffixes = PublicSuffixes(lines)

    assert suffixes.refusal(canonical_wire("own.example")) is None
    assert suffixes.refusal(canonical_wire("host.example")) == PRIVATE_SUFFIX


def test_what_is_allowed_may_be_a_name_above_suffixes_but_not_a_suffix() -> None:
    assert public_suffixes().refusal(canonical_wire("amazonaws.com"), opens=True) is None
    assert public_suffixes().refusal(canonical_wire("github.io"), opens=True) == PRIVATE_SUFFIX


def test_no_parent_of_a_wildcard_may_be_covered() -> None:
    lines = [line.strip() for line in Path(PSLFILE).read_text(encoding="utf-8").splitlines()]
    parents = [line.removeprefix("*.") for line in lines if line.startswith("*.")]

    assert len(parents) > 250
    assert [name for name in parents if public_suffixes().refusal(canonical_wire(name)) is None] == []
