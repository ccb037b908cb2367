import asyncio
import os
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import Engine, text
from support.present import present
from support.system.reachable import make_reachable

from filterd.box.keys import pseudonym_key
from filterd.config import Config, load
from filterd.process.database import access
from filterd.process.database.access import database_of, open_for_control, open_for_web, opened_for_control, reserve_of
from parental.store.database import reading, writing
from parental.store.errors import NoTables, WrongRevision
from parental.store.reserve import Reserve


@pytest.fixture
def config(tmp_path: Path) -> Config:
    (tmp_path / "f.yaml").write_text('{state_dir: state, run_dir: run, dns: {upstreams: ["192.0.2.53:53"]}}')
    return load(tmp_path / "f.yaml")


def test_a_new_box_makes_its_database_by_itself(config: Config) -> None:
    with opened_for_control(config) as engine, reading(engine) as conn:
        assert conn.execute(text("SELECT count(*) FROM lines")).scalar_one() == 0


def test_a_box_that_has_lost_its_database_says_so_and_does_not_begin_again(config: Config) -> None:
    with opened_for_control(config):
        pseudonym_key(config.state_dir)  # as control makes it at its first start
    path = Path(str(database_of(config)))
    path.unlink()

    with pytest.raises(WrongRevision, match="it is empty, and this box has had one; not started"):
        open_for_control(config)
    path.unlink()
    path.touch()  # as systemd-tmpfiles makes it, for the mode of its journal
    with pytest.raises(WrongRevision, match="this box has had one"):
        open_for_control(config)


def test_web_waits_for_control_to_make_the_tables(config: Config) -> None:
    later = threading.Timer(0.3, lambda: open_for_control(config).dispose())
    later.start()

    engine = present(asyncio.run(open_for_web(config)))

    with reading(engine) as conn:
        assert conn.execute(text("SELECT count(*) FROM lines")).scalar_one() == 0
    engine.dispose()
    later.join()


def test_web_that_is_to_stop_waits_for_no_tables(config: Config) -> None:
    async def stopped() -> Engine | None:
        stopping = asyncio.Event()
        stopping.set()
        return await open_for_web(config, stopping)

    assert asyncio.run(stopped()) is None


def test_web_makes_no_tables_itself(config: Config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "PATIENCE_S", 0.2)
    began = time.monotonic()

    with pytest.raises(NoTables, match="it is empty; not used; see what control says of it"):
        asyncio.run(open_for_web(config))

    assert time.monotonic() - began >= 0.2


def test_the_reserve_is_beside_sqlites_file_and_there_is_none_for_a_servers(config: Config, tmp_path: Path) -> None:
    reserve = reserve_of(config)
    assert isinstance(reserve, Reserve)
    assert reserve.path == tmp_path / "state/database/reserve"
    (tmp_path / "f.yaml").write_text('{database: {url: "postgresql:///filterd"}, dns: {upstreams: ["192.0.2.53:53"]}}')
    assert reserve_of(load(tmp_path / "f.yaml")) is None


@pytest.mark.skipif(os.geteuid() != 0, reason="only root acts as others")
def test_what_root_asks_of_the_database_is_done_as_its_owner(config: Config, tmp_path: Path) -> None:
    make_reachable(tmp_path)
    with opened_for_control(config):
        folder = Path(str(database_of(config))).parent
    for path in (folder, *folder.iterdir()):
        os.chown(path, 12345, 12346)

    with opened_for_control(config) as engine, writing(engine) as conn:
        assert os.geteuid() == 12345
        conn.execute(text("INSERT INTO revisions VALUES ('told', 1)"))

    assert os.geteuid() == 0
    assert {path.stat().st_uid for path in folder.iterdir()} == {12345}
