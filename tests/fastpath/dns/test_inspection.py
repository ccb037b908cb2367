"""Answers judged by what they lead to: precedence, chains, and what is never delivered."""

import struct
from itertools import product

import pytest
from dnslib import RR, DNSRecord
from hypothesis import given
from hypothesis import strategies as st
from support.dns.answers import answer, dname, https
from support.images.opened import Entry, Images
from support.packets.shapes import canonical

from fastpath.dns.inspection import Inspection, inspect
from fastpath.dns.records import records
from fastpath.images.layout import LockBit
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode, Reason, Tier
from fastpath.people.policy_writer import ProfileSpec
from fastpath.wire.name import to_text

NOW_S = 1_795_000_000
CHILD, ADULT, PAUSED, OWN, STUDY, GRANTED = (f"192.0.2.{i}" for i in range(7, 13))
ADULT_CATEGORY = ProfileSpec(1 << 1, (), 0, 18000)
NOTHING_ASKED = ProfileSpec(0, (), 0, 18000)
ALWAYS = 0, 10080
PROFILES = {
    CHILD: ADULT_CATEGORY,
    ADULT: NOTHING_ASKED,
    PAUSED: ADULT_CATEGORY._replace(paused_until=NOW_S + 60),
    OWN: ADULT_CATEGORY._replace(allowed=(canonical("ok.example"),), denied=(canonical("no.example"),)),
    STUDY: ADULT_CATEGORY._replace(soft=((*ALWAYS, 1 << 70),)),
    GRANTED: ADULT_CATEGORY._replace(closed=(ALWAYS,), spans=((0, NOW_S + 60, 0, LockBit.SCHEDULE),)),
}
EXACT, SUBTREE = Mode.EXACT, Mode.SUBTREE
MAX_TARGETS = 128


def tables_of(images: Images, *entries: Entry) -> TableSet:
    return TableSet(
        images.names(entries),
        None,
        images.subscribers([(client, number) for number, client in enumerate(PROFILES, 1)]),
        None,
        images.policy(list(enumerate(PROFILES.values(), 1))),
    )


BLOCKS: tuple[Entry, ...] = (
    ("csam", "csam.test", SUBTREE),
    ("orders", "order.test", SUBTREE, Action.NODATA, 7),
    ("adult", "adult.test", SUBTREE),
    ("malware", "malware.test", SUBTREE, Action.REFUSED),
)


@pytest.fixture
def blocks(images: Images) -> TableSet:
    return tables_of(images, *BLOCKS)


def found(tables: TableSet, octets: bytes, client: str = CHILD) -> str | None:
    """The culprit, as text."""
    culprit = inspect(tables, octets, client, NOW_S).culprit
    return None if culprit is None else to_text(culprit)


# ------------------------------------------------------------------------------------------------- what is a target


def test_addresses_of_the_asked_name_are_delivered(blocks: TableSet) -> None:
    octets = answer("www.shop.test", "A", "www.shop.test 60 A 192.0.2.1", "www.shop.test 60 A 192.0.2.2")

    assert inspect(blocks, octets, CHILD, NOW_S) == Inspection(None, inspect(blocks, octets, CHILD, NOW_S).decision)
    assert inspect(blocks, octets, CHILD, NOW_S).decision.action is Action.PASSTHRU


def test_an_answer_without_records_is_delivered(blocks: TableSet) -> None:
    assert found(blocks, answer("www.shop.test")) is None


@pytest.mark.parametrize(
    "lines",
    [
        ["www.shop.test 60 CNAME cdn.order.test"],
        ["www.shop.test 60 CNAME free.example", "free.example 60 CNAME cdn.order.test"],
        ["www.shop.test 60 CNAME CDN.Order.TEST", "cdn.order.test 60 A 192.0.2.1"],
        [dname("shop.test", "cdn.order.test"), "www.shop.test 60 CNAME www.cdn.order.test"],
        [dname("shop.test", "cdn.order.test")],
        [https("www.shop.test", 0, "cdn.order.test")],
        [https("www.shop.test", 1, "cdn.order.test", [(1, b"\2h2")])],
        [https("www.shop.test", 1), https("www.shop.test", 2, "cdn.order.test")],
        [https("www.shop.test", 1, "cdn.order.test", kind=64)],
        ["www.shop.test 60 A 192.0.2.1", "other.example 60 CNAME cdn.order.test"],
    ],
    ids=[
        "cname",
        "second cname",
        "other case",
        "dname with its cname",
        "dname alone",
        "https alias",
        "https service",
        "second service",
        "svcb",
        "beside the chain",
    ],
)
def test_an_answer_that_leads_to_a_blocked_name_is_blocked_as_that_name_is(
    blocks: TableSet, lines: list[str | RR]
) -> None:
    inspection = inspect(blocks, answer("www.shop.test", "A", *lines), CHILD, NOW_S)

    assert inspection.culprit is not None and to_text(inspection.culprit).endswith("cdn.order.test")
    assert inspection.decision == blocks.decide(inspection.culprit, CHILD, NOW_S)
    assert (inspection.decision.action, inspection.decision.rule, inspection.decision.order) == (
        Action.NODATA,
        "order.test",
        7,
    )


@pytest.mark.parametrize(
    "octets",
    [
        answer("www.shop.test", "A", "www.shop.test 60 CNAME free.example", "free.example 60 A 192.0.2.1"),
        answer("www.shop.test", "HTTPS", https("www.shop.test", 1)),
        answer("www.shop.test", "HTTPS", https("www.shop.test", 1, "order.test.free.example")),
        answer("shop.test", "MX", "shop.test 60 MX 5 mail.order.test"),
        answer("shop.test", "SRV", "shop.test 60 SRV 5 5 5 mail.order.test"),
        answer("shop.test", "TXT", 'shop.test 60 TXT "order.test"'),
        answer("shop.test", "A", authority=["shop.test 60 NS ns.order.test"]),
        answer("shop.test", "HTTPS", https("shop.test", 1), additional=[https("shop.test", 1, "order.test")]),
    ],
    ids=["unlisted", "own name", "listed label", "mx", "srv", "txt", "authority", "additional"],
)
def test_an_answer_that_leads_to_no_blocked_name_is_delivered(blocks: TableSet, octets: bytes) -> None:
    assert found(blocks, octets) is None


def test_a_target_of_a_confidential_list_names_no_rule(blocks: TableSet) -> None:
    decision = inspect(blocks, answer("a.test", "A", "a.test 60 CNAME b.csam.test"), None, NOW_S).decision

    assert (decision.reason, decision.rule, decision.subscriber) == (Reason.CSAM, None, None)


def test_what_leads_to_a_list_in_the_shadow_is_delivered_and_names_the_strongest(images: Images) -> None:
    images.try_out("orders", "adult", "malware")
    tables = tables_of(images, *BLOCKS)
    octets = answer(
        "www.shop.test",
        "A",
        "www.shop.test 60 CNAME malware.test",
        "malware.test 60 CNAME adult.test",
        "adult.test 60 A 192.0.2.1",
    )

    def shadow(octets: bytes, client: str) -> tuple[bytes | None, Action, str | None]:
        inspection = inspect(tables, octets, client, NOW_S)
        return inspection.culprit, inspection.decision.action, inspection.decision.shadow

    assert shadow(octets, ADULT) == (None, Action.PASSTHRU, "malware")
    assert shadow(octets, CHILD) == (None, Action.PASSTHRU, "adult")
    # the question itself would have been blocked: nobody would have asked for this answer
    assert shadow(answer("malware.test", "A", "malware.test 60 CNAME order.test"), CHILD)[2] is None
    assert shadow(answer("a.test", "A", "a.test 60 CNAME csam.test", "csam.test 60 CNAME order.test"), CHILD)[1] == 4


def test_a_rule_that_opens_an_alias_leaves_no_shadow_behind_it(images: Images) -> None:
    images.try_out("malware", "orders")
    tables = tables_of(images, ("help", "help.test", SUBTREE), *BLOCKS)

    opened = answer("help.test", "A", "help.test 60 CNAME malware.test", "malware.test 60 A 192.0.2.1")
    ordered = answer("help.test", "A", "help.test 60 CNAME order.test", "order.test 60 A 192.0.2.1")

    assert inspect(tables, opened, CHILD, NOW_S).decision.shadow is None
    assert inspect(tables, ordered, CHILD, NOW_S).decision.shadow == "orders"


def test_a_category_behind_an_alias_counts_only_for_those_who_asked(blocks: TableSet) -> None:
    octets = answer("a.test", "A", "a.test 60 CNAME www.adult.test")

    assert found(blocks, octets, CHILD) == "www.adult.test"
    assert found(blocks, octets, ADULT) is None
    assert inspect(blocks, octets, ADULT, NOW_S).decision.subscriber == 2


# ------------------------------------------------------------------------------------------------ who outranks whom

TARGETS = {"csam.test": 1, "order.test": 2, "adult.test": 9, "malware.test": 10}  # tier


@pytest.mark.parametrize(("first", "second"), list(product(TARGETS, TARGETS)))
def test_of_several_targets_the_strongest_tier_decides(blocks: TableSet, first: str, second: str) -> None:
    octets = answer("a.test", "A", f"a.test 60 CNAME {first}", f"{first} 60 CNAME {second}")

    assert found(blocks, octets) == min(first, second, key=lambda name: TARGETS[name])


def test_of_two_targets_of_one_tier_the_first_in_the_answer_decides(images: Images) -> None:
    tables = tables_of(images, ("orders", "later.test", SUBTREE), ("orders-two", "sooner.test", SUBTREE))
    octets = answer("a.test", "A", "a.test 60 CNAME sooner.test", "sooner.test 60 CNAME later.test")

    assert inspect(tables, octets, CHILD, NOW_S).decision.list == "orders-two"


ALLOWS: dict[str, tuple[Entry, ...]] = {
    "nothing": (),
    "help": (("help", "asked.test", EXACT),),
    "security": (("allowed", "asked.test", EXACT, Action.PASSTHRU),),
    "help and security": (("help", "asked.test", EXACT), ("allowed", "asked.test", EXACT, Action.PASSTHRU)),
    "category": (("adult", "asked.test", EXACT, Action.PASSTHRU),),
    "order": (("orders", "asked.test", EXACT, Action.PASSTHRU),),
}
OPENS = {
    "nothing": set[str](),
    "help": {"adult.test", "malware.test"},
    "security": {"malware.test"},
    "help and security": {"adult.test", "malware.test"},
    "category": set[str](),
    "order": set[str](),
}
PAIRS = list(product(ALLOWS, TARGETS))


@pytest.mark.parametrize(("allow", "target"), PAIRS)
def test_what_lets_the_question_go_opens_targets_of_no_stronger_tier(images: Images, allow: str, target: str) -> None:
    tables = tables_of(images, *BLOCKS, *ALLOWS[allow])
    octets = answer("asked.test", "A", f"asked.test 60 CNAME www.{target}", f"www.{target} 60 A 192.0.2.1")

    assert found(tables, octets) == (None if target in OPENS[allow] else f"www.{target}")


@pytest.mark.parametrize(("allow", "target"), [pair for pair in PAIRS if pair[0] not in ("category", "order")])
def test_an_allowed_question_and_its_target_rank_as_two_rules_of_one_name_do(
    images: Images, allow: str, target: str
) -> None:
    both = [(list_id, "asked.test", mode, *rest) for list_id, name, mode, *rest in BLOCKS if name == target]
    of_one_name = tables_of(images, *both, *ALLOWS[allow]).decide(canonical("asked.test"), CHILD, NOW_S)
    chained = tables_of(images, *BLOCKS, *ALLOWS[allow])

    decision = inspect(chained, answer("asked.test", "A", f"asked.test 60 CNAME {target}"), CHILD, NOW_S).decision

    assert decision.action is of_one_name.action
    assert decision.action is Action.PASSTHRU or decision.reason is of_one_name.reason


def test_in_the_security_tier_the_earlier_name_of_the_chain_speaks_whatever_the_order_of_lists(images: Images) -> None:
    tables = tables_of(
        images, ("allowed", "bad.test", SUBTREE, Action.NXDOMAIN), ("malware", "ok.test", EXACT, Action.PASSTHRU)
    )

    assert found(tables, answer("ok.test", "A", "ok.test 60 CNAME bad.test")) is None
    assert found(tables, answer("a.test", "A", "a.test 60 CNAME bad.test", "bad.test 60 CNAME ok.test")) == "bad.test"


def test_the_help_corridor_stays_open_behind_an_alias_while_its_subscriber_is_locked(images: Images) -> None:
    tables = tables_of(images, *BLOCKS, *ALLOWS["help"])
    octets = answer("asked.test", "A", "asked.test 60 CNAME www.adult.test")

    assert tables.decide(canonical("www.adult.test"), PAUSED, NOW_S).tier is Tier.LOCK
    assert found(tables, octets, PAUSED) is None


def test_a_question_for_tcp_only_that_came_by_tcp_opens_its_tier(images: Images) -> None:
    tables = tables_of(images, *BLOCKS, ("malware", "asked.test", EXACT, Action.TCP_ONLY))

    assert found(tables, answer("asked.test", "A", "asked.test 60 CNAME malware.test")) is None
    assert found(tables, answer("asked.test", "A", "asked.test 60 CNAME adult.test")) == "adult.test"


# -------------------------------------------------------------------------------------------- how far an allow reaches


@pytest.fixture
def helped(images: Images) -> TableSet:
    return tables_of(images, *BLOCKS, ("help", "help.example", SUBTREE))


def test_an_allowed_name_on_the_chain_opens_what_is_behind_it(helped: TableSet) -> None:
    octets = answer("a.test", "A", "a.test 60 CNAME help.example", "help.example 60 CNAME malware.test")

    assert found(helped, octets) is None


def test_an_allowed_name_at_the_end_of_the_chain_opens_nothing_ahead_of_it(helped: TableSet) -> None:
    octets = answer("a.test", "A", "a.test 60 CNAME malware.test", "malware.test 60 CNAME help.example")

    assert found(helped, octets) == "malware.test"


def test_an_allow_holds_for_all_the_services_of_its_name(helped: TableSet) -> None:
    octets = answer("help.example", "HTTPS", https("help.example", 1), https("help.example", 2, "adult.test"))

    assert found(helped, octets) is None


def test_an_allowed_service_opens_nothing_for_the_one_beside_it(helped: TableSet) -> None:
    octets = answer("a.test", "HTTPS", https("a.test", 1, "help.example"), https("a.test", 2, "adult.test"))

    assert found(helped, octets) == "adult.test"


@pytest.mark.parametrize(
    "lines",
    [
        ["help.example 60 CNAME free.example", "help.example 60 CNAME adult.test"],
        ["help.example 60 CNAME free.example", "other.test 60 CNAME adult.test"],
        ["other.test 60 CNAME help.example", "other.test 60 CNAME adult.test"],
        [dname("xhelp.example", "adult.test")],
        [dname("www.help.example", "adult.test")],
    ],
    ids=["second alias", "beside", "unlinked", "dname on no label's border", "dname below"],
)
def test_a_record_beside_the_chain_is_judged_as_it_stands(helped: TableSet, lines: list[str | RR]) -> None:
    qname = "a.test" if lines[0] == "other.test 60 CNAME help.example" else "help.example"

    assert found(helped, answer(qname, "A", *lines)) == "adult.test"


def test_a_dname_above_an_allowed_name_is_of_its_chain(helped: TableSet) -> None:
    octets = answer(
        "www.help.example", "A", dname("help.example", "adult.test"), "www.help.example 60 CNAME www.adult.test"
    )

    assert found(helped, octets) is None
    assert found(helped, answer("help.example", "A", dname(".", "adult.test"))) is None


# ------------------------------------------------------------------------------------------------ what is unreadable

LONG = answer(
    "www.shop.test",
    "HTTPS",
    "www.shop.test 60 CNAME edge.cdn.example",
    "edge.cdn.example 60 A 192.0.2.1",
    https("edge.cdn.example", 1, "svc.cdn.example", [(1, b"\2h2")]),
)


def refused(tables: TableSet, octets: bytes) -> bool:
    try:
        inspect(tables, octets, CHILD, NOW_S)
    except ValueError as error:
        assert "do not deliver it" in str(error)
        return True
    return False


@pytest.mark.parametrize(
    "octets", [LONG, answer("www.shop.test", "A", "www.shop.test 60 A 192.0.2.1", "www.shop.test 60 A 192.0.2.2")]
)
def test_an_answer_cut_at_any_octet_is_not_delivered(blocks: TableSet, octets: bytes) -> None:
    assert [n for n in range(len(octets)) if not refused(blocks, octets[:n])] == []
    assert not refused(blocks, octets) and not refused(blocks, octets + b"junk")


def test_an_alias_whose_length_is_one_more_or_less_is_not_delivered(blocks: TableSet) -> None:
    alias = records(LONG)[0]
    for by in (-1, 1):
        length = struct.pack("!H", len(alias.data) + by)
        assert refused(blocks, LONG[: alias.data_at - 2] + length + LONG[alias.data_at :])


@pytest.mark.parametrize("rdata", [b"", b"\0", b"\0\1", b"\0\1\3ab", b"\0\1\xc0", b"\0\1\x80\0"])
def test_a_service_without_a_readable_target_is_not_delivered(blocks: TableSet, rdata: bytes) -> None:
    octets = answer("a.test", "HTTPS")
    record = b"\xc0\x0c" + struct.pack("!HHIH", 65, 1, 60, len(rdata)) + rdata

    assert refused(blocks, octets[:7] + b"\1" + octets[8:] + record)


def test_a_target_that_points_at_itself_is_not_delivered(blocks: TableSet) -> None:
    octets = answer("a.test", "A")
    at = len(octets) + 12
    record = b"\xc0\x0c" + struct.pack("!HHIH", 5, 1, 60, 2) + struct.pack("!H", 0xC000 | at)

    assert refused(blocks, octets[:7] + b"\1" + octets[8:] + record)


def test_more_targets_than_any_answer_needs_are_not_delivered(blocks: TableSet) -> None:
    lines = [f"n{i}.test 60 CNAME n{i + 1}.test" for i in range(MAX_TARGETS)]

    assert not refused(blocks, answer("n0.test", "A", *lines))
    assert refused(blocks, answer("n0.test", "A", *lines, "x.test 60 CNAME y.test"))


# ------------------------------------------------------------------------------------------- against a plain reading

POOL = ("a.test", "b.example", "www.csam.test", "order.test", "adult.test", "malware.test", "help.example", "ok.test")


@st.composite
def chains(draw: st.DrawFn) -> bytes:
    pick = st.sampled_from(POOL)
    lines = draw(
        st.lists(
            st.one_of(
                st.builds("{} 60 CNAME {}".format, pick, pick),
                st.builds("{} 60 A 192.0.2.1".format, pick),
                st.builds(https, pick, st.integers(0, 2), pick),
            ),
            max_size=6,
        )
    )
    return answer(draw(pick), "A", *lines)


@pytest.mark.parametrize(
    ("asked", "leads_to", "culprit"),
    [
        ("www.ok.example", "cdn.adult.test", None),
        ("www.ok.example", "x.no.example", None),
        ("www.ok.example", "malware.test", "malware.test"),
        ("www.ok.example", "order.test", "order.test"),
        ("shop.test", "x.no.example", "x.no.example"),
        ("shop.test", "cdn.adult.test", "cdn.adult.test"),
        ("shop.test", "free.test", None),
    ],
)
def test_a_households_names_open_and_close_what_a_name_leads_to(
    blocks: TableSet, asked: str, leads_to: str, culprit: str | None
) -> None:
    octets = answer(asked, "A", f"{asked} 60 CNAME {leads_to}", f"{leads_to} 60 A 192.0.2.1")

    assert found(blocks, octets, OWN) == culprit
    assert found(blocks, octets, ADULT) == (culprit if culprit in ("malware.test", "order.test") else None)


def test_a_rule_of_a_household_is_told_and_not_the_whole_name(blocks: TableSet) -> None:
    octets = answer("shop.test", "A", "shop.test 60 CNAME x.no.example")

    decision = inspect(blocks, octets, OWN, NOW_S).decision

    assert (decision.tier, decision.rule, decision.list) == (Tier.DENIED, "no.example", None)


def test_what_an_allowed_name_leads_to_is_not_closed_by_a_soft_lock_and_still_by_a_category(images: Images) -> None:
    tables = tables_of(images, *BLOCKS, ("games", "learn.test", SUBTREE))

    assert tables.decide(canonical("free.test"), STUDY, NOW_S).reason is Reason.SOFT_LOCK
    assert tables.decide(canonical("www.learn.test"), STUDY, NOW_S).action is Action.PASSTHRU
    assert found(tables, answer("www.learn.test", "A", "www.learn.test 60 CNAME cdn.example"), STUDY) is None
    assert found(tables, answer("www.learn.test", "A", "www.learn.test 60 CNAME adult.test"), STUDY) == "adult.test"


def test_a_grant_opens_no_category_that_a_name_leads_to(blocks: TableSet) -> None:
    assert blocks.decide(canonical("free.test"), GRANTED, NOW_S).tier is Tier.GRANT
    assert found(blocks, answer("free.test", "A", "free.test 60 CNAME adult.test"), GRANTED) == "adult.test"


def by_dnslib(tables: TableSet, octets: bytes, client: str) -> tuple[str | None, Tier]:
    """What the module's rules say of an answer without DNAME, by a reader and a chain that are not ours."""
    message = DNSRecord.parse(octets)
    name = str(message.q.qname).rstrip(".")
    question = name
    asked = tables.decide(canonical(name), client, NOW_S)
    opened = asked.tier if asked.action is Action.PASSTHRU else Tier.DEFAULT
    best: tuple[str | None, Tier] = (None, Tier.DEFAULT)
    for rr in message.rr:
        owner = str(rr.rname).rstrip(".")
        if owner not in (name, question):
            decision = tables.decide(canonical(owner), client, NOW_S)
            if decision.action is not Action.PASSTHRU and decision.tier < best[1]:
                best = (owner, decision.tier)
        if rr.rtype not in (5, 65):
            continue
        target = str(rr.rdata).rstrip(".") if rr.rtype == 5 else b".".join(map(bytes, rr.rdata.target)).decode()
        decision = tables.decide(canonical(target), client, NOW_S)
        is_linked = str(rr.rname).rstrip(".") == name
        is_open = is_linked and opened <= decision.tier
        if decision.action is not Action.PASSTHRU and decision.tier < best[1] and not is_open:
            best = (target, decision.tier)
        if is_linked and rr.rtype == 5:
            name = target
            if decision.action is Action.PASSTHRU:
                opened = min(opened, decision.tier)
    return best


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> TableSet:
    return tables_of(
        Images(tmp_path_factory.mktemp("images")),
        *BLOCKS,
        ("help", "help.example", SUBTREE),
        ("allowed", "ok.test", EXACT, Action.PASSTHRU),
    )


@given(octets=chains(), client=st.sampled_from([CHILD, ADULT]))
def test_any_answer_is_judged_as_a_plain_reading_of_the_rules_says(mixed: TableSet, octets: bytes, client: str) -> None:
    inspection = inspect(mixed, octets, client, NOW_S)

    culprit = None if inspection.culprit is None else to_text(inspection.culprit)
    assert (culprit, inspection.decision.tier) == by_dnslib(mixed, octets, client)
