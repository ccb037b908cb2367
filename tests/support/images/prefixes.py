"""Entries of images for addresses and prefixes."""

from support.images.opened import Entry

from fastpath.images.verdict import Action
from fastpath.wire.name import to_text
from rules.base.prefixes import read_prefixes, wires_of


def entries(list_id: str, text: str, action: int = Action.NO_ACTION) -> list[Entry]:
    """What a list says of an address, a prefix or a range."""
    named = [each for network in read_prefixes(text) for each in wires_of(network)]
    return [(list_id, to_text(wire), mode, action) for wire, mode in named]
