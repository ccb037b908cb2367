from ipaddress import ip_network

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from support.sessions.requests import session

from parental.sessions.record import ENDED, RESTARTED, Session, read_record, slot_at, slot_of
from parental.sessions.table import Effect, SessionTable, TooMany

A, B = "192.0.2.7/32", "192.0.2.8/32"


def end(key: int, at_s: int) -> Session:
    return Session(ENDED, key.to_bytes(16, "big"), (1).to_bytes(8, "big"), at_s=at_s)


def restart(nas: int, at_s: int) -> Session:
    return Session(RESTARTED, bytes(16), nas.to_bytes(8, "big"), at_s=at_s)


def holder(table: SessionTable, prefix: str) -> int | None:
    found = table.holder_of(slot_at(prefix.partition("/")[0]))
    return found.profile if found else None


def test_a_start_gives_its_address_a_holder_and_the_stop_takes_it_away_and_cuts() -> None:
    table = SessionTable()

    assert table.put(session(1, A, profile=7)) is Effect.CHANGED
    began = table.take_changes()
    assert table.put(end(1, 200)) is Effect.CHANGED
    ended = table.take_changes()

    assert (list(began.holders.values()), began.cut, began.losers) == ([7], set(), {})
    assert (list(ended.holders.values()), ended.cut) == ([None], {slot_at("192.0.2.7")})
    assert ended.losers == {slot_at("192.0.2.7"): 7}
    assert len(table) == 0


def test_of_two_sessions_with_one_address_the_later_has_it_and_the_former_is_cut() -> None:
    table = SessionTable()
    table.put(session(1, A, profile=7, began_s=100))
    table.take_changes()

    table.put(session(2, A, profile=8, began_s=150))
    changes = table.take_changes()

    assert (changes.taken_over, changes.cut) == (1, {slot_at("192.0.2.7")})
    assert changes.losers == {slot_at("192.0.2.7"): 7}
    assert (holder(table, A), len(table)) == (8, 1)


def test_an_update_of_the_former_session_does_not_take_the_address_back() -> None:
    table = SessionTable()
    table.put(session(1, A, profile=7, began_s=100))
    table.put(session(2, A, profile=8, began_s=150))

    assert table.put(session(1, A, profile=7, began_s=100, at_s=300)) is Effect.OUT_OF_ORDER
    assert holder(table, A) == 8


def test_the_stop_of_the_former_session_leaves_the_address_to_the_later_one() -> None:
    table = SessionTable()
    table.put(session(1, A, began_s=100))
    table.put(session(2, A, profile=8, began_s=150))
    table.take_changes()

    table.put(end(1, 160))

    assert holder(table, A) == 8
    assert not table.take_changes().holders


def test_a_start_that_comes_after_its_stop_brings_nothing_back() -> None:
    table = SessionTable()

    table.put(end(1, 200))

    assert table.put(session(1, A, began_s=100)) is Effect.OUT_OF_ORDER
    assert table.put(session(1, A, began_s=100, at_s=200)) is Effect.OUT_OF_ORDER
    assert len(table) == 0


def test_an_update_without_a_start_begins_its_session() -> None:
    table = SessionTable()

    assert table.put(session(1, A, began_s=100, at_s=400)) is Effect.CHANGED
    assert holder(table, A) == 7


def test_an_update_that_is_older_than_what_is_known_changes_nothing() -> None:
    table = SessionTable()
    table.put(session(1, A, at_s=300))

    assert table.put(session(1, B, at_s=200)) is Effect.OUT_OF_ORDER
    assert (holder(table, A), holder(table, B)) == (7, None)


def test_a_session_that_moves_to_another_address_leaves_the_former_one() -> None:
    table = SessionTable()
    table.put(session(1, A, at_s=100))
    table.take_changes()

    table.put(session(1, B, at_s=200))
    changes = table.take_changes()

    assert changes.holders == {slot_at("192.0.2.8"): 7, slot_at("192.0.2.7"): None}
    assert changes.cut == {slot_at("192.0.2.7")}


def test_an_update_keeps_prefixes_that_it_does_not_name_and_the_beginning() -> None:
    table = SessionTable()
    table.put(session(1, A, "2001:db8:7::/56", began_s=100))

    merged = table.updated(session(1, A, began_s=130, at_s=300, profile=0))

    assert (merged.slots[1], merged.began_s, merged.profile) == (session(1, A, "2001:db8:7::/56").slots[1], 100, 7)
    assert not table.is_new(merged)


def test_a_nas_that_restarts_ends_its_own_sessions_alone_and_not_those_that_began_since() -> None:
    table = SessionTable()
    table.put(session(1, A, began_s=100, nas=1))
    table.put(session(2, B, began_s=100, nas=2))
    table.put(session(3, "192.0.2.9/32", began_s=500, nas=1))

    table.put(restart(1, 400))

    assert [holder(table, each) for each in (A, B, "192.0.2.9/32")] == [None, 7, 7]
    assert table.put(session(4, A, began_s=100, at_s=390, nas=1)) is Effect.OUT_OF_ORDER
    assert table.put(session(5, A, began_s=400, nas=1)) is Effect.CHANGED


def test_names_that_get_another_profile_change_their_sessions() -> None:
    table = SessionTable()
    table.put(session(1, A, profile=0, who=9))

    assert table.unidentified() == [(9).to_bytes(16, "big")]
    [changed] = table.of_names({(9).to_bytes(16, "big"): 12})
    table.put(changed)

    assert holder(table, A) == 12
    assert table.take_changes().losers == {slot_at("192.0.2.7"): 0}
    assert table.of_names({(9).to_bytes(16, "big"): 12}) == []


def test_a_session_loses_prefixes_that_are_left_out_and_ends_without_any_left() -> None:
    table = SessionTable()
    six = "2001:db8:7::/56"
    for made in (session(1, A), session(2, B, six), session(3, "192.0.2.9/32")):
        table.put(made)
    left_out = {slot_at("192.0.2.7"), slot_at("192.0.2.8")}

    records = table.without(left_out.__contains__)
    effects = [table.put(each) for each in records]

    assert effects == [Effect.CHANGED, Effect.CHANGED]
    assert [holder(table, each) for each in (A, B, "192.0.2.9/32")] == [None, None, 7]
    assert table.holder_of(slot_of(ip_network(six))) is not None
    assert (len(table), table.without(left_out.__contains__)) == (2, [])


def test_there_is_a_limit_of_sessions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parental.sessions.table.MOST_SESSIONS", 1)
    table = SessionTable()
    table.put(session(1, A))

    with pytest.raises(TooMany):
        table.put(session(2, B))
    assert table.put(session(1, B, at_s=200)) is Effect.CHANGED


def test_the_end_of_a_session_is_forgotten_with_the_requests_that_could_bring_it_back() -> None:
    table = SessionTable()
    table.put(end(1, 200))

    table.forget_ended(201)

    assert table.put(session(1, A, began_s=100)) is Effect.CHANGED


class Sessions(RuleBasedStateMachine):
    """The table against the plainest model, and against itself read back from its records."""

    def __init__(self) -> None:
        super().__init__()
        self.table = SessionTable()
        self.seen: dict[bytes, int | None] = {}
        self.journal: list[bytes] = []
        self.clock = 100

    def put(self, one: Session) -> None:
        effect = self.table.put(one)
        if effect is Effect.CHANGED or (effect is Effect.NONE and one.state in (ENDED, RESTARTED)):
            self.journal.append(one.packed())
        self.seen |= self.table.take_changes().holders

    @rule(key=st.integers(1, 4), address=st.integers(0, 3), late=st.integers(0, 40), lasted=st.integers(0, 60))
    def update(self, key: int, address: int, late: int, lasted: int) -> None:
        self.clock += 1
        at_s = self.clock - late
        prefixes = (f"192.0.2.{address}/32", f"2001:db8:{address}::/56")
        self.put(session(key, *prefixes, profile=key, began_s=max(at_s - lasted, 0), at_s=at_s, nas=key % 2))

    @rule(key=st.integers(1, 4), late=st.integers(0, 40))
    def stop(self, key: int, late: int) -> None:
        self.clock += 1
        self.put(end(key, self.clock - late))

    @rule(nas=st.integers(0, 1), late=st.integers(0, 40))
    def reboot(self, nas: int, late: int) -> None:
        self.clock += 1
        self.put(restart(nas, self.clock - late))

    @invariant()
    def what_was_told_is_what_is_held(self) -> None:
        told = {slot: number for slot, number in self.seen.items() if number is not None}
        assert told == dict(self.table.holders())

    @invariant()
    def a_session_has_an_address_and_an_address_one_session(self) -> None:
        held = [slot for record in self.table.records() for slot in read_record(record).slots if slot]
        assert len(held) == len(set(held))
        assert all(any(read_record(each).slots) for each in self.table.records() if each[0] == 1)

    @invariant()
    def it_is_read_back_from_the_journal_and_from_a_snapshot(self) -> None:
        replayed, loaded = SessionTable(), SessionTable()
        for record in self.journal:
            replayed.put(read_record(record))
        for record in self.table.records():
            loaded.load(record)
        wanted = set(self.table.records())
        assert set(replayed.records()) == wanted
        assert set(loaded.records()) == wanted


TestSessions = Sessions.TestCase
TestSessions.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
