"""What is run and told to put the kernel's rules in force."""

import json
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from dataclasses import replace

import pytest
from support.gate.full_rules import CHILD4, CHILD6, FULL

from filterd.box.errors import MissingPart
from filterd.kernel import firewall
from filterd.kernel.cut import moves_text
from filterd.kernel.firewall import CompletedProgram, Kernel
from filterd.kernel.intervals import Network
from filterd.kernel.nft_elements import NftSet
from filterd.kernel.nft_rules import NftChain, goto, held, queue
from filterd.kernel.nft_sets import LOCKED, POOLS, SUBSCRIBERS, Group, MissingSets, PrefixSets
from filterd.kernel.prefix_columns import Prefixes, SpanColumns, columns_of, networks_of, networks_of_spans, spans_of
from filterd.kernel.ruleset import Rules, ruleset


class Recorder:
    """Stands for the programs: keeps what was run, answers as told."""

    def __init__(self, fails: str = "", fault: str = "") -> None:
        self.ran: list[tuple[str, str]] = []
        self.fails, self.fault = fails, fault

    def __call__(self, argv: Sequence[str], text: str) -> CompletedProgram:
        line = " ".join(argv)
        self.ran.append((line, text))
        is_failing = bool(self.fails) and self.fails in line
        return CompletedProgram(int(is_failing), "", self.fault)


class SetsLog(PrefixSets):
    """Stands for the kernel's sets: keeps what it is told."""

    def __init__(self, ran: list[tuple[str, str]] | None = None, has_queue: bool = True) -> None:
        super().__init__()
        self.has_queue = has_queue
        self.filled: list[tuple[NftChain, list[list[bytes]]]] = []
        self.told: list[tuple[Group, set[Network], set[Network]]] = []
        self.ran = ran if ran is not None else []

    def need_queue(self) -> None:
        self.ran.append(("need queue", ""))
        if not self.has_queue:
            raise RuntimeError("NFQUEUE: none")

    def fill(self, chain: NftChain, rules: Iterable[Iterable[bytes]]) -> None:
        self.ran.append(("fill", ""))
        self.filled.append((chain, [list(rule) for rule in rules]))

    def replace(self, group: Group, prefixes: Prefixes) -> None:
        self.ran.append(("sets", ""))
        self.told.append((group, set(networks_of(columns_of(prefixes))), set()))

    def change(self, group: Group, added: Prefixes, removed: Prefixes) -> None:
        self.told.append((group, set(networks_of(columns_of(added))), set(networks_of(columns_of(removed)))))

    def replace_spans(self, group: Group, spans: SpanColumns) -> None:
        self.ran.append(("sets", ""))
        self.told.append((group, set(networks_of_spans(spans)), set()))

    def change_spans(self, group: Group, spans: SpanColumns) -> None:
        self.told.append((group, set(networks_of_spans(spans)), set()))


@pytest.mark.parametrize(
    ("rules", "expressions", "quic"),
    [
        (Rules(n_queues=1, first_queue=3), queue(3, 1, True), queue(3, 1, True)),
        (FULL, queue(4, 2, True), queue(4, 1, True)),
        (Rules(n_queues=1, is_open_when_dead=False), queue(0, 1, False), queue(0, 1, False)),
    ],
    ids=["one queue", "two queues", "closed"],
)
def test_what_is_to_be_judged_is_queued_and_all_of_quic_for_one_worker(
    rules: Rules, expressions: list[bytes], quic: list[bytes]
) -> None:
    recorder = Recorder()
    sets = SetsLog(recorder.ran)
    Kernel(recorder, sets).apply(rules)

    chains = [NftChain("filterd", name) for name in ("queueing", "queueing_quic")]
    assert sets.filled[:2] == [(chains[0], [expressions]), (chains[1], [quic])]
    assert [line for line, _ in recorder.ran] == [
        "need queue",
        *["nft -f -"] * 2,
        *["fill"] * 6,
        "nft -f -",
        *["sets"] * 3,
    ]


def test_suspects_of_ipv4_are_looked_for_inside_of_ipv6_addresses_before_there_are_any() -> None:
    sets = SetsLog()
    Kernel(Recorder(), sets).apply(FULL)

    four = [NftSet("filterd", name, 4) for name in ("suspects4_32", "suspects4")]
    assert sets.filled[2:] == [
        (NftChain("filterd", f"{name}_behind_{bits}"), [[*held(octet, each), *goto(to)] for each in four])
        for name, to, at in (("suspects", "to_suspect", 24), ("suspect_sources", "from_suspect", 8))
        for bits, octet in ((96, at + 12), (16, at + 2))
    ]


def test_a_gate_that_stays_shut_keeps_no_lock_and_no_redirection() -> None:
    recorder = Recorder()
    sets = SetsLog(recorder.ran)

    Kernel(recorder, sets).keep_gate()

    assert sets.told == [(LOCKED, set(), set()), (SUBSCRIBERS, set(), set()), (POOLS, set(), set())]
    [text] = [text for line, text in recorder.ran if line == "nft -f -"]
    deleted = [line.split()[-1] for line in text.splitlines() if line.startswith("delete chain")]
    assert deleted == ["dns", "foreign_dns", "to_resolver", "untracked_queries", "untracked_answers", "whole"]
    assert "delete table" not in text


def test_a_gate_whose_rules_are_of_an_earlier_release_keeps_no_redirection_either() -> None:
    class Earlier(SetsLog):
        def replace_spans(self, group: Group, spans: SpanColumns) -> None:
            if group is POOLS:
                raise MissingSets("no such set")
            super().replace_spans(group, spans)

    recorder, sets = Recorder(), Earlier()
    Kernel(recorder, sets).keep_gate()

    assert sets.told == [(LOCKED, set(), set()), (SUBSCRIBERS, set(), set())]
    assert [line for line, _ in recorder.ran] == ["nft -f -"]


@pytest.mark.parametrize("is_whole", [True, False])
def test_at_a_start_rules_that_are_whole_are_left_with_their_locks_and_others_are_replaced(is_whole: bool) -> None:
    recorder = Recorder(fails="" if is_whole else "list chain inet filterd whole")

    assert Kernel(recorder, SetsLog(recorder.ran)).begin(FULL) is not is_whole

    assert any(line == "nft -f -" for line, _ in recorder.ran) is not is_whole


def test_a_gate_whose_rules_are_gone_is_left_alone() -> None:
    class Gone(SetsLog):
        def replace(self, group: Group, prefixes: Prefixes) -> None:
            raise MissingSets("no table")

    recorder = Recorder()
    Kernel(recorder, Gone(recorder.ran)).keep_gate()

    assert recorder.ran == []


@pytest.mark.parametrize("is_left", [True, False])
def test_rules_that_are_left_are_removed_with_what_they_redirected(
    is_left: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Listing(Recorder):
        def __call__(self, argv: Sequence[str], text: str) -> CompletedProgram:
            super().__call__(argv, text)
            tables = "table inet filterd\n" if is_left else "table inet filterd_trial\n"
            return CompletedProgram(0, f"table ip nat\n{tables}" if "tables" in argv else "", "")

    forgotten: list[int] = []
    monkeypatch.setattr(firewall, "forget_redirected", forgotten.append)
    recorder = Listing()

    assert Kernel(recorder, SetsLog(recorder.ran)).remove_left(5300) is is_left

    deleted = [line for line, text in recorder.ran if "delete table inet filterd" in text]
    assert (deleted, forgotten) == ((["nft -f -"], [5300]) if is_left else ([], []))


def test_a_box_without_nft_has_no_rules_left() -> None:
    def no_nft(argv: Sequence[str], text: str) -> CompletedProgram:
        raise MissingPart("nft: not on this box")

    assert not Kernel(no_nft, SetsLog([])).remove_left(5300)


@pytest.mark.parametrize("has_labels", [True, False])
def test_a_kernel_without_labels_gets_the_rules_without_them(has_labels: bool) -> None:
    class Trying(Recorder):
        def __call__(self, argv: Sequence[str], text: str) -> CompletedProgram:
            super().__call__(argv, text)
            return CompletedProgram(0 if has_labels or "filterd_trial" not in text else 1, "", "not supported")

    recorder = Trying()
    kernel = Kernel(recorder, SetsLog(recorder.ran))
    kernel.apply(FULL)

    [rules] = [text for _, text in recorder.ran if "filterd_trial" not in text and "delete table" in text]
    assert (kernel.has_labels, "ct label set" in rules) == (has_labels, has_labels)


def test_without_workers_nothing_is_queued() -> None:
    recorder = Recorder()
    Kernel(recorder, SetsLog(recorder.ran)).apply(Rules())

    assert [line for line, _ in recorder.ran] == [*["nft -f -"] * 2, *["sets"] * 3]


def test_where_nothing_can_be_queued_the_rules_stay() -> None:
    recorder = Recorder()
    with pytest.raises(RuntimeError, match=r"^NFQUEUE: "):
        Kernel(recorder, SetsLog(recorder.ran, has_queue=False)).apply(FULL)

    assert [line for line, _ in recorder.ran] == ["need queue"]


def test_after_the_rules_the_sets_are_filled_as_later_changes_expect_them() -> None:
    recorder = Recorder()
    sets = SetsLog(recorder.ran)
    Kernel(recorder, sets).apply(FULL, iter([CHILD4]))

    assert ("nft -f -", ruleset(replace(FULL, is_labelled=True), [CHILD4])) in recorder.ran
    assert sets.told == [(LOCKED, {CHILD4}, set()), (POOLS, set(), set()), (SUBSCRIBERS, {CHILD4, CHILD6}, set())]


def test_who_is_locked_and_whose_dns_is_redirected_are_told_to_their_sets_without_a_program() -> None:
    recorder, sets = Recorder(), SetsLog()
    kernel = Kernel(recorder, sets)
    kernel.set_locked([CHILD4])
    kernel.change_locked([CHILD6], [CHILD4])
    kernel.set_subscribers(spans_of([CHILD6]))
    kernel.change_subscribers(spans_of([CHILD4]))
    kernel.set_locked_pools(spans_of([CHILD4]))
    kernel.change_locked_pools(spans_of([CHILD6]))

    assert sets.told == [
        (LOCKED, {CHILD4}, set()),
        (LOCKED, {CHILD6}, {CHILD4}),
        (SUBSCRIBERS, {CHILD6}, set()),
        (SUBSCRIBERS, {CHILD4}, set()),
        (POOLS, {CHILD4}, set()),
        (POOLS, {CHILD6}, set()),
    ]
    assert recorder.ran == []


def test_what_the_kernel_refuses_is_told_with_the_program_and_its_words() -> None:
    with pytest.raises(RuntimeError, match=r"^nft: no such set; rules stay as they were; "):
        Kernel(Recorder(fails="nft -f", fault="no such set\nmore\n"), SetsLog()).apply(FULL)


COUNTED = {"queued": 114, "judged": 100}


@pytest.mark.parametrize("codes", [(0,), (1, 0), (1, 1)], ids=["at once", "at the second try", "never"])
def test_refusing_moves_is_tried_a_second_time(codes: tuple[int, ...]) -> None:
    ran = list[str]()

    def nft(argv: Sequence[str], text: str) -> CompletedProgram:
        ran.append(text)
        return CompletedProgram(codes[len(ran) - 1], "", "no such element")

    kernel, ends = Kernel(nft, SetsLog([])), [("192.0.2.7", "198.51.100.1")]
    with nullcontext() if codes[-1] == 0 else pytest.raises(RuntimeError, match="no such element"):
        kernel._refuse_moves(ends)

    assert ran == [moves_text(ends)] * len(codes)


@pytest.mark.parametrize(("code", "n"), [(0, 14), (1, None)], ids=["there", "without our table"])
def test_what_has_no_verdict_is_what_nft_has_counted_before_the_gate_and_not_behind(code: int, n: int | None) -> None:
    ran = []

    def nft(argv: Sequence[str], _: str) -> CompletedProgram:
        ran.append(" ".join(argv))
        counters = [{"counter": {"name": f"n_{name}", "packets": packets}} for name, packets in COUNTED.items()]
        return CompletedProgram(code, "" if code else json.dumps({"nftables": [{"metainfo": {}}, *counters]}), "")

    assert Kernel(nft, SetsLog()).n_unjudged() == n
    assert ran == ["nft -j list counters table inet filterd"]
