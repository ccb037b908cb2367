import pytest
from support.packets.initials import crypto, initial

from fastpath.bench.quic_initials import initial_ns

ONE = initial(crypto(0, b"hello"), size=1200)


@pytest.mark.parametrize("is_derived", [True, False])
def test_measuring_takes_time_and_counts_what_opened(is_derived: bool) -> None:
    took, n_opened = initial_ns([ONE, ONE[:-1] + b"\x00", ONE, b"no QUIC"], is_derived, 3)

    assert took > 0
    assert n_opened == 2


def test_of_no_datagrams_none_opens() -> None:
    assert initial_ns([], True)[1] == 0
