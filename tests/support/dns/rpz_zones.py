"""A response policy zone with every action and every shape of owner, and the names to ask about it.

Invariants: the same names in give the same zone and the same questions, on any machine.
"""

import random
from collections.abc import Iterator, Mapping, Sequence

APEX = "rpz.example"
NXDOMAIN, NODATA, PASSTHRU, DROP, TCP_ONLY, ALIAS = (
    "CNAME .",
    "CNAME *.",
    "CNAME rpz-passthru.",
    "CNAME rpz-drop.",
    "CNAME rpz-tcp-only.",
    "CNAME garden.example.",
)
MAX_NAME, MAX_LABEL = 253, 63
# of 1,000 names, how many get which shape; drops are few, since each costs the asker its patience
SHAPES = {
    "subtree": 547,
    "exact": 100,
    "below": 80,
    "passthru": 80,
    "nodata": 60,
    "address": 60,
    "alias": 20,
    "tcp": 50,
    "drop": 3,
}


def make_zone(names: Sequence[str], seed: int = 3) -> dict[str, str]:
    """What stands at each owner, without the apex: every name gets one of SHAPES."""
    draw = random.Random(seed)
    shapes = draw.choices(list(SHAPES), list(SHAPES.values()), k=len(names))
    owners: dict[str, str] = {}
    for name, shape in zip(names, shapes, strict=True):
        for owner, data in _records(name, shape, draw):
            if len(owner) + len(APEX) < MAX_NAME:
                owners.setdefault(owner, data)
    return owners


def zone_text(owners: Mapping[str, str]) -> str:
    """The master file."""
    head = f"$ORIGIN {APEX}.\n$TTL 60\n@ SOA localhost. root.localhost. 1 3600 600 86400 60\n@ NS localhost.\n"
    return head + "".join(f"{owner} {data}\n" for owner, data in owners.items())


def _records(name: str, shape: str, draw: random.Random) -> Iterator[tuple[str, str]]:
    address = draw.choice((f"A 198.51.100.{draw.randrange(1, 255)}", f"AAAA 2001:db8::{draw.randrange(1, 255):x}"))
    data = {"nodata": NODATA, "address": address, "alias": ALIAS, "tcp": TCP_ONLY, "drop": DROP}.get(shape, NXDOMAIN)
    if shape != "below":
        yield name, data
    if shape != "exact":
        yield f"*.{name}", data
    if shape == "passthru":
        yield f"good.{name}", PASSTHRU
        yield f"*.good.{name}", PASSTHRU
        yield f"one.{name}", PASSTHRU  # and what is below it stays blocked
        yield f"deep.inside.{name}", PASSTHRU  # leaves a name without records between it and the wildcard


def questions(names: Sequence[str], others: Sequence[str], seed: int = 4) -> list[str]:
    """For each listed name itself, names above, below and beside it, and those that only look like it; all different.

    others  names that are not listed"""
    draw = random.Random(seed)
    asked: dict[str, None] = {}
    for name in names:
        for question in (*_around(name, draw), name):
            if len(question) <= MAX_NAME and max(map(len, question.split("."))) <= MAX_LABEL:
                asked.setdefault(question)
    asked.update(dict.fromkeys(others))
    return list(asked)


def _around(name: str, draw: random.Random) -> Iterator[str]:
    first, _, rest = name.partition(".")
    yield f"www.{name}"
    yield draw.choice(
        (
            "good.{}",
            "a.good.{}",
            "one.{}",
            "a.one.{}",
            "inside.{}",
            "a.inside.{}",
            "zzzzzz.inside.{}",
            "deep.inside.{}",
            "a.deep.inside.{}",
        )
    ).format(name)
    yield draw.choice((f"a.b.c.d.e.f.{name}", f"_dmarc.{name}", f"_443._tcp.{name}", f"{'x' * MAX_LABEL}.{name}"))
    yield draw.choice((f"not{name}", f"{first}x.{rest}", f"{name}.example", f"{name}x", f"x-{name}"))
    if rest:
        yield draw.choice((rest, f"sister.{rest}"))


def in_mixed_case(name: str, draw: random.Random) -> str:
    """The name with letters of either case, as resolvers write them that add entropy by it (0x20)."""
    return "".join(c.upper() if draw.random() < 0.5 else c for c in name)
