import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import pytest
from support.control.box import database_key
from support.present import present

from fastpath.images.image import open_image
from fastpath.images.layout import ImageKind
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Reason
from fastpath.wire.name import to_wire
from filterd.config import load
from filterd.images.compile import READING, CompileFailure, compile_base, compile_config, inputs_of, remembered
from filterd.images.lists.jobs import take
from filterd.images.lists.sources import HELP_LIST, ORDERS_LIST
from filterd.process.database.access import database_of
from mgmt.orders.phases.shadow_places import SHADOW_LISTS
from mgmt.orders.store import find_order
from parental.store.database import open_database, reading
from parental.store.engines import Where

SAID = """
state_dir: state
dns: {upstreams: ["192.0.2.53:53"]}
lists: [{id: pta, file: pta.csv, format: csv, tier: order, issuer: PTA}]
help_corridor: {names: [help.test]}
protected: {names: [isp.example]}
"""


@pytest.fixture
def path(tmp_path: Path, database: Where) -> Any:
    (tmp_path / "f.yaml").write_text(SAID + database_key(database))
    (tmp_path / "pta.csv").write_text("url,reference\nhttps://a.test/,PTA-1\nhttps://isp.example/,PTA-2\n")
    return tmp_path / "f.yaml"


def tables(report: Any) -> Any:
    return TableSet(open_image(report.path, ImageKind.NAMES))


def test_the_base_holds_the_lists_the_help_corridor_and_room_for_orders(path: Path) -> None:
    found = tables(compile_config(load(path), None))

    assert found.list_ids == ["pta", HELP_LIST, ORDERS_LIST, *SHADOW_LISTS]
    assert found.decide(to_wire(b"www.a.test"), None, 0).reason == Reason.ORDER
    assert found.decide(to_wire(b"help.test"), None, 0).reason == Reason.HELP


def test_a_protected_name_is_held_and_not_in_force(path: Path) -> None:
    report = compile_config(load(path), None)

    assert tables(report).decide(to_wire(b"isp.example"), None, 0).reason == Reason.DEFAULT
    assert report.sources[0].n_held == 1


def test_an_entry_knows_the_order_that_its_list_names_and_keeps_its_number(path: Path, tmp_path: Path) -> None:
    first = tables(compile_config(load(path), None)).decide(to_wire(b"a.test"), None, 0).order
    again = tables(compile_config(load(path), None)).decide(to_wire(b"a.test"), None, 0).order

    engine = open_database(database_of(load(path)))
    with reading(engine) as conn:
        assert present(find_order(conn, "PTA", "PTA-1")).id == first == again
    engine.dispose()


def test_inputs_differ_when_a_list_a_file_or_a_rail_differs(path: Path, tmp_path: Path) -> None:
    config = load(path)
    before = inputs_of(config)

    assert inputs_of(load(path)) == before
    take(config, ["pta"], 0.0)
    taken = inputs_of(config)
    assert taken != before
    with (tmp_path / "pta.csv").open("a") as file:
        file.write("https://b.test/,PTA-3\n")
    assert inputs_of(config) == taken  # it is the copies that count
    take(config, ["pta"], 0.0)
    assert inputs_of(config) not in (before, taken)
    other = dataclasses.replace(config, protected=dataclasses.replace(config.protected, names=()))
    assert inputs_of(other) != inputs_of(config)


def test_what_another_release_reads_otherwise_is_compiled_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = load(path)
    compile_config(config, None)
    before = present(remembered(config.state_dir / "images")).inputs
    assert before == inputs_of(config)

    monkeypatch.setattr("filterd.images.compile.READING", READING + 1)

    assert before != inputs_of(config)


@pytest.mark.services
def test_a_base_is_compiled_in_a_process_of_its_own_and_remembered(path: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    take(load(path), ["pta"], 0.0)

    compiled = asyncio.run(compile_base(load(path), path, 0))

    assert compiled.report["rules"] == 2
    assert compiled.inputs == inputs_of(load(path))
    assert remembered(tmp_path / "state/images") == compiled


@pytest.mark.services
def test_a_compilation_that_fails_says_why(path: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir()
    take(load(path), ["pta"], 0.0)
    (tmp_path / "state/lists/pta/state.json").write_text("{")

    with pytest.raises(CompileFailure, match=r"state\.json"):
        asyncio.run(compile_base(load(path), path, 0))


def test_a_list_without_a_good_version_stops_no_other(path: Path, tmp_path: Path) -> None:
    absent = "{id: x, file: x.txt, format: rpz, tier: csam}"
    (tmp_path / "f.yaml").write_text(path.read_text().replace("lists: [", f"lists: [{absent}, "))

    found = tables(compile_config(load(path), None))

    assert found.list_ids[0] == "x"
    assert found.decide(to_wire(b"a.test"), None, 0).reason == Reason.ORDER


def test_the_last_good_version_is_compiled_where_the_file_is_no_list_any_more(path: Path, tmp_path: Path) -> None:
    compile_config(load(path), None)
    (tmp_path / "pta.csv").write_text("<!doctype html>\n<p>maintenance\n")

    found = tables(compile_config(load(path), None))

    assert found.decide(to_wire(b"a.test"), None, 0).reason == Reason.ORDER


@pytest.mark.parametrize("rubbish", [b"", b"[]", b'{"generation": 1}', b"\xff"])
def test_what_cannot_be_remembered_is_compiled_again(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / "compiled.json").write_bytes(rubbish)

    assert remembered(tmp_path) is None
