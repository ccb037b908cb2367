"""The double of the in-flight table; the table itself is tested in tests/fastpath/dns/test_in_flight.py."""

import pytest
from dnslib import EDNS0, DNSRecord

from fastpath.testing.in_flight import InFlightTable

SEED = (1, 2)


@pytest.mark.parametrize(
    ("n_sockets", "n_slots", "n_upstreams"), [(0, 1, 1), (321, 1, 1), (1, 0, 1), (1, 32768, 1), (1, 1, 2), (1, 1, 0)]
)
def test_a_table_of_an_impossible_size_is_refused(n_sockets: int, n_slots: int, n_upstreams: int) -> None:
    with pytest.raises(ValueError, match="not made"):
        InFlightTable(n_sockets, n_slots, SEED, n_upstreams)


def test_a_socket_or_client_that_cannot_be_is_refused() -> None:
    asked = DNSRecord.question("n.test")
    asked.add_ar(EDNS0(udp_len=1232))
    query = bytes(asked.pack())
    table = InFlightTable(2, 100, SEED)

    for socket, client, asker in ((2, b"client", bytes(4)), (0, bytes(29), bytes(4)), (0, b"client", bytes(5))):
        with pytest.raises(ValueError, match="there are 2"):
            table.ask(socket, 0, query, client, asker)
    with pytest.raises(ValueError, match="does not wait"):
        table.move(query, 1, 0)
    assert len(table) == 0
