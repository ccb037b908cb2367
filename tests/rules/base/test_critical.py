from fastpath.images.verdict import Mode
from rules.base.canonical import canonical_wire
from rules.base.critical import critical, version
from rules.base.watched import WatchedNames


def test_what_a_country_cannot_do_without_is_watched_by_its_class() -> None:
    watched = WatchedNames(critical())
    found = {
        name: watched.refusal(canonical_wire(name), Mode.EXACT)
        for name in ("nadra.gov.pk", "lib.lums.edu.pk", "www.hbl.com", "ptcl.net.pk", "siut.org")
    }

    assert [str(reason).partition(", ")[2].partition(")")[0] for reason in found.values()] == [
        "government",
        "university",
        "bank",
        "telecom",
        "hospital",
    ]


def test_no_name_stands_in_two_classes() -> None:
    names = [wire for each in critical() for wire in each.below]

    assert len(names) == len(set(names)) > 150
    assert version() == "2026-11-27"
