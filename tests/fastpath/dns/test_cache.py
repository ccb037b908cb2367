"""The answer cache against a plain model of it; its answers are read by an independent reader (dnslib)."""

import random
from dataclasses import dataclass

import pytest
from dnslib import DNSRecord
from hypothesis import given, settings
from hypothesis import strategies as st
from support.dns.upstream_answers import OPT, answer_to, soa
from support.packets.shapes import opt, question

from fastpath.dns.ttl import lifetime
from fastpath.testing.cache import AnswerCache

MIB = 1 << 20
AAAA, HTTPS = 28, 65
SERVFAIL, NXDOMAIN = 2, 3
QR, AA, TC, RD, RA, AD, CD = 0x8000, 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
DAY = 86400
NOW = 1_000_000
QUERY = question(b"www.allowed.test")
DNSSEC_OK = question(b"www.allowed.test", additional=[opt(1232, 0, True)])
PLAIN = answer_to(QUERY, "www.allowed.test. 300 IN A 192.0.2.1", edns=OPT)


@pytest.fixture
def cache() -> AnswerCache:
    return AnswerCache(MIB)


def flags_of(message: bytes) -> int:
    return int.from_bytes(message[2:4], "big")


def got(cache: AnswerCache, now_s: int, query: bytes = QUERY) -> tuple[str, list[int]] | None:
    """How it was found, and the TTLs that were delivered."""
    found = cache.get(query, now_s)
    if found is None:
        return None
    record = DNSRecord.parse(found[1])
    return found[0], [rr.ttl for rr in (*record.rr, *record.auth, *record.ar)]


# --------------------------------------------------------------------------------------------------------- a delivery


def test_nothing_is_known_of_what_was_never_put(cache: AnswerCache) -> None:
    assert cache.get(QUERY, NOW) is None
    assert len(cache) == 0


def test_ttls_count_down_each_for_itself(cache: AnswerCache) -> None:
    cache.put(QUERY, answer_to(QUERY, "www.allowed.test. 300 IN CNAME a.test.", "a.test. 100 IN A 192.0.2.1"), NOW)

    assert got(cache, NOW) == ("fresh", [300, 100])
    assert got(cache, NOW + 60) == ("fresh", [240, 40])


def test_a_clock_that_is_set_back_makes_nothing_older_or_younger(cache: AnswerCache) -> None:
    cache.put(QUERY, PLAIN, NOW)

    assert got(cache, NOW - 5000) == ("fresh", [300])


def test_id_letter_case_and_rd_are_the_clients_own(cache: AnswerCache) -> None:
    cache.put(QUERY, PLAIN, NOW)
    query = b"\xab\xcd" + question(b"wWw.ALLOWED.test", flags=0)[2:]

    found = cache.get(query, NOW)
    assert found is not None
    message = found[1]
    assert message[:2] == b"\xab\xcd" and message[12:34] == query[12:34]
    assert flags_of(message) == QR | RA
    record = DNSRecord.parse(message)
    assert [str(rr.rdata) for rr in record.rr] == ["192.0.2.1"] and str(record.rr[0].rname) == "wWw.ALLOWED.test."
    assert record.ar == [], "the upstream's OPT speaks of another hop"


@pytest.mark.parametrize(
    ("query", "is_told"), [(QUERY, False), (question(b"www.allowed.test", flags=RD | AD), True), (DNSSEC_OK, True)]
)
def test_whether_data_are_authentic_is_told_to_those_who_ask(cache: AnswerCache, query: bytes, is_told: bool) -> None:
    cache.put(query, answer_to(query, "www.allowed.test. 300 IN A 192.0.2.1", is_authentic=True), NOW)

    found = cache.get(query, NOW)
    assert found is not None
    assert bool(flags_of(found[1]) & AD) is is_told


def test_answers_for_do_and_for_cd_are_others(cache: AnswerCache) -> None:
    cd = question(b"www.allowed.test", flags=RD | CD)
    cache.put(QUERY, PLAIN, NOW)

    assert cache.get(DNSSEC_OK, NOW) is None and cache.get(cd, NOW) is None
    cache.put(cd, answer_to(QUERY, "www.allowed.test. 300 IN A 192.0.2.2"), NOW)
    found = cache.get(cd, NOW)
    assert found is not None and flags_of(found[1]) & CD and found[1][-1] == 2
    assert len(cache) == 2


@pytest.mark.parametrize(
    "other", [question(b"www.allowed.test", AAAA), question(b"www.allowed.test", 1, 3), question(b"ww.allowed.test")]
)
def test_another_question_is_another_answer(cache: AnswerCache, other: bytes) -> None:
    cache.put(QUERY, PLAIN, NOW)

    assert cache.get(other, NOW) is None


def test_what_does_not_fit_is_an_empty_answer_with_tc(cache: AnswerCache) -> None:
    cache.put(QUERY, PLAIN, NOW)
    n = len(PLAIN) - len(OPT)

    fits, cut = cache.get(QUERY, NOW, n), cache.get(QUERY, NOW, n - 1)
    assert fits is not None and len(fits[1]) == n and not flags_of(fits[1]) & TC
    assert cut is not None and flags_of(cut[1]) & TC
    assert cut[1][4:] == bytes([0, 1, 0, 0, 0, 0, 0, 0]) + QUERY[12:]


def test_additional_records_are_delivered_without_the_opt_behind_them(cache: AnswerCache) -> None:
    asked = question(b"allowed.test", 15)
    cache.put(
        asked,
        answer_to(
            asked,
            "allowed.test. 300 IN MX 10 mail.allowed.test.",
            additional=["mail.allowed.test. 200 IN A 192.0.2.9"],
            edns=OPT,
        ),
        NOW,
    )

    assert got(cache, NOW + 1, asked) == ("fresh", [299, 199])


# ------------------------------------------------------------------------------------------------------------ lifetimes


def test_an_answer_is_stale_for_a_day_and_then_gone(cache: AnswerCache) -> None:
    cache.put(QUERY, PLAIN, NOW)

    assert got(cache, NOW + 299) == ("fresh", [1])
    assert got(cache, NOW + 300) == ("stale", [30])
    assert got(cache, NOW + 300 + DAY - 1) == ("stale", [30])
    assert got(cache, NOW + 300 + DAY) is None


def test_a_ttl_is_capped_at_a_day(cache: AnswerCache) -> None:
    cache.put(QUERY, answer_to(QUERY, "www.allowed.test. 2000000 IN A 192.0.2.1"), NOW)

    assert got(cache, NOW + 10) == ("fresh", [DAY - 10])


def test_a_negative_answer_says_what_is_left_of_its_minimum(cache: AnswerCache) -> None:
    cache.put(QUERY, answer_to(QUERY, authority=[soa("test", 3600, 60)], rcode=NXDOMAIN), NOW)

    found = cache.get(QUERY, NOW + 20)
    assert found is not None and flags_of(found[1]) & 15 == NXDOMAIN
    assert got(cache, NOW + 20) == ("fresh", [40])
    assert got(cache, NOW + 60) == ("stale", [30])


def test_a_liked_answer_is_due_once_in_its_last_tenth(cache: AnswerCache) -> None:
    cache.put(QUERY, PLAIN, NOW)

    found = [got(cache, NOW + age) for age in (269, 270, 271, 272, 299)]
    assert [one and one[0] for one in found] == ["fresh", "fresh", "due", "fresh", "fresh"]


def test_an_answer_that_nobody_asked_for_again_is_not_due(cache: AnswerCache) -> None:
    cache.put(QUERY, PLAIN, NOW)

    assert got(cache, NOW + 290) == ("fresh", [10])


def test_a_new_answer_takes_the_place_of_the_old_one_and_is_due_again(cache: AnswerCache) -> None:
    for begin in (NOW, NOW + 280, NOW + 560):
        cache.put(QUERY, PLAIN, begin)
        assert [got(cache, begin + age) for age in (0, 280)] == [("fresh", [300]), ("due", [20])]
    assert len(cache) == 1


@pytest.mark.parametrize(
    "answer",
    [
        answer_to(QUERY, "www.allowed.test. 0 IN A 192.0.2.7"),
        answer_to(QUERY, rcode=5),
        answer_to(QUERY, rcode=NXDOMAIN),
        answer_to(DNSSEC_OK)[:-1],
        PLAIN[:-1],
        PLAIN + b"\x00",
        QUERY,
        b"",
        answer_to(question(b"www.other.test"), "www.other.test. 300 IN A 192.0.2.7"),
    ],
)
def test_what_must_not_be_kept_changes_nothing(cache: AnswerCache, answer: bytes) -> None:
    cache.put(QUERY, PLAIN, NOW)

    assert cache.put(QUERY, answer, NOW + 10) is False
    assert got(cache, NOW + 10) == ("fresh", [290])


# ------------------------------------------------------------------------------------------------------------- failures


def test_a_failure_is_kept_for_five_seconds_and_never_served_stale(cache: AnswerCache) -> None:
    assert cache.put(QUERY, answer_to(QUERY, rcode=SERVFAIL), NOW)

    found = cache.get(QUERY, NOW + 4)
    assert found is not None and flags_of(found[1]) & 15 == SERVFAIL
    assert cache.get(QUERY, NOW + 5) is None


def test_a_failure_does_not_take_the_place_of_an_answer_and_keeps_the_upstream_quiet(cache: AnswerCache) -> None:
    cache.put(QUERY, PLAIN, NOW)

    assert cache.put(QUERY, answer_to(QUERY, rcode=SERVFAIL), NOW + 400) is False
    assert got(cache, NOW + 400) == got(cache, NOW + 429) == ("fresh", [30])
    assert got(cache, NOW + 430) == ("stale", [30])
    cache.fail(QUERY, NOW + 440)
    assert got(cache, NOW + 469) == ("fresh", [30])
    cache.put(QUERY, PLAIN, NOW + 470)
    assert got(cache, NOW + 470 + 300) == ("stale", [30])


def test_a_failure_takes_the_place_of_what_is_too_old(cache: AnswerCache) -> None:
    cache.put(QUERY, PLAIN, NOW)

    assert cache.put(QUERY, answer_to(QUERY, rcode=SERVFAIL), NOW + 300 + DAY)
    assert cache.put(QUERY, PLAIN, NOW + 300 + DAY)
    assert got(cache, NOW + 300 + DAY) == ("fresh", [300])


def test_a_failure_of_what_is_not_known_changes_nothing(cache: AnswerCache) -> None:
    cache.fail(QUERY, NOW)

    assert cache.get(QUERY, NOW) is None


# --------------------------------------------------------------------------------------------------------------- memory


def numbered(i: int, text_octets: int = 0) -> tuple[bytes, bytes]:
    """Query and answer number `i`; its TXT makes it as large as it is to be."""
    name = f"n{i}.allowed.test"
    text = " ".join('"' + "t" * min(255, text_octets - at) + '"' for at in range(0, text_octets, 255)) or '"t"'
    query = question(name.encode(), 16)
    return query, answer_to(query, f"{name}. 300 IN TXT {text}")


def test_the_newest_answer_is_always_there_and_memory_is_bounded() -> None:
    cache = AnswerCache(MIB)
    query, answer = numbered(0)
    for i in range(20_000):  # a name each, all of one length
        label = b"%04x" % i
        one, its = (message[:12] + b"\x04" + label + message[15:] for message in (query, answer))
        assert cache.put(one, its, NOW)
        assert cache.get(one, NOW) is not None
    assert 7_000 < len(cache) < 12_000
    assert cache.n_evicted == 20_000 - len(cache)


def test_an_answer_that_is_asked_for_outlives_a_flood_of_names_that_are_not() -> None:
    cache = AnswerCache(MIB)
    cache.put(QUERY, PLAIN, NOW)
    for i in range(600):
        cache.put(*numbered(i, 3_000), NOW)
        if i % 100 == 0:
            assert got(cache, NOW) == ("fresh", [300])
    assert cache.get(numbered(0)[0], NOW) is None


def test_answers_of_any_size_share_the_memory() -> None:
    rng = random.Random(4)
    cache = AnswerCache(MIB)
    kept: dict[int, bytes] = {}
    for _ in range(1_500):
        i = rng.randrange(400)
        query, answer = numbered(i, rng.choice((1, 200, 3_000, 20_000)))
        if cache.put(query, answer, NOW):
            kept[i] = answer
        other = rng.choice(list(kept))
        found = cache.get(numbered(other)[0], NOW)
        if found is not None:
            assert found[1][2:] == bytes([found[1][2]]) + kept[other][3:]
    assert 20 < len(cache) == sum(cache.get(numbered(i)[0], NOW) is not None for i in kept)


def test_an_answer_of_more_than_an_eighth_is_not_kept() -> None:
    cache = AnswerCache(MIB)
    n = 65_000 // 11 - 10
    many = PLAIN[:6] + n.to_bytes(2, "big") + bytes(4) + PLAIN[12:34] + (bytes([0, 0, 16, 0, 1, 0, 0, 0, 60, 0, 0])) * n
    query = question(b"www.allowed.test")

    assert cache.put(query, many, NOW) is False, "no TXT answers a question for A, and there is no SOA"
    query = question(b"www.allowed.test", 16)
    assert cache.put(query, many[:31] + b"\x10" + many[32:], NOW)
    assert cache.get(query, NOW) is not None


# ------------------------------------------------------------------------------------------------------------ the model


@dataclass
class Known:
    """What the model holds of one question."""

    answer: bytes
    lives_s: int
    put_s: int
    is_failure: bool
    quiet_until_s: int = 0
    is_asked: bool = False
    is_due_said: bool = False

    def age_at(self, now_s: int) -> int:
        return max(0, now_s - self.put_s)

    def is_usable(self, now_s: int) -> bool:
        return self.age_at(now_s) < self.lives_s + (0 if self.is_failure else DAY)


class Model:
    """The cache as a dictionary: no memory limit."""

    def __init__(self) -> None:
        self.known: dict[bytes, Known] = {}

    def put(self, query: bytes, answer: bytes, now_s: int) -> bool:
        read = lifetime(query, answer)
        if not read.lives_s:
            return False
        old = self.known.get(query)
        is_failure = read.rcode == SERVFAIL
        if old and is_failure and not old.is_failure and old.is_usable(now_s):
            old.quiet_until_s = now_s + 30
            return False
        self.known[query] = Known(answer, read.lives_s, now_s, is_failure)
        return True

    def get(self, query: bytes, now_s: int) -> tuple[str, list[int]] | None:
        known = self.known.get(query)
        if not known or not known.is_usable(now_s):
            return None
        read = lifetime(query, known.answer)
        age = known.age_at(now_s)
        was_asked, known.is_asked = known.is_asked, True
        if age >= known.lives_s:
            return ("fresh" if now_s < known.quiet_until_s else "stale"), [30] * len(read.places)
        ttls = [int.from_bytes(known.answer[at : at + 4], "big") for at in read.places]
        left = [max(0, min(ttl, read.most_s) - age) for ttl in ttls]
        if was_asked and not known.is_due_said and (known.lives_s - age) * 10 < known.lives_s:
            known.is_due_said = True
            return "due", left
        return "fresh", left


NAMES = [b"a.test", b"b.test", b"A.long.name.of.some.labels.test"]
QUERIES = [
    question(name, 1, flags=flags, additional=extra)
    for name in NAMES
    for flags in (RD, RD | CD)
    for extra in ([], [opt(1232, 0, True)])
]
TTLS = st.sampled_from([0, 1, 9, 11, 60, 299, 604800])


@st.composite
def answers(draw: st.DrawFn) -> tuple[bytes, bytes]:
    """A query and what an upstream says to it."""
    query = draw(st.sampled_from(QUERIES))
    name = str(DNSRecord.parse(query).q.qname)
    records = [f"{name} {draw(TTLS)} IN A 192.0.2.{i}" for i in range(draw(st.integers(0, 3)))]
    authority = [soa("test", draw(TTLS), draw(TTLS))] if draw(st.booleans()) else []
    rcode = draw(st.sampled_from([0, 0, 0, SERVFAIL, NXDOMAIN, 5]))
    return query, answer_to(query, *records, authority=authority, rcode=rcode, edns=draw(st.sampled_from([None, OPT])))


STEPS = st.one_of(
    answers(),
    st.sampled_from(QUERIES),
    st.sampled_from(QUERIES).map(lambda query: [query]),
    st.sampled_from([-3, 0, 1, 3, 5, 7, 30, 55, 250, 300, DAY - 5, DAY]),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEPS, max_size=40))
def test_the_cache_does_what_its_model_does(steps: list[tuple[bytes, bytes] | list[bytes] | bytes | int]) -> None:
    cache, model, now_s = AnswerCache(MIB), Model(), NOW
    for step in steps:
        if isinstance(step, int):
            now_s += step
        elif isinstance(step, tuple):
            assert cache.put(*step, now_s) == model.put(*step, now_s)
        elif isinstance(step, list):
            cache.fail(step[0], now_s)
            if known := model.known.get(step[0]):
                known.quiet_until_s = now_s + 30
        else:
            assert got(cache, now_s, step) == model.get(step, now_s)
    assert len(cache) == len(model.known)
