"""Every source of the catalogue, put into a configuration and pulled: fixtures in its publisher's form, from nginx."""

import contextlib
import io
import json
import socket
import subprocess
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from support.lists.sealed import new_seal
from support.system.daemon import eventually
from support.system.ports import free_port

from fastpath.images.image_key import SEALED_OCTETS
from fastpath.images.verdict import Tier
from filterd.cli import main
from filterd.config import Config, load
from filterd.images.lists.additions import add
from filterd.images.lists.jobs import pull_list, take
from filterd.images.lists.sealed_reader import digested
from filterd.images.lists.sources import described, shelf_of, source_of
from rules.base.rule import Rule, UrlRule
from rules.lists.catalogue import SCHEME, CataloguedSource, sources
from rules.lists.compiler.sealed_digests import ProtectionSpec
from rules.lists.reader import read_source

OTHERS = {name: each for name, each in sources().items() if "url" in each.entry}
OWN = {name: each for name, each in sources().items() if str(each.entry.get("file")).startswith(SCHEME)}
SEALED = {name: each for name, each in sources().items() if each.entry.get("sealed")}
# What each of the owners sends, as far as that is public; the forms are those of the profiles.
OF_OWNERS = {
    "csam-iwf": (b"https://shared.example/a/b,url,2026-08-04\ndedicated.example,domain,2026-08-04\n", 1, 1),
    "csam-interpol": (b"one.example\ntwo.example\n", 2, 0),
    "csam-csaadf": (b"one.example\nwww.two.example\n", 2, 0),
    "csam-cncpo": (b"00123;20260804\nhttp://bad.example/x;bad.example;;\n;two.example;;\n", 1, 1),
    "csam-arachnid": (b"https://shared.example/a.jpg\nhttp://other.example/b?c=1\n", 0, 2),
}
N = 30
NAMES = [f"n{number}.example" for number in range(N)]
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log /dev/null;
events {{ worker_connections 64; }}
http {{
  access_log off; {temporary}
  types {{ text/plain txt; application/json json; application/gzip gz; }}
  gzip on; gzip_types text/plain application/json;
  server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


def ut1(name: str) -> bytes:
    """As GNU tar makes it of the folder of a category."""
    made = io.BytesIO()
    parts = {"domains": "".join(f"{each}\n" for each in NAMES), "urls": "n.example/~a\n", "usage": "black\n"}
    with tarfile.open(fileobj=made, mode="w:gz", format=tarfile.GNU_FORMAT) as out:
        folder = tarfile.TarInfo(name)
        folder.type, folder.mode = tarfile.DIRTYPE, 0o755
        out.addfile(folder)
        for part, text in parts.items():
            member = tarfile.TarInfo(f"{name}/{part}")
            member.size = len(text)
            out.addfile(member, io.BytesIO(text.encode()))
    return made.getvalue()


def fixture(each: CataloguedSource) -> bytes:
    """A list in the form of its publisher."""
    match each.entry["format"]:
        case "ut1":
            return ut1(Path(urlsplit(str(each.entry["url"])).path).name.partition(".")[0])
        case "hosts":
            head = "# ------------------------------------\n#\n#  The Block List Project\n\n127.0.0.1 localhost\n"
            return (head + "".join(f"0.0.0.0 {name}\n" for name in NAMES)).encode()
        case "certpl":
            rows = [{"RegisterPositionId": n, "DomainAddress": name} for n, name in enumerate(NAMES)]
            return json.dumps(rows).encode()
        case _:
            head = f"# Title: a list\n# Expires: 1 day\n# Syntax: Domains\n# Number of entries: {N}\n#\n"
            return (head + "".join(f"{name}\n" for name in NAMES)).encode()


def is_listening(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 5.0):
        return True
    return False


@pytest.fixture(scope="module")
def nginx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A web server with a fixture of every source, at the source's own path."""
    folder = tmp_path_factory.mktemp("nginx")
    for each in OTHERS.values():
        path = folder / "www" / urlsplit(str(each.entry["url"])).path.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(fixture(each))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    port = free_port()
    temporary = " ".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port, temporary=temporary))
    process = subprocess.Popen(["/usr/sbin/nginx", "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"])
    try:
        eventually(partial(is_listening, port), "nginx")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def box(folder: Path, *names: str) -> Config:
    """A configuration to which the sources were added."""
    (folder / "state").mkdir()
    path = folder / "f.yaml"
    path.write_text('state_dir: state\nrun_dir: run\ndns: {upstreams: ["192.0.2.53:53"]}\n')
    assert add(path, list(names), is_shown=False) == 0
    return load(path)


def at(config: Config, where: str) -> Config:
    """The same with its URLs at our web server."""
    moved = [replace(each, url=where + urlsplit(str(each.url)).path) for each in config.lists]
    return replace(config, lists=tuple(moved))


@pytest.mark.services
@pytest.mark.parametrize("name", OTHERS)
async def test_a_source_as_it_is_written_is_pulled_taken_and_good(tmp_path: Path, nginx: str, name: str) -> None:
    config = at(box(tmp_path, name), nginx)
    (entry,) = config.lists

    await pull_list(config, entry, time.time())
    take(config, [entry.id], time.time())

    kept = shelf_of(config, entry).kept()
    assert kept.good is not None, (kept.failed, kept.refused, kept.held_why)
    source = source_of(config, entry, kept.good)
    found = [item for item in read_source(source) if isinstance(item, Rule | UrlRule)]
    assert kept.good.n_rules == len(found) >= N
    assert source.tier in (Tier.CATEGORY, Tier.SECURITY) and bool(source.category) is (source.tier is Tier.CATEGORY)


def test_our_own_lists_are_taken_from_where_they_are_installed(tmp_path: Path) -> None:
    config = box(tmp_path, *OWN)
    for entry in config.lists:
        assert entry.file is not None and entry.file.is_file() and entry.file.is_absolute()


@pytest.mark.services
def test_a_service_is_good_without_any_file_of_the_operator(tmp_path: Path) -> None:
    config = box(tmp_path, "youtube")

    take(config, ["youtube"], time.time())

    kept = shelf_of(config, config.lists[0]).kept()
    assert kept.good is not None and kept.good.n_rules > 5


def test_what_is_there_already_is_not_added_twice_and_nothing_with_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box(tmp_path, "youtube")
    before = (tmp_path / "f.yaml").read_text()

    assert main(["lists", "add-source", "tiktok", "youtube", "--config", str(tmp_path / "f.yaml")]) == 1
    assert "youtube: there is a list of this id; nothing written" in capsys.readouterr().err
    assert main(["lists", "add-source", "tiktok", "no-such", "--config", str(tmp_path / "f.yaml")]) == 2
    assert (tmp_path / "f.yaml").read_text() == before


def test_a_source_is_only_printed_where_that_is_asked_for(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lists", "add-source", "hagezi-nsfw", "--print", "--config", str(tmp_path / "none.yaml")]) == 0

    assert capsys.readouterr().out.startswith('  - {id: hagezi-nsfw, url: "https://raw.githubusercontent.com/hagezi/')


def test_every_source_is_told_with_its_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lists", "sources", "--json"]) == 0

    found = {each["source"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())}
    assert found.keys() == sources().keys()
    assert found["ut1-adult"]["licence"] == "CC BY-SA 4.0" and found["ut1-adult"]["rules"] == 4_600_000
    assert main(["lists", "sources"]) == 0
    assert "blp-porn" in capsys.readouterr().out


@pytest.mark.parametrize("name", SEALED)
def test_a_profile_of_a_sealed_list_reads_what_its_owner_sends(tmp_path: Path, name: str) -> None:
    config, seal = box(tmp_path, name), new_seal()
    octets, n_names, n_urls = OF_OWNERS[name]
    source = described(config, config.lists[0])

    (found,) = digested([(seal.close(octets), source)], ProtectionSpec(), seal.secret, bytes(SEALED_OCTETS)).digests

    assert (source.tier, source.is_sealed, source.confidential) == (Tier.CSAM, True, True)
    assert (found.n_names, found.n_urls, dict(found.skipped)) == (n_names, n_urls, {})


def test_each_profile_is_tried() -> None:
    assert OF_OWNERS.keys() == SEALED.keys()
