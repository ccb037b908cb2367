"""A URL is canonical once and for all, as the oracle says, and is read the same whole and from its parts."""

from oracle import urls as oracle

from fastpath.wire.url import FAULTS, canonical, join, split


def check(data: bytes) -> None:
    try:
        found = canonical(data)
    except ValueError as refused:
        assert str(refused) in FAULTS.values()
        assert oracle.canonical(data) is None
        return
    if found is None:
        host, _, _ = split(data)
        assert not host.isascii()
        return
    assert found.text == oracle.canonical(data)
    assert canonical(found.text) == found
    assert len(found.text) <= 2048 and found.text.isascii() and found.text.decode().isprintable()
    assert join(*split(data)) == found
