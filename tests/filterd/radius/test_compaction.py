from ipaddress import ip_network
from pathlib import Path

from support.sessions.requests import session

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from filterd.config.radius import Nas
from filterd.radius.compaction import compact
from filterd.radius.journal import Journal, journal_path, read_back
from filterd.radius.nas import NasTable
from parental.sessions.record import ENDED, Session


def nas(folder: Path) -> NasTable:
    (folder / "secret").write_bytes(b"sixteen octets..")
    entry = Nas(
        name="bng", address="198.51.100.3", secret=folder / "secret", pools=("192.0.2.0/24",), default_profile=9
    )
    return NasTable([entry])


def test_a_snapshot_and_a_base_are_of_what_is_below_a_journal_and_not_of_it(tmp_path: Path) -> None:
    below, growing = Journal(tmp_path, 1), Journal(tmp_path, 2)
    below.append([session(1, "192.0.2.1/32").packed(), session(2, "192.0.2.2/32", profile=0).packed()])
    growing.append([session(3, "192.0.2.3/32").packed()])

    compact(tmp_path, 2, tmp_path / "base-5.img", nas(tmp_path), 0)

    base = open_image(tmp_path / "base-5.img", ImageKind.SUBSCRIBERS)
    tables = TableSet(sessions=[base])
    assert [tables.subscriber_of(f"192.0.2.{n}") for n in (1, 2, 3)] == [7, 9, 9]
    assert base.generation == 5
    assert not journal_path(tmp_path, 1).exists()
    table, number, _ = read_back(tmp_path)
    assert (len(table), number) == (3, 2)
    assert {ip_network((slot[1:], slot[0])) for slot in table.take_changes().holders} == {ip_network("192.0.2.3/32")}


def test_ends_that_no_request_can_be_late_for_are_forgotten(tmp_path: Path) -> None:
    below = Journal(tmp_path, 1)
    ends = [Session(ENDED, n.to_bytes(16, "big"), bytes(8), at_s=100 * n).packed() for n in (1, 2)]
    below.append(ends)

    compact(tmp_path, 2, tmp_path / "base-5.img", nas(tmp_path), 150)

    assert set(read_back(tmp_path)[0].records()) == {ends[1]}
