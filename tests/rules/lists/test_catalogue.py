"""What filterd brings for lists: the services are closed whole, and nothing else is closed with them."""

import lzma
from collections import Counter
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from rules.base.canonical import canonical_wire
from rules.base.category import CATEGORIES, NUMBERS, SERVICES
from rules.base.public_suffixes import public_suffixes
from rules.base.rule import Rule
from rules.lists.catalogue import FOLDER, OWN_LISTS, domains_of, services, shipped_path, sources
from rules.lists.reader import read_source
from rules.lists.source import Source, describe_source

POPULAR = Path(__file__).parents[3] / "../shared/data/benign.txt.xz"
# Hosts of many owners or of much more than one service: none may be closed with a service.
SHARED = [
    "akamaihd.net",
    "akamaized.net",
    "amazon.com",
    "amazonaws.com",
    "appspot.com",
    "byteoversea.com",
    "cloudflare.net",
    "cloudfront.net",
    "edgekey.net",
    "epicgames.com",
    "fastly.net",
    "fd-api.com",
    "ggpht.com",
    "google.com",
    "googleapis.com",
    "googleusercontent.com",
    "gstatic.com",
    "ibyteimg.com",
    "l.google.com",
    "live.com",
    "llnwd.net",
    "microsoft.com",
    "office.com",
    "openai.com",
    "qq.com",
    "tencent.com",
    "windows.net",
]
# What children need for school, and everyone for the state: a sample of each kind of name.
NEVER = [
    "www.google.com",
    "classroom.google.com",
    "accounts.google.com",
    "mail.google.com",
    "translate.google.com",
    "drive.google.com",
    "clients4.google.com",
    "fonts.googleapis.com",
    "storage.googleapis.com",
    "lh3.googleusercontent.com",
    "www.gstatic.com",
    "update.googleapis.com",
    "www.google.com.pk",
    "vu.edu.pk",
    "lms.aiou.edu.pk",
    "www.hec.gov.pk",
    "www.nadra.gov.pk",
    "www.fbr.gov.pk",
    "pta.gov.pk",
    "learn.khanacademy.org",
    "en.wikipedia.org",
    "login.live.com",
    "login.microsoftonline.com",
    "teams.microsoft.com",
    "api.openai.com",
    "www.amazon.com",
    "s3.amazonaws.com",
    "store.epicgames.com",
    "www.hbl.com",
    "openaccess.ac.uk",
]
WIDE_TOPS = ("edu", "gov", "mil", "ac", "sch", "int")


def parents(name: str) -> Iterator[str]:
    """A name and all above it."""
    while name:
        yield name
        name = name.partition(".")[2]


@pytest.fixture(scope="module")
def owners() -> dict[str, str]:
    """Domain → its service."""
    return {domain: name for name, service in services().items() for domain in domains_of(service)}


def closing(owners: dict[str, str], name: str) -> str | None:
    return next((owners[each] for each in parents(name) if each in owners), None)


def test_every_service_has_a_list_a_picture_and_the_category_of_its_kind() -> None:
    assert list(services()) == list(SERVICES)
    assert {path.stem for path in (FOLDER / "services").iterdir()} == set(SERVICES)
    for service in services().values():
        assert service.picture and service.category in CATEGORIES and service.number == NUMBERS[service.name]


@pytest.mark.parametrize("name", [*SERVICES, *OWN_LISTS])
def test_every_line_of_a_list_that_is_shipped_is_a_rule(name: str) -> None:
    source = describe_source(name, shipped_path(name), {"service": name} if name in SERVICES else dict(OWN_LISTS[name]))
    found = list(read_source(source))

    assert found and all(isinstance(item, Rule) for item in found)


def test_no_name_is_in_two_services_or_twice_in_one(owners: dict[str, str]) -> None:
    said = Counter(domain for service in services().values() for domain in domains_of(service))

    assert [domain for domain, n in said.items() if n > 1] == []
    assert [domain for domain in said if closing(owners, domain.partition(".")[2])] == []


def test_no_service_closes_a_public_suffix_or_a_host_of_many_owners(owners: dict[str, str]) -> None:
    refused = {domain: public_suffixes().refusal(canonical_wire(domain)) for domain in owners}

    assert {domain: why for domain, why in refused.items() if why} == {}
    assert {domain: host for domain in owners for host in SHARED if domain in parents(host)} == {}


def test_youtube_is_apart_from_search_and_from_all_else_of_google(owners: dict[str, str]) -> None:
    for name in ("www.youtube.com", "m.youtube.com", "youtu.be", "i.ytimg.com", "youtubei.googleapis.com"):
        assert closing(owners, name) == "youtube"
    assert closing(owners, "rr3---sn-2uja-ixh6.googlevideo.com") == "youtube"
    assert {name: closing(owners, name) for name in NEVER if "google" in name or "gstatic" in name}.keys() >= {
        "www.google.com",
        "www.google.com.pk",
    }
    assert {name: found for name in NEVER if (found := closing(owners, name))} == {}


def test_whole_states_and_universities_are_in_no_service(owners: dict[str, str]) -> None:
    assert [domain for domain in owners if set(domain.split(".")[-2:]) & set(WIDE_TOPS)] == []


@pytest.mark.skipif(not POPULAR.exists(), reason="the popular names are not beside this checkout")
def test_of_the_popular_names_no_more_are_closed_than_the_services_themselves(owners: dict[str, str]) -> None:
    with lzma.open(POPULAR, "rt", encoding="ascii") as file:
        closed = [name for line in file if closing(owners, name := line.strip())]

    assert 50 < len(closed) < 150
    assert [name for name in closed if set(name.split(".")[-2:]) & set(WIDE_TOPS)] == []
    assert [name for name in closed if name not in owners] == []  # none is closed with another one


@pytest.mark.parametrize("name", list(sources()))
def test_every_source_says_whose_it_is_and_is_a_list_that_a_configuration_can_have(name: str) -> None:
    each = sources()[name]
    options = {
        key: str(each.entry[key]) for key in ("format", "match", "tier", "category", "service") if key in each.entry
    }

    assert isinstance(describe_source(name, None, options), Source)
    assert each.publisher and each.licence
    if each.entry.get("url"):
        assert str(each.entry["url"]).startswith("https://") and each.watch and each.entry["every"]


def test_a_source_is_named_by_what_no_service_is_called() -> None:
    others = [name for name, each in sources().items() if "url" in each.entry]

    assert set(others) & set(SERVICES) == set()
    assert {name.partition("-")[0] for name in others} >= {"ut1", "blp", "hagezi"}
    assert not {a for a, b in combinations(others, 2) if sources()[a].entry["url"] == sources()[b].entry["url"]}
