from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine, Executable, delete, func, text, update
from support.mgmt import ledgers
from support.mgmt.ledgers import NOON, line_put

from filterd.audit.seal import KEY, LAST, LedgerDamage, Seal
from mgmt.ledger import store
from mgmt.ledger.event import CONTROL, ORDERS, Event
from mgmt.ledger.verifier import open_note
from parental.store.database import reading, writing
from parental.store.engines import Where, engine_of
from parental.store.schema.ledger import events, salts
from parental.store.schema.privileges import CONTROL as CONTROL_ROLE
from parental.store.schema.privileges import WEB


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    return folder


def put(engine: Engine, event: Event | None = None, **later: float) -> None:
    with writing(engine) as conn:
        store.append(conn, event or line_put(1), NOON + timedelta(**later))


def signed(engine: Engine) -> int:
    with reading(engine) as conn:
        return store.signed_up_to(conn, store.size(conn))


def without_triggers(engine: Engine, *statements: Executable) -> None:
    """As who owns the database can change it."""
    with writing(engine) as conn:
        if engine.dialect.name == "sqlite":
            for name in conn.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all():
                conn.execute(text(f"DROP TRIGGER {name}"))
        else:
            conn.execute(text("SET LOCAL session_replication_role = replica"))
        for each in statements:
            conn.execute(each)


def _reworded(number: int, before: str, after: str) -> Executable:
    return update(events).where(events.c.number == number).values(text=func.replace(events.c.text, before, after))


def test_an_order_is_signed_at_once_and_what_else_is_within_the_minute(engine: Engine, keys: Path) -> None:
    seal = Seal(engine, keys, "gw")
    assert seal.seal(NOON)  # the key's event, of the settings
    put(engine)
    assert not seal.seal(NOON + timedelta(seconds=59))
    assert seal.seal(NOON + timedelta(seconds=60))
    assert not seal.seal(NOON + timedelta(seconds=61))  # nothing has come since
    put(engine, Event(ORDERS, "pushed", CONTROL, {"order": 1}))

    assert seal.seal(NOON + timedelta(seconds=62))

    assert signed(engine) == 3
    assert ledgers.verified(ledgers.bundle(engine)).checkpoints == 3


def test_control_signs_what_web_has_appended_by_what_its_role_may_do(
    engine: Engine, database: Where, keys: Path
) -> None:
    of_web, of_control = engine_of(database, WEB), engine_of(database, CONTROL_ROLE)
    put(of_web, Event(ORDERS, "pushed", CONTROL, {"order": 1}))

    Seal(of_control, keys, "gw").seal_all(NOON)

    assert ledgers.verified(ledgers.bundle(of_web)).until == signed(of_web) == 2
    of_web.dispose()
    of_control.dispose()


def test_the_key_and_the_last_checkpoint_are_for_their_owner_alone(engine: Engine, keys: Path) -> None:
    Seal(engine, keys, "gw").seal_all(NOON)

    assert {path.name: path.stat().st_mode & 0o777 for path in keys.iterdir()} == {KEY: 0o600, LAST: 0o600}


def test_a_seal_goes_on_where_the_one_before_ended_under_the_same_name(engine: Engine, keys: Path) -> None:
    put(engine)
    first = Seal(engine, keys, "gw")
    first.seal_all(NOON)
    put(engine)

    other = Seal(engine, keys, "renamed")
    other.seal_all(NOON)

    assert other.vkey == first.vkey and other.vkey.startswith("gw/filterd-ledger+")
    assert ledgers.verified(ledgers.bundle(engine)).until == signed(engine) == 3


def test_a_checkpoint_that_did_not_reach_the_database_is_put_there_at_the_next_start(
    engine: Engine, keys: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(engine)
    with monkeypatch.context() as broken:
        broken.setattr(store, "put_checkpoint", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            Seal(engine, keys, "gw").seal_all(NOON)
    assert signed(engine) == 0

    Seal(engine, keys, "gw").seal(NOON)

    assert signed(engine) == 2


def test_two_gateways_sign_one_ledger_each_with_its_key(engine: Engine, keys: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    one, other = Seal(engine, keys, "gw1"), Seal(engine, tmp_path / "other", "gw2")
    for hour in range(3):
        put(engine, hours=hour)
        for seal in (one, other, other, one)[hour:]:
            seal.seal(NOON + timedelta(hours=hour, minutes=1))

    bundle = ledgers.bundle(engine)
    assert ledgers.verified(bundle, vkeys=[one.vkey, other.vkey]).until == signed(engine) == 5
    assert ledgers.verified(bundle).until == 5
    again = Seal(engine, tmp_path / "other", "gw2")
    assert not again.seal(NOON + timedelta(hours=3))
    assert again.vkey == other.vkey


def test_a_database_with_fewer_events_than_were_signed_is_not_signed(engine: Engine, keys: Path) -> None:
    put(engine)
    Seal(engine, keys, "gw").seal_all(NOON)
    without_triggers(engine, *(delete(table).where(table.c.number == 1) for table in (salts, events)))
    with pytest.raises(LedgerDamage, match="1 events are left of 2 that were signed; not signed any more"):
        Seal(engine, keys, "gw").seal(NOON)

    for name in (KEY, LAST):  # as the sentence says
        (keys / name).unlink()
    put(engine)
    Seal(engine, keys, "gw").seal_all(NOON)

    assert signed(engine) == 3


def test_a_key_that_begins_anew_while_control_runs_signs_and_the_one_before_signs_nothing_more(
    engine: Engine, keys: Path
) -> None:
    put(engine)
    first = Seal(engine, keys, "gw").vkey
    Seal(engine, keys, "gw").seal_all(NOON)
    without_triggers(engine, *(delete(table).where(table.c.number == 1) for table in (salts, events)))
    running = Seal(engine, keys, "gw")
    with pytest.raises(LedgerDamage, match=f"stop control, move {keys / KEY} and {keys / LAST} away, start it"):
        running.seal(NOON)

    (keys / KEY).unlink()
    with pytest.raises(LedgerDamage):  # the last checkpoint is of the key that went first
        running.seal(NOON)
    (keys / LAST).unlink()
    running.seal_all(NOON)

    assert running.vkey != first and running.vkey == Seal(engine, keys, "gw").vkey
    assert open_note((keys / LAST).read_text(), [running.vkey]).size == signed(engine)


def test_a_last_checkpoint_of_another_key_is_said_with_what_to_do(engine: Engine, keys: Path) -> None:
    Seal(engine, keys, "gw").seal_all(NOON)
    (keys / KEY).write_bytes(bytes(32))

    with pytest.raises(LedgerDamage, match=r"is not signed by a known key, that is by .*put the key back") as found:
        Seal(engine, keys, "gw").seal(NOON)
    assert f"{keys / LAST}: " in str(found.value) and f"move {keys / KEY} and {keys / LAST} away" in str(found.value)


def test_a_database_with_another_history_is_not_signed(engine: Engine, keys: Path) -> None:
    put(engine)
    Seal(engine, keys, "gw").seal_all(NOON)
    without_triggers(engine, update(events).where(events.c.number == 0).values(leaf=bytes(32)))

    with pytest.raises(LedgerDamage, match="the first 2 events are other ones"):
        Seal(engine, keys, "gw").seal(NOON)


def test_an_event_whose_leaf_is_not_its_texts_is_not_signed(engine: Engine, keys: Path) -> None:
    seal = Seal(engine, keys, "gw")
    seal.seal_all(NOON)
    put(engine)
    without_triggers(engine, _reworded(1, "line", "LINE"))

    with pytest.raises(LedgerDamage, match="event 1 is not what its leaf was made of; neither"):
        seal.seal_all(NOON)
    assert signed(engine) == 1

    with writing(engine) as conn:
        store.redact(conn, 1, "written by no one", CONTROL, NOON)  # as the sentence says
    seal.seal_all(NOON)
    assert ledgers.verified(ledgers.bundle(engine)).redacted == 1


def test_what_was_altered_after_it_was_signed_is_named_by_an_export(engine: Engine, keys: Path) -> None:
    for _ in range(5):
        put(engine)
    Seal(engine, keys, "gw").seal_all(NOON)
    without_triggers(engine, _reworded(3, "put", "cut"))

    assert ledgers.fault(ledgers.bundle(engine)).startswith("event 3: altered")
