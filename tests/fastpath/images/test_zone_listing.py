import random
from collections import Counter
from collections.abc import Iterable

import pytest
from support.images.forged import forge
from support.images.opened import Entry, Images
from support.images.prefixes import entries

from fastpath.images.image import Image
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode, Tier
from fastpath.images.zone_listing import Effect, Listing
from fastpath.wire.name import to_text, to_wire

NOTHING = int(Action.NO_ACTION)
ADDRESS = b"\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
ALL = ("orders", "orders-two", "help", "adult", "games", "allowed", "malware", "tiktok")
TIERS = (Tier.ORDER, Tier.ORDER, Tier.HELP, Tier.CATEGORY, Tier.CATEGORY, Tier.SECURITY, Tier.SECURITY, Tier.SERVICE)

Zone = dict[str, Effect]


def text(wire: bytes) -> str:
    return to_text(wire + b"\0")


def read(listing: Listing) -> tuple[Zone, Counter[tuple[str, Effect]]]:
    """The whole zone, owner by owner, and what lies between with how often it is needed."""
    zone: Zone = {}
    needed: Counter[tuple[str, Effect]] = Counter()
    at = 0
    while at < listing.end:
        at, (names, between) = listing.read(at)
        for wire, own, below in names:
            put(zone, text(wire), own, below)
        needed.update((text(wire), effect) for wire, effect in between)
    for name, effect in needed:
        put(zone, name, effect, effect)
    return zone, needed


def put(zone: Zone, name: str, own: Effect, below: Effect) -> None:
    for owner, effect in ((name, own), (f"*.{name}", below)):
        if effect != NOTHING:
            assert owner not in zone, "each owner once"
            zone[owner] = effect


def zone_of(
    images: Images,
    entries: Iterable[Entry],
    *lists: str,
    delta: Iterable[Entry] | None = None,
    drops: Iterable[str] = (),
) -> Zone:
    base = images.names(entries)
    changed = None if delta is None else images.names(delta, base, drops=drops)
    return read(Listing(TableSet(base, changed), lists))[0]


def test_a_subtree_is_the_name_and_a_wildcard_an_exact_entry_the_name_below_the_wildcard(images: Images) -> None:
    entries = [
        ("malware", "sub.test", Mode.SUBTREE),
        ("malware", "exact.test", Mode.EXACT),
        ("malware", "below.test", Mode.BELOW),
    ]

    assert zone_of(images, entries, "malware") == dict.fromkeys(
        ("sub.test", "*.sub.test", "exact.test", "*.below.test"), Action.NXDOMAIN
    )


def test_an_entry_says_its_own_action_or_its_lists(images: Images) -> None:
    entries: list[Entry] = [
        ("malware", "a.test", Mode.EXACT),
        ("malware", "b.test", Mode.EXACT, Action.DROP),
        ("malware", "c.test", Mode.EXACT, Action.LOCAL_DATA, 0, ADDRESS),
        ("orders", "d.test", Mode.EXACT),
    ]

    assert zone_of(images, entries, "malware", "orders") == {
        "a.test": Action.NXDOMAIN,
        "b.test": Action.DROP,
        "c.test": ADDRESS,
        "d.test": Action.SPLASH,
    }


def test_only_the_chosen_lists_speak(images: Images) -> None:
    entries = [("malware", "a.test", Mode.EXACT), ("orders", "a.test", Mode.SUBTREE), ("adult", "b.test", Mode.EXACT)]

    assert zone_of(images, entries, "malware") == {"a.test": Action.NXDOMAIN}
    assert zone_of(images, entries, "unheard-of") == {}


def test_no_number_of_listed_names_between_them_hides_what_a_name_far_above_says(images: Images) -> None:
    between: list[Entry] = [("games", f"{'a.' * n}far.test", Mode.SUBTREE) for n in range(1, 120)]
    deep = f"{'a.' * 120}far.test"
    entries: list[Entry] = [
        ("orders", "far.test", Mode.SUBTREE, Action.DROP),
        *between,
        ("malware", deep, Mode.SUBTREE),
    ]

    assert zone_of(images, entries, "orders", "malware") == {"far.test": Action.DROP, "*.far.test": Action.DROP}
    assert zone_of(images, entries, "malware") == {deep: Action.NXDOMAIN, f"*.{deep}": Action.NXDOMAIN}


def test_of_one_list_the_longest_name_above_speaks_and_what_it_says_of_the_name_itself(images: Images) -> None:
    entries: list[Entry] = [
        ("malware", "a.test", Mode.SUBTREE, Action.DROP),
        ("malware", "b.a.test", Mode.BELOW, Action.REFUSED),
        ("malware", "b.a.test", Mode.EXACT, Action.NODATA),
        ("malware", "c.b.a.test", Mode.EXACT, Action.NXDOMAIN),
    ]

    assert zone_of(images, entries, "malware") == {
        "a.test": Action.DROP,
        "*.a.test": Action.DROP,
        "b.a.test": Action.NODATA,
        "*.b.a.test": Action.REFUSED,
        "c.b.a.test": Action.NXDOMAIN,
        "*.c.b.a.test": Action.REFUSED,
    }


def test_a_category_speaks_as_for_somebody_who_asked_for_it(images: Images) -> None:
    assert zone_of(images, [("games", "g.test", Mode.EXACT)], "games") == {"g.test": Action.SPLASH}


def test_a_list_in_the_shadow_says_nothing_and_masks_nothing(images: Images) -> None:
    images.try_out("allowed", "orders")
    entries: list[Entry] = [
        ("allowed", "a.test", Mode.SUBTREE, Action.DROP),
        ("allowed", "ok.test", Mode.EXACT, Action.PASSTHRU),
        ("orders", "ok.test", Mode.SUBTREE),
        *(("malware", name, Mode.EXACT) for name in ("ok.test", "a.test")),
    ]

    assert zone_of(images, entries, "allowed", "orders", "malware") == {
        "a.test": Action.NXDOMAIN,
        "ok.test": Action.NXDOMAIN,
    }
    assert zone_of(images, entries, "allowed", "orders") == {}


def test_a_confidential_list_is_refused(images: Images) -> None:
    with pytest.raises(ValueError, match="'csam': confidential; not published"):
        Listing(TableSet(images.names([])), ["malware", "csam"])


def test_a_name_of_a_confidential_list_is_in_no_listing(images: Images) -> None:
    entries = [
        ("csam", "secret.test", Mode.SUBTREE),
        ("csam", "both.test", Mode.SUBTREE),
        ("orders", "both.test", Mode.EXACT),
    ]

    assert zone_of(images, entries, *ALL) == {"both.test": Action.SPLASH}


def test_what_the_names_above_say_anyway_is_not_said_again(images: Images) -> None:
    entries = [
        ("malware", "a.test", Mode.SUBTREE),
        ("malware", "www.a.test", Mode.SUBTREE),
        ("malware", "b.c.www.a.test", Mode.EXACT),
    ]

    assert set(zone_of(images, entries, "malware")) == {"a.test", "*.a.test"}


def test_the_outranking_list_speaks_for_the_name_and_what_is_below_it(images: Images) -> None:
    entries = [
        ("malware", "a.test", Mode.SUBTREE),
        ("orders", "w.a.test", Mode.SUBTREE),
        ("malware", "w.w.a.test", Mode.EXACT),
    ]

    assert zone_of(images, entries, "malware", "orders") == {
        "a.test": Action.NXDOMAIN,
        "*.a.test": Action.NXDOMAIN,
        "w.a.test": Action.SPLASH,
        "*.w.a.test": Action.SPLASH,
    }


def test_an_exception_below_a_wildcard_is_said_and_what_is_below_the_exception_too(images: Images) -> None:
    entries: list[Entry] = [("orders", "a.test", Mode.SUBTREE), ("orders", "one.a.test", Mode.EXACT, Action.PASSTHRU)]

    assert zone_of(images, entries, "orders") == {
        "a.test": Action.SPLASH,
        "*.a.test": Action.SPLASH,
        "one.a.test": Action.PASSTHRU,
        "*.one.a.test": Action.SPLASH,
    }


def test_an_exception_to_nothing_is_not_said_except_by_lists_whose_exceptions_end_the_search(images: Images) -> None:
    entries: list[Entry] = [
        ("orders", "a.test", Mode.EXACT, Action.PASSTHRU),
        ("help", "h.test", Mode.SUBTREE),
        ("allowed", "s.test", Mode.EXACT, Action.PASSTHRU),
    ]

    assert zone_of(images, entries, *ALL) == {
        "h.test": Action.PASSTHRU,
        "*.h.test": Action.PASSTHRU,
        "s.test": Action.PASSTHRU,
    }


def test_the_help_corridor_holds_open_what_it_outranks_and_says_no_more_unless_it_is_chosen(images: Images) -> None:
    entries = [
        ("malware", "h.test", Mode.EXACT),
        ("malware", "a.test", Mode.SUBTREE),
        ("help", "h.test", Mode.SUBTREE),
        ("help", "h.a.test", Mode.EXACT),
        ("help", "free.test", Mode.EXACT),
        ("help", "o.test", Mode.EXACT),
        ("orders", "o.test", Mode.EXACT),
    ]
    passthru, nxdomain = Action.PASSTHRU, Action.NXDOMAIN
    below_a = {"a.test": nxdomain, "*.a.test": nxdomain, "h.a.test": passthru, "*.h.a.test": nxdomain}

    assert zone_of(images, entries, "malware") == below_a
    assert zone_of(images, entries, "orders") == {"o.test": Action.SPLASH}
    assert zone_of(images, entries, "malware", "help") == below_a | {
        "h.test": passthru,
        "*.h.test": passthru,
        "free.test": passthru,
        "o.test": passthru,
    }


def test_names_between_a_wildcard_and_an_exception_are_said_once_however_many_need_them(images: Images) -> None:
    base = images.names(
        [
            ("orders", "a.test", Mode.SUBTREE),
            *(("orders", f"{n}.in.deep.a.test", Mode.SUBTREE, Action.PASSTHRU) for n in range(3)),
        ]
    )

    zone, needed = read(Listing(TableSet(base), ["orders"]))

    assert needed == {("in.deep.a.test", Action.SPLASH): 3, ("deep.a.test", Action.SPLASH): 3}
    assert zone["deep.a.test"] == zone["*.in.deep.a.test"] == Action.SPLASH
    assert zone["0.in.deep.a.test"] == zone["*.0.in.deep.a.test"] == Action.PASSTHRU


def test_a_name_that_the_delta_holds_is_the_deltas_alone(images: Images) -> None:
    entries = [
        ("orders", "gone.test", Mode.SUBTREE),
        ("orders", "less.test", Mode.SUBTREE),
        ("orders", "stays.test", Mode.EXACT),
    ]
    delta = [("orders", "less.test", Mode.EXACT), ("orders", "new.test", Mode.EXACT)]

    zone = zone_of(images, entries, "orders", delta=delta, drops=["gone.test", "less.test", "new.test"])

    assert zone == dict.fromkeys(("less.test", "stays.test", "new.test"), Action.SPLASH)


def test_tables_of_nothing_list_nothing() -> None:
    listing = Listing(TableSet(), ["orders"])

    assert listing.end == 0
    assert read(listing) == ({}, Counter())


def test_an_image_whose_records_are_anything_is_read_to_its_end(images: Images) -> None:
    image = images.names([("orders", f"{n}.test", Mode.SUBTREE) for n in range(300)])
    draw = random.Random(4)
    for _ in range(30):
        forged = forge(image, 4, 0, draw.randbytes(image.section_octets()[4]))

        listing = Listing(TableSet(forged), ["orders"])
        at = 0
        while at < listing.end:
            at, _ = listing.read(at)

        assert at == listing.end


# What is chosen at random, and asked of the entries themselves --------------------------------------------------------

LABELS = ("a", "b", "c")


def random_entries(draw: random.Random, n: int) -> list[Entry]:
    actions = (NOTHING, NOTHING, int(Action.PASSTHRU), int(Action.DROP))
    entries: list[Entry] = []
    for _ in range(n):
        list_id = draw.choice(ALL)
        action = NOTHING if list_id == "help" else draw.choice(actions)  # that holds open, and nothing else
        entries.append((list_id, random_name(draw), draw.choice(list(Mode)), action))
    return entries


def random_name(draw: random.Random) -> str:
    return ".".join([*draw.choices(LABELS, k=draw.randrange(5)), "test"])


def by_longest_wildcard(zone: Zone, name: str) -> Effect:
    if name in zone:
        return zone[name]
    while name:
        name = name.partition(".")[2]
        if f"*.{name}" in zone:
            return zone[f"*.{name}"]
    return NOTHING


def by_closest_encloser(zone: Zone, name: str) -> Effect:
    """RFC 4592 §3.3.1."""
    nodes = {suffix for owner in zone for suffix in suffixes(owner)}
    if name in nodes:
        return zone.get(name, NOTHING)
    while name and name not in nodes:
        name = name.partition(".")[2]
    return zone.get(f"*.{name}", NOTHING)


def suffixes(name: str) -> list[str]:
    labels = name.split(".")
    return [".".join(labels[i:]) for i in range(len(labels))]


def blocking_of(effect: Effect) -> Effect:
    return int(Action.PASSTHRU) if effect == NOTHING else effect


def every_name() -> list[str]:
    names = ["test"]
    for _ in range(5):
        names += [f"{label}.{name}" for name in names[-(3**5) :] for label in LABELS]
    return sorted(set(names))


@pytest.mark.parametrize("seed", range(40))
def test_both_ways_of_reading_a_zone_give_what_decide_gives(images: Images, seed: int) -> None:
    draw = random.Random(seed)
    chosen = draw.sample(ALL, draw.randrange(1, 4))
    entries = random_entries(draw, draw.randrange(1, 25))
    base = images.names(entries)
    zone, _ = read(Listing(TableSet(base), chosen))
    alone = TableSet(images.names([entry for entry in entries if entry[0] in (*chosen, "help")]))

    for name in every_name():
        should = decided(alone, name)
        assert blocking_of(by_longest_wildcard(zone, name)) == should, name
        assert blocking_of(by_closest_encloser(zone, name)) == should, name


def decided(tables: TableSet, name: str) -> int:
    """By the entries themselves, as the policy page says it: lower tier, then configured order; categories all on."""
    best: tuple[int, int, int] | None = None
    silenced = set()
    for match in tables.matches(to_wire(name.encode())):
        if match.list in silenced:
            continue
        silenced.add(match.list)
        number = ALL.index(match.list)
        tier = TIERS[number]
        speaks = match.action is not Action.PASSTHRU or tier in (Tier.HELP, Tier.SECURITY)
        if speaks and (best is None or (tier, number) < best[:2]):
            best = (tier, number, int(match.action))
    return int(Action.PASSTHRU) if best is None else best[2]


@pytest.mark.parametrize("seed", range(60))
def test_what_changed_makes_the_zone_before_the_zone_after(images: Images, seed: int) -> None:
    draw = random.Random(seed)
    before, after = two_moments(images, draw)
    chosen = draw.sample(ALL, draw.randrange(1, 4))
    old, new = Listing(before, chosen), Listing(after, chosen)
    zone_before, needed = read(old)
    zone_after, needed_after = read(new)
    names_before: list[tuple[bytes, Effect, Effect]] = []
    names_after: list[tuple[bytes, Effect, Effect]] = []
    at = 0
    while at < new.changes_end(old):
        at, (was, was_between), (becomes, becomes_between) = new.changes(old, at)
        names_before += was
        names_after += becomes
        needed.subtract((text(wire), effect) for wire, effect in was_between)
        needed.update((text(wire), effect) for wire, effect in becomes_between)

    assert +needed == needed_after
    assert min(needed.values(), default=0) >= 0
    for name, effect in read(old)[1]:
        del zone_before[name], zone_before[f"*.{name}"]
        assert effect != NOTHING
    for wire, own, below in names_before:
        for owner, effect in ((text(wire), own), (f"*.{text(wire)}", below)):
            assert zone_before.pop(owner, NOTHING) == effect
    for wire, own, below in names_after:
        put(zone_before, text(wire), own, below)
    for name, effect in +needed:
        put(zone_before, name, effect, effect)
    assert zone_before == zone_after


def two_moments(images: Images, draw: random.Random) -> tuple[TableSet, TableSet]:
    """Two deltas of one base, or two bases with a delta each."""
    n = draw.randrange(1, 30)
    base = images.names(random_entries(draw, n))
    other = base if draw.random() < 0.5 else images.names(random_entries(draw, n))
    return TableSet(base, random_delta(images, draw, base)), TableSet(other, random_delta(images, draw, other))


def random_delta(images: Images, draw: random.Random, base: Image) -> Image | None:
    if draw.random() < 0.2:
        return None
    entries = random_entries(draw, draw.randrange(8))
    return images.names(entries, base, drops={entry[1] for entry in entries} | {random_name(draw)})


def test_names_of_addresses_that_somebody_may_be_kept_from_are_given_once_however_many_others_there_are(
    images: Images,
) -> None:
    """More than one piece of lines; a name of the base that the delta has, too, is the delta's."""
    names: list[Entry] = [("orders", f"n{number}.test", Mode.SUBTREE) for number in range(9000)]
    closed = [entry for number in range(3000) for entry in entries("games", f"203.0.{number >> 8}.{number & 255}")]
    base = images.names([*names, *closed, *entries("allowed", "203.0.113.1", Action.PASSTHRU)])
    delta = images.names([*closed[:5], *entries("orders", "203.0.113.2")], base, drops=[closed[9][1]])

    found = Listing(TableSet(base, delta)).addresses()

    expected = {to_wire(name.encode()) for _, name, *_ in [*closed, *entries("orders", "203.0.113.2")]}
    assert len(found) == len(expected) - 1
    assert set(found) == expected - {to_wire(closed[9][1].encode())}


def test_a_listing_of_no_lists_in_particular_is_one_of_all_that_are_not_confidential(images: Images) -> None:
    tables = TableSet(images.names([("csam", "c.test", Mode.SUBTREE), ("orders", "o.test", Mode.SUBTREE)]))

    assert Listing(tables).list_ids == ALL
