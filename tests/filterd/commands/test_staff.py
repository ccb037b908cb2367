import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, select, update
from support.control.box import database_key
from support.mgmt.events import events_of
from support.mgmt.signing import signer
from support.system.certificates import make_certificate

from filterd.cli import main
from filterd.config import load
from filterd.process.database.access import database_of
from mgmt.staff.issuers import Issuer, find_issuer
from mgmt.staff.people import person_of_code
from mgmt.staff.vouched_file import Vouched, read_vouched
from parental.store.database import open_database, reading, writing
from parental.store.engines import Where
from parental.store.schema.staff import passkeys, staff

MAIL = "amna@isp.example"
KEY = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"  # RFC 8032 §7.1


@pytest.fixture
def config(tmp_path: Path, database: Where) -> str:
    path = tmp_path / "f.yaml"
    said = "state_dir: state\napi: {vouched_passkeys: vouched}\ndns: {upstreams: ['192.0.2.53:53']}\n"
    path.write_text(said + database_key(database))
    return str(path)


@pytest.fixture
def engine(config: str) -> Iterator[Engine]:
    engine = open_database(database_of(load(Path(config))))
    yield engine
    engine.dispose()


def run(config: str, *argv: str) -> int:
    return main(["staff", *argv, "--config", config])


def test_a_person_is_added_with_a_code_that_is_printed_once(
    config: str, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(config, "add", "Amna Khan", "--mail", MAIL, "--role", "compliance") == 0

    code, said = capsys.readouterr()
    with reading(engine) as conn:
        person = person_of_code(conn, code.strip(), datetime.now(UTC))
        event = events_of(conn, "staff")[0]
    assert person is not None and (person.name, person.group) == ("Amna Khan", "legal")
    assert "counts once, for three days" in said
    assert event["actor"]["kind"] == "account" and code.strip() not in str(event)
    assert run(config, "list", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown == {
        "id": 1,
        "name": "Amna Khan",
        "mail": MAIL,
        "role": "compliance",
        "group": "legal",
        "state": "active",
        "ends": None,
        "last_login": None,
    }


def test_a_person_gets_a_role_is_disabled_enabled_and_reset(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(config, "add", "Amna Khan", "--mail", MAIL, "--role", "compliance")
    codes = [capsys.readouterr().out]

    assert run(config, "role", MAIL, "approver", "--group", "board") == 0
    assert run(config, "disable", MAIL) == 0
    run(config, "list")
    assert "approver (board), disabled, never signed in" in capsys.readouterr().out
    assert run(config, "enable", MAIL) == 0
    capsys.readouterr()
    assert run(config, "reset", MAIL) == 0
    codes.append(capsys.readouterr().out)
    assert codes[0] != codes[1]


def test_an_account_gets_a_last_day_in_the_operators_time_another_one_and_none(
    config: str, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    day, other = (f"{datetime.now(UTC).year + n}-12-31" for n in (1, 2))
    assert run(config, "add", "Amna Khan", "--mail", MAIL, "--role", "auditor", "--until", day) == 0

    capsys.readouterr()
    run(config, "list")
    assert f"auditor (audit), active, end {day} 23:59, never signed in" in capsys.readouterr().out
    run(config, "list", "--json")
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["ends"]) == ("active", f"{day}T18:59:59+00:00")
    run(config, "review")
    assert f"auditor (audit), active, end {day}T18:59:59+00:00\n" in capsys.readouterr().out

    assert run(config, "until", MAIL, other) == 0
    assert capsys.readouterr().out == f"{MAIL}: active, end {other} 23:59\n"
    assert run(config, "until", MAIL, "never") == 0
    assert capsys.readouterr().out == f"{MAIL}: active\n"
    with reading(engine) as conn:
        said = [each["said"] for each in events_of(conn, "staff") if each["action"] == "end given"]
    assert said == [
        {"ends": f"{other}T18:59:59+00:00", "was": f"{day}T18:59:59+00:00"},
        {"ends": None, "was": f"{other}T18:59:59+00:00"},
    ]


def test_an_account_that_has_ended_is_shown_so_and_enabling_it_says_so(
    config: str, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    run(config, "add", "Amna Khan", "--mail", MAIL, "--role", "auditor")
    with writing(engine) as conn:
        conn.execute(update(staff).values(ends_s=1_785_000_000))
    capsys.readouterr()

    run(config, "list", "--json")
    assert json.loads(capsys.readouterr().out)["state"] == "ended"
    run(config, "disable", MAIL)
    assert capsys.readouterr().out.startswith(f"{MAIL}: disabled, end 2026-07-25")
    assert run(config, "enable", MAIL) == 0
    assert capsys.readouterr().out.startswith(f"{MAIL}: ended, end 2026-07-25")


@pytest.mark.parametrize("day", ["2020-01-01", "9999-12-31", "31.12.2026", "", "tomorrow"])
def test_no_other_day_is_a_last_one(config: str, engine: Engine, day: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "add", "Amna", "--mail", MAIL, "--role", "auditor", "--until", day) == 2
    run(config, "add", "Amna", "--mail", MAIL, "--role", "auditor")
    assert run(config, "until", MAIL, day) == 2

    assert capsys.readouterr().err.count("nothing done; write") == 2
    with reading(engine) as conn:
        assert [each["action"] for each in events_of(conn, "staff")] == ["person added"]


@pytest.mark.parametrize("verb", [["disable"], ["enable"], ["reset"], ["role"], ["until"]])
def test_an_unknown_person_is_said_and_nothing_is_done(
    config: str, verb: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    more = {"role": ["auditor"], "until": ["never"]}.get(verb[0], [])

    assert run(config, *verb, "nobody@isp.example", *more) == 1

    assert "no person of the desk has it; nothing done; see: filterd staff list" in capsys.readouterr().err


@pytest.mark.parametrize(
    "wrong", [["--mail", "amna", "--role", "engineer"], ["--mail", MAIL, "--role", "parent"]], ids=str
)
def test_who_cannot_be_is_not_added(config: str, wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(config, "add", "Amna", *wrong) == 2

    assert capsys.readouterr().out == ""


def test_an_issuer_keeps_what_is_not_said(config: str, engine: Engine) -> None:
    assert run(config, "issuer", "PTA", "--contact", "desk@pta.example", "--scope", "exact") == 0
    assert run(config, "issuer", "PTA", "--disable") == 0

    with reading(engine) as conn:
        assert find_issuer(conn, "PTA") == Issuer("PTA", None, frozenset({"exact"}), "desk@pta.example", False)
    assert run(config, "issuer", "PTA", "--enable") == 0
    with reading(engine) as conn:
        assert find_issuer(conn, "PTA") == Issuer("PTA", None, frozenset({"exact"}), "desk@pta.example", True)


def test_a_key_of_an_issuer_is_known_and_ends(config: str, capsys: pytest.CaptureFixture[str]) -> None:
    run(config, "issuer", "PTA")

    assert run(config, "issuer-key", "PTA", "--hex", KEY) == 0
    assert run(config, "issuer-key", "PTA", "--hex", KEY) == 2
    assert run(config, "issuer-key", "PTA", "--hex", KEY, "--days", "0") == 0
    assert run(config, "issuer-key", "other", "--hex", KEY[::-1]) == 1
    assert run(config, "issuer-key", "PTA", "--hex", "no key") == 2
    assert run(config, "issuer-key", "PTA", "--hex", KEY[:-1]) == 2
    assert "--hex no key: no key; nothing done; write its 64 digits 0-9 and a-f" in capsys.readouterr().err


def test_the_review_is_printed_and_is_an_event(config: str, engine: Engine, capsys: pytest.CaptureFixture[str]) -> None:
    run(config, "add", "Amna Khan", "--mail", MAIL, "--role", "compliance")
    run(config, "issuer", "PTA")
    main(["token", "create", "auditor", "--config", config])
    capsys.readouterr()

    assert run(config, "review") == 0
    text = capsys.readouterr().out
    assert run(config, "review", "--format", "json") == 0
    said = json.loads(capsys.readouterr().out)

    assert f"  {MAIL}  Amna Khan: compliance (legal), active\n      signs in with nothing; last on never" in text
    assert "      ! has not enrolled: no second factor" in text and "  1  auditor" in text and "  PTA: active" in text
    assert (len(said["people"]), len(said["tokens"]), len(said["issuers"])) == (1, 1, 1)
    with reading(engine) as conn:
        assert [each["action"] for each in events_of(conn, "staff")][-2:] == ["access reviewed", "access reviewed"]


def test_a_passkey_is_listed_vouched_for_and_listed_as_such(
    config: str, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with writing(engine) as conn:
        signer(conn, "amna", "approver", is_vouched=False)
    assert run(config, "vouch", MAIL) == 0
    listed = capsys.readouterr().out
    assert "a key, signs nothing" in listed

    assert run(config, "vouch", MAIL, "--passkey", listed[:19]) == 0

    assert "signs approvals now" in capsys.readouterr().out
    assert [(each.mail, each.group) for each in vouched_in(config).values()] == [(MAIL, "approval")]
    run(config, "vouch", MAIL)
    assert "a key, signs approvals" in capsys.readouterr().out
    run(config, "review")
    assert "passkey: a key (signs approvals)" in capsys.readouterr().out


def vouched_in(config: str) -> Vouched:
    return read_vouched(Path(config).parent / "vouched")


def test_a_person_s_passkeys_have_the_person_s_group_and_go_when_all_is_reset(
    config: str, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with writing(engine) as conn:
        signer(conn, "amna", "approver", is_vouched=False)
    run(config, "vouch", MAIL)
    run(config, "vouch", MAIL, "--passkey", capsys.readouterr().out[:19])

    assert run(config, "role", MAIL, "compliance") == 0
    assert {each.group for each in vouched_in(config).values()} == {"legal"}
    assert run(config, "reset", MAIL) == 0

    assert vouched_in(config) == {}


def test_what_can_not_be_written_into_root_s_file_is_not_done(
    config: str, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with writing(engine) as conn:
        signer(conn, "amna", "approver", is_vouched=False)
    (Path(config).parent / "vouched").mkdir()
    run(config, "vouch", MAIL)
    listed = capsys.readouterr().out

    assert run(config, "vouch", MAIL, "--passkey", listed[:19]) == 2

    assert "not a regular file" in capsys.readouterr().err
    with reading(engine) as conn:
        assert conn.execute(select(passkeys.c.vouched_s)).scalars().all() == [None]


def test_no_passkey_is_vouched_for_by_another_text(
    config: str, engine: Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    with writing(engine) as conn:
        signer(conn, "amna", "approver", is_vouched=False)

    assert run(config, "vouch", MAIL, "--passkey", "0000 0000 0000 0000") == 1

    assert "not vouched for" in capsys.readouterr().err


def test_a_certificate_is_bound_and_ended_by_its_file(
    config: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown, _ = make_certificate(tmp_path, "pta.example")
    run(config, "issuer", "PTA")

    assert run(config, "certificate", str(shown), "--issuer", "PTA") == 0
    assert f"{shown}: is of PTA" in capsys.readouterr().out
    assert run(config, "certificate", str(shown), "--mail", MAIL) == 1
    assert run(config, "certificate", str(shown), "--end") == 0
    assert run(config, "certificate", str(shown), "--end") == 1
    assert run(config, "certificate", config, "--issuer", "PTA") == 2
    assert "no certificate in PEM; nothing done" in capsys.readouterr().err
