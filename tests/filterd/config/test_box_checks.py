import os
import pwd
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.system.certificates import make_certificate

from filterd.config import box_checks
from filterd.config.box_checks import Box, Finding, can_read, check_box
from filterd.config.load import examine

NOBODY = pwd.getpwnam("nobody")
AS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="root alone reads what an account cannot")


def found(folder: Path, said: str, base: Path | None = None) -> list[Finding]:
    dns = "" if "dns:" in said else "dns: {upstreams: ['192.0.2.53:53']}\n"
    return list(check_box(examine(f"{dns}{said}".encode(), "x.yaml", folder).config, Box(base)))


def tls(certificate: Path, key: Path) -> str:
    return f"dns: {{upstreams: ['192.0.2.53:53'], tls: {{certificate: '{certificate}', key: '{key}'}}}}\n"


def test_what_needs_nothing_of_the_box_is_found_good(tmp_path: Path) -> None:
    assert found(tmp_path, "state_dir: state\nrun_dir: run\n") == []


def test_a_list_that_filterd_brings_is_there_in_an_image_of_a_box_too(tmp_path: Path) -> None:
    said = (
        "state_dir: state\nlists: [{id: y, file: 'shipped:youtube', format: plain, tier: service, service: youtube}]\n"
    )

    assert found(tmp_path, said, base=tmp_path / "image") == []


def test_a_certificate_and_its_key_are_good(tmp_path: Path) -> None:
    assert found(tmp_path, tls(*make_certificate(tmp_path, "dns.test"))) == []


def test_a_certificate_that_is_not_there_is_a_fault_of_each_missing_file(tmp_path: Path) -> None:
    first, second = found(tmp_path, tls(tmp_path / "a.pem", tmp_path / "a.key"))

    assert (first.path, second.path) == ("/dns/tls/certificate", "/dns/tls/key")
    assert first.is_fault and second.is_fault
    assert first.found == f"{tmp_path}/a.pem: No such file or directory"
    assert first.effect == "the dns role does not start"


def test_a_certificate_that_is_none_is_a_fault(tmp_path: Path) -> None:
    certificate, key = make_certificate(tmp_path, "dns.test")
    certificate.write_text("junk")

    (only,) = found(tmp_path, tls(certificate, key))

    assert only.is_fault and "dns.pem with " in only.found


def test_a_key_of_another_certificate_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    certificate, _ = make_certificate(tmp_path, "dns.test")
    _, key = make_certificate(tmp_path / "other", "other.test")

    (only,) = found(tmp_path, tls(certificate, key))

    assert only.is_fault and "KEY_VALUES_MISMATCH" in only.found


def test_a_box_without_dns_workers_needs_no_certificate(tmp_path: Path) -> None:
    said = "dns: {upstreams: ['192.0.2.53:53'], workers: 0, tls: {certificate: a, key: b}}\n"

    assert found(tmp_path, said) == []


def test_the_certificate_of_the_api_is_checked_likewise(tmp_path: Path) -> None:
    (tmp_path / "a.pem").write_text("junk")
    (tmp_path / "a.key").write_text("junk")

    (only,) = found(tmp_path, "api: {certificate: a.pem, key: a.key}\n")

    assert (only.path, only.is_fault, only.effect) == ("/api/certificate", True, "the web role does not start")


def test_the_files_of_the_siem_are_checked_where_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    sent = "siem: {server: 'siem.example:6514', send: [ledger], "

    (only,) = found(tmp_path, sent + "certificate: junk, key: junk}\n")
    assert (only.path, only.is_fault, only.effect) == ("/siem/certificate", True, "the siem role does not start")
    (only,) = found(tmp_path, sent + "ca: nowhere.pem}\n")
    assert (only.path, only.is_fault, only.effect) == ("/siem/ca", True, "the siem role does not start")
    assert found(tmp_path, "siem: {ca: nowhere.pem}\n") == []


def test_a_family_door_is_advised_where_parents_come_in_at_the_desks(tmp_path: Path) -> None:
    shared = "api: {listen: ['192.0.2.1:8080'], cleartext: true}\n"

    (only,) = found(tmp_path, shared)

    assert (only.path, only.is_fault) == ("/family/listen", False)
    assert "no door of their own for parents, who come in at 192.0.2.1:8080 of /api" in only.found
    apart = found(
        tmp_path, shared + "family: {listen: ['192.0.2.1:8081'], cleartext: true, hosts: [family.isp.example]}\n"
    )
    assert "/family/listen" not in {each.path for each in apart}


def test_kinds_of_sites_that_ages_close_and_no_list_holds_are_named_once_where_families_have_a_door(
    tmp_path: Path,
) -> None:
    door = "family: {listen: ['127.0.0.1:8081']}\n"
    lists = "lists:\n  - {id: a, file: a.txt, tier: category, category: adult}\n"
    lists += "  - {id: b, file: a.txt, tier: category, category: gambling, action: shadow}\n"
    (tmp_path / "a.txt").write_text("adult.test\n")

    (finding,) = found(tmp_path, door + lists)

    assert (finding.path, finding.is_fault) == ("/lists", False)
    assert "gambling" in finding.found and "adult" not in finding.found and "video" not in finding.found
    assert found(tmp_path, lists) == []


def test_that_no_list_holds_adult_sites_is_said_by_itself_with_what_families_miss_by_it(tmp_path: Path) -> None:
    door = "family: {listen: ['127.0.0.1:8081']}\n"
    lists = "lists:\n  - {id: b, file: a.txt, tier: category, category: gambling}\n"
    (tmp_path / "a.txt").write_text("gambling.test\n")

    first, second = found(tmp_path, door + lists)

    assert (first.path, first.is_fault, first.found) == ("/lists", False, "no list holds adult sites")
    assert "families are offered no rules by age" in first.effect and "category adult" in first.write
    assert "dating" in second.found and "adult" not in second.found


def test_authorities_that_are_none_are_a_fault(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("junk")

    (only,) = found(tmp_path, "dns: {upstreams: ['tls://192.0.2.53:853'], upstream_ca: ca.pem}\n")

    assert (only.path, only.is_fault) == ("/dns/upstream_ca", True)


def test_a_shared_key_of_cookies_that_is_missing_or_of_another_length_is_a_fault(tmp_path: Path) -> None:
    said = "dns: {upstreams: ['192.0.2.53:53'], cookie_key: cookies.key}\n"

    (missing,) = found(tmp_path, said)
    (tmp_path / "cookies.key").write_bytes(bytes(17))
    (longer,) = found(tmp_path, said)
    (tmp_path / "cookies.key").write_bytes(bytes(16))

    assert [(each.path, each.is_fault) for each in (missing, longer)] == [("/dns/cookie_key", True)] * 2
    assert longer.found == f"{tmp_path}/cookies.key: 17 octets"
    assert found(tmp_path, said) == []


def test_authorities_of_clients_that_are_none_are_a_fault(tmp_path: Path) -> None:
    make_certificate(tmp_path, "api.test")
    (tmp_path / "ca.pem").write_text("junk")
    api = "api: {certificate: dns.pem, key: dns.key, client_ca: ca.pem}\nfamily: {listen: ['127.0.0.1:8081']}\n"

    faults = [each for each in found(tmp_path, api) if each.is_fault]

    assert [each.path for each in faults] == ["/api/client_ca"]


@pytest.mark.parametrize("key", ["state_dir", "run_dir"])
def test_a_file_in_place_of_a_folder_is_a_fault(key: str, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("")

    for folder in ("there", "there/below"):
        (only,) = found(tmp_path, f"{key}: {folder}\n")
        assert (only.path, only.is_fault) == (f"/{key}", True)
        assert only.found == f"{tmp_path}/there is no folder"


def test_a_list_that_is_not_there_yet_is_a_warning(tmp_path: Path) -> None:
    (only,) = found(tmp_path, "lists: [{id: a, file: a.txt, format: plain, tier: order}]\n")

    assert (only.path, only.is_fault) == ("/lists/0/file", False)


@pytest.mark.parametrize("own", ["orders", "help-corridor"])
def test_a_list_that_has_the_id_of_one_of_filterd_itself_is_a_warning(own: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a.test\n")
    (only,) = found(tmp_path, f"lists: [{{id: {own}, file: a, format: plain, tier: order}}]\n")

    assert (only.path, only.is_fault) == ("/lists/0/id", False)
    assert only.effect == "records and counts do not tell them apart"


def test_files_that_a_pulled_list_or_a_zone_needs_are_warnings(tmp_path: Path) -> None:
    pulled = "{id: a, url: 'https://a.test/', ca: ca.pem, seed: s.txt, format: plain, tier: order}"
    zone = "{name: z.test, lists: [orders], allow: [192.0.2.0/24], tsig: z.key}"

    findings = found(tmp_path, f"lists: [{pulled}]\nrpz: {{listen: ['192.0.2.1:5380'], zones: [{zone}]}}\n")

    assert [(each.path, each.is_fault) for each in findings] == [
        ("/lists/0/seed", False),
        ("/lists/0/ca", False),
        ("/rpz/zones/0/tsig", False),
    ]


def test_fingerprints_that_are_not_there_are_a_fault_of_the_gate(tmp_path: Path) -> None:
    (only,) = found(tmp_path, "gate: {ja4_classes: ja4.txt}\n")

    assert (only.path, only.is_fault, only.effect) == ("/gate/ja4_classes", True, "no gate worker starts")


def test_a_value_that_is_a_fault_itself_hides_no_other(tmp_path: Path) -> None:
    lists = "{id: a, file: '', format: plain, tier: order}, {id: b, file: b.txt, format: plain, tier: order}"

    assert [each.path for each in found(tmp_path, f"lists: [{lists}]\n")] == ["/lists/1/file"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (None, "No such file or directory"),
        ("nothing of the kind", "the first line has no name and day"),
        ("# a cloud, 2020-01-01\n192.0.2.0/24\n", "days old"),
        ("# a cloud, TODAY\n192.0.2.0/24\n", None),  # not the day: workers of pytest may collect on two
    ],
)
def test_a_list_of_shared_hosting_that_is_missing_no_list_or_old_is_a_warning(
    tmp_path: Path, text: str | None, told: str | None
) -> None:
    if text is not None:
        (tmp_path / "cloud.txt").write_text(text.replace("TODAY", f"{datetime.now(UTC).date()}"))

    warnings = found(tmp_path, "protected: {shared_hosting: [cloud.txt]}\n")

    assert [(each.path, each.is_fault) for each in warnings] == (
        [] if told is None else [("/protected/shared_hosting", False)]
    )
    assert all(str(told) in each.found for each in warnings)


@pytest.mark.parametrize(
    ("text", "told"),
    [(None, "own.txt"), ("no name", "the first line has no name"), ("# own\na.test\n", None)],
)
def test_a_list_of_watched_names_that_is_missing_or_no_list_is_a_fault(
    tmp_path: Path, text: str | None, told: str | None
) -> None:
    if text is not None:
        (tmp_path / "own.txt").write_text(text)

    faults = found(tmp_path, "protected: {watch: [own.txt]}\n")

    assert [(each.path, each.is_fault) for each in faults] == ([] if told is None else [("/protected/watch/0", True)])
    assert all(str(told) in each.found for each in faults)


@AS_ROOT
def test_a_file_is_judged_as_the_account_of_the_role_that_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents[:-1]:
        folder.chmod(folder.stat().st_mode | 0o011)
    monkeypatch.setattr(box_checks, "_account", lambda name: NOBODY if name == "filterd-control" else None)
    said = "lists: [{id: a, file: a.txt, format: plain, tier: order}]\n"
    (tmp_path / "a.txt").write_text("a.test\n")
    (tmp_path / "a.txt").chmod(0o600)

    (only,) = found(tmp_path, said)
    assert (only.is_fault, only.found) == (True, f"{tmp_path}/a.txt cannot be read by nobody")

    os.chown(tmp_path / "a.txt", NOBODY.pw_uid, -1)
    assert found(tmp_path, said) == []


@AS_ROOT
def test_an_account_reads_by_owner_group_and_mode_of_the_file_and_of_every_folder_above(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents[:-1]):
        folder.chmod(folder.stat().st_mode | 0o011)
    path = tmp_path / "closed" / "a"
    path.parent.mkdir(mode=0o755)
    path.write_text("")
    path.chmod(0o640)

    assert not can_read(path, NOBODY)
    os.chown(path, -1, NOBODY.pw_gid)
    assert can_read(path, NOBODY)
    path.parent.chmod(0o750)
    assert not can_read(path, NOBODY)
    assert can_read(path, pwd.getpwuid(0))


def test_below_another_root_paths_begin_there(tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "etc/filterd").mkdir(parents=True)
    said = "lists: [{id: a, file: /etc/filterd/a.txt, format: plain, tier: order}]\n"

    assert len(found(root / "etc/filterd", said, root)) == 1
    (root / "etc/filterd/a.txt").write_text("a.test\n")
    assert found(root / "etc/filterd", said, root) == []
    assert found(root / "etc/filterd", said.replace("/etc/filterd/a.txt", "a.txt"), root) == []


@pytest.mark.parametrize(("line", "paths"), [("", ["/verifier/line"]), (", line: 900", [])])
def test_a_probe_whose_blocks_count_as_anyones_where_orders_are_tried_is_a_warning(
    tmp_path: Path, line: str, paths: list[str]
) -> None:
    said = f"orders: {{canary: {{gateway: gw1, name: gw1}}}}\nverifier: {{probe: /run/netns/probe{line}}}\n"

    assert [(each.path, each.is_fault) for each in found(tmp_path, said)] == [(path, False) for path in paths]
