"""Retention looks at legal holds before it destroys anything, and destroys nothing where it cannot."""

import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, func, select, update
from support.control.box import make
from support.mgmt.signing import ORIGIN, PARTY, answer_of, keep_vouched, signer

from filterd.audit.retention import Due
from filterd.config.kinds import Seconds
from filterd.control.records import retention
from filterd.control.records.retention import Retention
from mgmt.ledger.trusted_clock import begin, read_clocks
from mgmt.registers.records import block_ledger
from mgmt.registers.records.block_ledger import BlockRecord
from mgmt.registers.records.holds.proposals import NewHold, propose_hold
from mgmt.registers.records.holds.scope import Scope
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.signatures import sign
from parental.store.database import reading, writing
from parental.store.schema.records import blocks, legal_holds

pytestmark = pytest.mark.services
NOW = datetime.now(UTC)
OLD_S = int(NOW.timestamp()) - 2000 * 86_400


class _Archive:
    """What is asked of the role.   due  what was to be forgotten"""

    def __init__(self) -> None:
        self.due: list[Due] = []

    async def forget(self, due: Due) -> None:
        self.due.append(due)


@pytest.fixture
def archive(monkeypatch: pytest.MonkeyPatch) -> _Archive:
    found = _Archive()
    monkeypatch.setattr(retention, "ArchiveClient", lambda _: found)
    return found


@pytest.fixture
def keeper(place: Path, engine: Engine, archive: _Archive) -> Iterator[Retention]:
    """Of a box whose desk has passkeys, with two records that are old, of before there were files."""
    del archive
    with (place / "f.yaml").open("a") as file:
        file.write(f"api: {{desk_origin: '{ORIGIN}', {keep_vouched(place)}}}\n")
    with writing(engine) as conn:
        begin(conn, read_clocks())
        block_ledger.append_blocks(
            conn,
            [BlockRecord(OLD_S, "dns", "splash", name, "r", 0, "", "order", 1, 7) for name in ("pta", "other")],
            bytes(32),
        )
    yield Retention(make(place, engine).context, engine, lambda *_: None)


def agree(engine: Engine, names: str = "pta", *, is_signed: bool = True) -> None:
    at = datetime.now(UTC)
    with writing(engine) as conn:
        two = signer(conn, f"amna-{names}", "compliance"), signer(conn, f"bilal-{names}", "approver")
        wanted = NewHold(Scope(0, OLD_S + 1, list=names), "a court asks", "WP 1/2026", at + timedelta(days=1))
        number = int(propose_hold(conn, wanted, two[0].person.mail, "desk", at).id)
        for each in two if is_signed else two[:1]:
            assert sign(conn, SUBJECTS, PARTY, number, answer_of(conn, number, each), at) is None


def left(engine: Engine) -> list[str]:
    with reading(engine) as conn:
        return list(conn.execute(select(blocks.c.list)).scalars())


def test_a_hold_that_was_signed_just_before_a_pass_is_kept_to_by_it(
    keeper: Retention, engine: Engine, archive: _Archive
) -> None:
    agree(engine)
    agree(engine, "other", is_signed=False)

    keeper.forget()

    assert left(engine) == ["pta"]
    assert [[scope.list for scope in due.held] for due in archive.due] == [["pta"]]


def test_up_to_when_records_went_is_noted_and_a_longer_age_later_takes_nothing_back(
    keeper: Retention, engine: Engine
) -> None:
    config = keeper._context.config
    keeper.forget()
    with reading(engine) as conn:
        gone_s = block_ledger.gone_before_s(conn)
    keeper._context.config = replace(
        config, retention=replace(config.retention, blocks=Seconds(10 * config.retention.blocks))
    )
    keeper.forget()

    assert abs(gone_s - (time.time() - config.retention.blocks)) < 600
    with reading(engine) as conn:
        assert block_ledger.gone_before_s(conn) == gone_s


def test_where_holds_cannot_be_read_nothing_is_destroyed(
    keeper: Retention, engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "look", lambda *_: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        keeper.forget()

    assert sorted(left(engine)) == ["other", "pta"]


def test_a_hold_that_is_not_what_was_signed_is_said_and_kept(keeper: Retention, engine: Engine) -> None:
    agree(engine)
    keeper.look()
    with writing(engine) as conn:
        conn.execute(update(legal_holds).values(until_s=OLD_S + 2))

    with pytest.raises(ValueError, match="is of other records or words than are here now; what its row names stays"):
        keeper.look()
    keeper.forget()

    assert left(engine) == ["pta"]


def test_with_no_hold_nothing_is_written(keeper: Retention, engine: Engine) -> None:
    keeper.look()
    keeper.forget()

    assert left(engine) == []
    with reading(engine) as conn:
        assert conn.execute(select(func.count()).select_from(legal_holds)).scalar_one() == 0
