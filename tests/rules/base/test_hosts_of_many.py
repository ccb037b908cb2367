import json
from ipaddress import ip_network
from pathlib import Path

import pytest

from rules.base.errors import BadList
from rules.base.hosts_of_many import UNKNOWN, Hosting, is_hosting_reason, read_hosting, read_hosting_list

TEXT = "# a cloud, 2026-11-01\n198.51.100.0/25\n2001:db8:c::/48  # of examples\n\n"
MISP = {"name": "List of a cloud's ranges", "version": 20261101, "type": "cidr", "list": ["203.0.113.0/24"]}


@pytest.fixture
def text(tmp_path: Path) -> Path:
    path = tmp_path / "cloud.txt"
    path.write_text(TEXT)
    return path


def test_a_text_and_a_list_of_misp_are_read_with_their_name_and_day(tmp_path: Path, text: Path) -> None:
    (tmp_path / "misp.json").write_text(json.dumps(MISP))

    hosting = read_hosting([text, tmp_path / "misp.json"])

    said = hosting.refusal(ip_network("198.51.100.7/32"))
    assert said == "many sites are behind it (a cloud of 2026-11-01): held"
    assert is_hosting_reason(str(said))
    assert "List of a cloud's ranges of 2026-11-01" in str(hosting.refusal(ip_network("203.0.113.0/30")))


@pytest.mark.parametrize(
    ("prefix", "is_held"),
    [
        ("198.51.100.0/32", True),
        ("198.51.100.127/32", True),
        ("198.51.100.128/32", False),
        ("198.51.99.255/32", False),
        ("198.51.0.0/16", True),
        ("2001:db8:c::1/128", True),
        ("2001:db8:d::/48", False),
        ("2001:db8::/32", True),
    ],
)
def test_a_prefix_that_touches_a_list_is_held_and_its_neighbour_is_not(text: Path, prefix: str, is_held: bool) -> None:
    assert (read_hosting([text]).refusal(ip_network(prefix)) is not None) == is_held


def test_spans_that_lie_in_one_another_are_all_found(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("# a, 2026-11-01\n192.0.2.0/24\n192.0.2.16/28\n192.0.2.200/32\n198.51.100.1/32\n")
    hosting = read_hosting([tmp_path / "a"])

    assert all(hosting.refusal(ip_network(f"192.0.2.{n}/32")) for n in range(256))
    assert hosting.refusal(ip_network("198.51.100.2/32")) is None


def test_without_any_list_every_address_is_held() -> None:
    assert Hosting().refusal(ip_network("192.0.2.7/32")) == UNKNOWN
    assert is_hosting_reason(UNKNOWN)


def test_a_file_that_cannot_be_read_holds_every_address(tmp_path: Path, text: Path) -> None:
    hosting = read_hosting([text, tmp_path / "missing"])

    assert hosting.refusal(ip_network("192.0.2.7/32")) == UNKNOWN
    assert "missing" in str(hosting.fault)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        (b"198.51.100.0/25\n", "no name and day"),
        (b"# a cloud, yesterday\n198.51.100.0/25\n", "is no day"),
        (b"# , 2026-11-01\n198.51.100.0/25\n", "no name and day"),
        (b"# a cloud, 2026-11-01\nnowhere\n", "nowhere"),
        (b"# a cloud, 2026-11-01\n", "no prefix in it"),
        (b"", "no name and day"),
        (b"\xff\xfe", "not read"),
        (b'{"type": "hostname"}', "not cidr"),
        (b'{"type": "cidr", "name": "x", "version": 1, "list": []}', "is no day"),
        (b"{" * 100_000, "not read"),
    ],
)
def test_a_file_that_is_no_list_says_why_and_what_to_write(tmp_path: Path, octets: bytes, why: str) -> None:
    (tmp_path / "a").write_bytes(octets)

    with pytest.raises(BadList, match=why):
        read_hosting_list(tmp_path / "a")
