import io
from ipaddress import ip_address, ip_network
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.people.subscribers_writer import pack_subscribers
from filterd.radius.level import write_level
from parental.sessions.record import slot_of

PREFIXES = st.one_of(
    st.tuples(st.integers(0, 15), st.integers(28, 32)).map(
        lambda p: ip_network((0xC0000200 + p[0], p[1]), strict=False)
    ),
    st.tuples(st.integers(0, 15), st.integers(124, 128)).map(
        lambda p: ip_network(((0x20010DB8 << 96) + p[0], p[1]), strict=False)
    ),
    st.sampled_from([ip_network("0.0.0.0/0"), ip_network("::/0"), ip_network("255.255.255.255/32")]),
)


@given(st.dictionaries(PREFIXES, st.one_of(st.none(), st.integers(1, 9))))
def test_a_level_has_the_octets_that_the_writer_of_lines_gives_for_the_same_rows(rows: dict) -> None:  # type: ignore[type-arg]
    ours, theirs = io.BytesIO(), io.BytesIO()

    write_level(ours, 3, 2, [(slot_of(prefix), number) for prefix, number in rows.items()])
    pack_subscribers(theirs, 3, 2, [(str(prefix), number) for prefix, number in rows.items()])

    assert ours.getvalue() == theirs.getvalue()


def test_an_address_is_found_in_a_level(tmp_path: Path) -> None:
    path = tmp_path / "base-1.img"
    with path.open("wb") as out:
        write_level(out, 1, 0, [(slot_of(ip_network("192.0.2.0/24")), 9), (slot_of(ip_network("192.0.2.7/32")), 7)])

    tables = TableSet(sessions=[open_image(path, ImageKind.SUBSCRIBERS)])

    found = [tables.subscriber_of(str(ip_address("192.0.2.6") + n)) for n in range(3)]
    assert found == [9, 7, 9]
