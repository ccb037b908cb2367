from pathlib import Path

from support.system.certificates import make_certificate

from fastpath.report.counters import Counters
from filterd.box.places import counters_folder
from filterd.commands.roles.exporter.look import counters_of, ends_of_certificates, look
from filterd.config import read_config

SAID = "dns: {upstreams: ['192.0.2.53:53'], tls: {certificate: none.pem, key: none.key}}\nrun_dir: run\n"


def test_the_counters_of_loop_and_streams_are_those_of_one_worker(tmp_path: Path) -> None:
    for name, by in (("dns-0", 2), ("dns-0-tcp", 3), ("gate-0", 4), ("control", 5)):
        counters_folder(tmp_path, name).mkdir(exist_ok=True)
        Counters(counters_folder(tmp_path, name) / name).add("no_tables", by)
    (counters_folder(tmp_path, "dns-1") / "dns-1").write_bytes(b"no counters")

    assert {name: values["no_tables"] for name, values in counters_of(tmp_path).items()} == {"dns-0": 5, "gate-0": 4}


def test_the_end_of_a_certificate_is_that_which_it_says_itself(tmp_path: Path) -> None:
    certificate, _ = make_certificate(tmp_path, "dns.test")
    said = SAID + f"api: {{certificate: {certificate.name}, key: none.key}}\n"

    found = ends_of_certificates(read_config(said.encode(), "x", tmp_path))

    assert list(found) == ["/api/certificate"]  # the other one is not there
    assert found["/api/certificate"] > 1_700_000_000


async def test_a_look_at_a_box_on_which_nothing_runs_tells_that(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text(SAID)

    seen = await look(read_config(SAID.encode(), "x", tmp_path), tmp_path / "f.yaml")

    assert (seen.control, seen.workers, seen.counters) == (None, [], {})
    assert [said.partition(":")[0] for said in seen.unfit] == ["dns", "gate"]
    assert not seen.is_other_file
