"""A query of any octets is let go, sent to a target of ours, or answered: in its room, question octet for octet."""

from dnslib import DNSRecord
from fuzz import served
from support.images.opened import Images

from dns.front.special_names import EncryptedResolver, special_names
from fastpath.dns.query import query as read_query
from fastpath.images.tables import TableSet
from fastpath.people.policy_writer import ProfileSpec

_FOLDER = served.FOLDER / "special_names"  # of its own: images of one number have one name
_FOLDER.mkdir()
_images = Images(_FOLDER)
_WISHES = ProfileSpec(0, (), 0, 0, safe_search=2, has_canaries=True)
_CLIENTS = ("192.0.2.1", "192.0.2.2")  # the first one wishes everything, the second nothing
_TABLES = TableSet(
    _images.names([]), None, _images.subscribers([(_CLIENTS[0], 1)]), None, _images.policy([(1, _WISHES)]), None
)
_NAMES = special_names([EncryptedResolver("ns.example", "dot", 853)])


def check(data: bytes) -> None:
    for client in _CLIENTS:
        try:
            found = _NAMES.ask(_TABLES, data, client, 0)
        except ValueError:
            return
        if found is None:
            continue
        asked = read_query(data)
        answer, target = found
        if target:
            assert client == _CLIENTS[0] and asked.qtype in (1, 28)
            assert (read_query(target).qtype, read_query(target).name) != (asked.qtype, asked.name)
        else:
            assert answer[:2] == data[:2] and answer[12 : asked.after] == data[12 : asked.after]
            assert len(answer) <= max(asked.edns_size, 512) and answer[2] & 0x80
            assert len(DNSRecord.parse(_named_plainly(answer, asked.after)).rr) == int.from_bytes(answer[6:8], "big")


def _named_plainly(answer: bytes, after: int) -> bytes:
    """The answer with a question that dnslib reads, too: it takes names for text."""
    return answer[:12] + bytes(octet if octet < 128 else 97 for octet in answer[12:after]) + answer[after:]
