import os
from pathlib import Path

import pytest
from support.system.stage import ScriptedPlace

from filterd.box.errors import MissingPart
from filterd.config import load
from filterd.lab import gateway as module
from filterd.lab.addresses import LAB, LOOPBACK, Addresses
from filterd.lab.gateway import Folder, Gateway, corpus_names, filterd_command, write_configuration, write_orders

needs_source_tree = pytest.mark.skipif(not module.CORPUS.is_file(), reason="bench/corpus.py is not here")


def make_gateway(folder: Path, addresses: Addresses = LAB, says: str = "") -> Gateway:
    return Gateway(ScriptedPlace(folder, lambda *_: says, addresses), Folder(folder))


@pytest.mark.parametrize(("addresses", "n_gates"), [(LAB, 1), (LOOPBACK, 0)])
def test_the_configuration_is_one_that_filterd_takes(tmp_path: Path, addresses: Addresses, n_gates: int) -> None:
    write_configuration(make_gateway(tmp_path, addresses), n_gates)

    config = load(tmp_path / "filterd.yaml")

    assert (config.gate.workers, config.dns.redirect_foreign) == (n_gates, bool(n_gates))
    tiers = {entry.id: entry.tier for entry in config.lists}
    assert tiers == {"pta": "order", "adult": "category", "malware": "security"}
    assert (config.splash.address4, config.api.listen[0].port) == (addresses.gateway4, addresses.api_port)


@needs_source_tree
def test_the_list_has_as_many_names_as_asked_and_the_labs_own_among_them(tmp_path: Path) -> None:
    samples = write_orders(tmp_path / "pta.csv", 1000)

    rows = (tmp_path / "pta.csv").read_text().splitlines()
    cells = [row.partition(",")[0] for row in rows]
    assert (len(rows), len(set(cells))) == (1001, 1001)
    assert cells[:3] == ["url", "https://listed.test/", "https://blocked.test/"]
    assert samples == ("listed.test", "blocked.test", cells[3], cells[503], cells[-1])


def test_without_the_source_tree_the_demo_says_what_it_needs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "CORPUS", tmp_path / "corpus.py")

    with pytest.raises(MissingPart, match="no list was made; run the demo from the source tree"):
        list(corpus_names(1))


def test_only_processes_that_live_count_as_running(tmp_path: Path) -> None:
    gateway = make_gateway(tmp_path)
    gateway.folder.run.mkdir()
    (gateway.folder.run / "dns-0.pid").write_text(f"{os.getpid()}\n")
    (gateway.folder.run / "gate-0.pid").write_text(f"{2**22 + 1}\n")
    (gateway.folder.run / "filterd.pid").write_text(f"{os.getpid()}\n")

    assert gateway.pids() == {"dns-0": os.getpid()}


def test_a_token_is_made_with_this_very_configuration(tmp_path: Path) -> None:
    gateway = make_gateway(tmp_path, says="secret\n")

    assert gateway.make_token("parent", "--subscriber", "7") == "secret"

    [(node, argv, _)] = gateway.place.asked  # type: ignore[attr-defined]
    assert node == "gateway"
    assert argv[-6:] == ["token", "parent", "--subscriber", "7", "--config", str(tmp_path / "filterd.yaml")]


def test_the_command_is_the_one_of_this_installation() -> None:
    command = filterd_command("status")

    assert Path(command[0]).is_absolute()
    assert command[-1] == "status"
