"""Where people find help changes once control has found that two persons have signed, whatever web has written."""

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, Engine, delete, insert, select, update
from support.mgmt.orders import NOW, said
from support.mgmt.page_settings import HELPED, OF_FILE, proposed_settings, signed_settings
from support.mgmt.signing import BY_PASSKEYS, Signer, row_of_approval, signed, signer

from filterd.control.pages.agreed_settings import look
from mgmt.registers.settings.agreement import json_of
from mgmt.registers.settings.page_settings import Helpline
from mgmt.registers.settings.proposals import PAGES, SIGNED_WITHIN
from mgmt.registers.settings.shapes import NOTHING, DeskSettings, Isp, Languages
from mgmt.registers.settings.store import said_by_desk
from mgmt.registers.two_persons import SUBJECTS
from mgmt.staff.approvals.proof import BY_NAMES, Proof
from mgmt.staff.approvals.rules import ApprovalRefusal
from mgmt.staff.approvals.signatures import refuse_proposal
from mgmt.staff.approvals.store import has_open
from mgmt.staff.people import reset_person
from parental.store.database import writing
from parental.store.schema.orders import approval_signatures, approvals
from parental.store.schema.settings import desk_settings

MINUTE = timedelta(minutes=1)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def conn(engine: Engine) -> Iterator[Connection]:
    with writing(engine) as conn:
        yield conn


@pytest.fixture
def amna(conn: Connection) -> Signer:
    return signer(conn, "amna", "compliance")


@pytest.fixture
def bilal(conn: Connection) -> Signer:
    return signer(conn, "bilal", "approver")


def shown(conn: Connection, after: timedelta = MINUTE, proof: Proof = BY_PASSKEYS) -> DeskSettings:
    """What the desk says once control has looked."""
    at = NOW + after
    look(conn, proof, int(at.timestamp()), at)
    return said_by_desk(conn)


def told(conn: Connection) -> list[dict[str, Any]]:
    return [each for each in said(conn) if {"settings", "setting"} & set(each["about"])]


def put_row(conn: Connection, **more: Any) -> None:
    """What web writes of its own accord."""
    row = {"name": "helplines", "value": json_of(HELPED.helplines), "set_s": 1, "event": 0}
    conn.execute(insert(desk_settings).values(row | {"by_kind": "token", "by_name": "1"} | more))


def test_two_persons_of_two_groups_sign_and_it_is_in_force_with_its_events(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    chandni = signer(conn, "chandni", "compliance")
    assert not has_open(conn, PAGES)
    number = proposed_settings(conn, amna)
    assert has_open(conn, PAGES) and shown(conn) == NOTHING
    assert signed(conn, number, amna) is None and shown(conn) == NOTHING
    for each in (amna, chandni):
        assert "not approved; another" in str(signed(conn, number, each))
    assert shown(conn) == NOTHING
    assert signed(conn, number, bilal) is None

    assert shown(conn) == shown(conn) == HELPED and not has_open(conn, PAGES)
    actions = ["approval proposed", "approval signed", "approval signed", "approval given"]
    events = told(conn)
    assert [each["action"] for each in events] == [*actions, "pages changed", "approval ended"]
    for at in (0, 3, 4):
        assert '"1121"' in events[at]["said"]["before"] and '"0800-77777"' in events[at]["said"]["after"]
    assert events[4]["said"]["approval"] == number
    assert [events[4][name]["name"] for name in ("second_actor", "actor")] == ["1", "2"]
    row = conn.execute(select(desk_settings)).one()
    assert (row.by_name, row.approval) == ("amna@isp.example and bilal@isp.example", number)


def test_a_signer_who_leaves_later_takes_no_helpline_back(conn: Connection, amna: Signer, bilal: Signer) -> None:
    signed_settings(conn, amna, bilal)
    assert shown(conn) == HELPED

    reset_person(conn, amna.person.mail, bilal.person.actor, NOW + MINUTE)

    assert shown(conn, 2 * MINUTE) == HELPED


def test_what_the_configuration_has_is_back_as_two_have_agreed_and_all_of_one_proposal_together(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    both = DeskSettings(isp=Isp(name="Desk ISP", contact="help@isp.example"), languages=Languages(first="en"))
    signed_settings(conn, amna, bilal)
    signed_settings(conn, amna, bilal, both)
    assert shown(conn) == DeskSettings(helplines=HELPED.helplines, isp=both.isp, languages=both.languages)

    signed_settings(conn, amna, bilal, DeskSettings(helplines=None), NOW + MINUTE)

    assert shown(conn, 2 * MINUTE) == both
    assert '"1121"' in told(conn)[-2]["said"]["after"]


def test_what_was_changed_meanwhile_is_not_signed_and_not_believed(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    police = DeskSettings(helplines=(Helpline("15", "police", "پولیس"),))
    early, late = proposed_settings(conn, amna), signed_settings(conn, amna, bilal, police)
    signed_settings(conn, amna, bilal)

    assert shown(conn) == police
    with pytest.raises(ApprovalRefusal, match="is of settings that have changed since it was proposed; not signed"):
        signed(conn, early, amna)
    assert row_of_approval(conn, late).approver == "bilal@isp.example"
    assert "have changed since" in json.dumps(told(conn))


def test_a_proposal_ends_after_a_week_and_what_one_has_refused_at_once(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    number, refused = proposed_settings(conn, amna), proposed_settings(conn, amna)
    signed(conn, number, amna)
    refuse_proposal(conn, SUBJECTS, refused, "no such shelter", bilal.person, NOW)

    assert shown(conn) == NOTHING and row_of_approval(conn, refused).lapsed_ms is not None
    assert shown(conn, SIGNED_WITHIN) == NOTHING and not has_open(conn, PAGES)
    with pytest.raises(ApprovalRefusal, match="no proposal waits"):
        signed(conn, number, bilal)


def test_two_signatures_that_control_sees_after_the_week_put_nothing_in_force(
    conn: Connection, amna: Signer, bilal: Signer
) -> None:
    signed_settings(conn, amna, bilal)

    assert shown(conn, SIGNED_WITHIN) == NOTHING and not has_open(conn, PAGES)


def test_a_row_that_web_writes_by_itself_counts_for_nothing(conn: Connection, amna: Signer, bilal: Signer) -> None:
    waiting = proposed_settings(conn, amna)
    for approval in (None, 0, 7, waiting):
        put_row(conn, approval=approval)
        assert shown(conn) == NOTHING

    number = signed_settings(conn, amna, bilal)
    assert shown(conn) == HELPED
    put_row(conn, value='[{"name_en":"x","name_ur":"x","number":"15"}]', approval=number)
    put_row(conn, value=None)
    assert shown(conn) == HELPED


Forge = Callable[[Connection, int, Signer, Signer], Any]
OTHER = json_of({"before": {}, "after": {}, "said": {"helplines": None}, "since": {}})
FORGED: dict[str, Forge] = {
    "other settings": lambda conn, number, _a, _b: change(conn, number, settings=OTHER),
    "no JSON": lambda conn, number, _a, _b: change(conn, number, settings="{"),
    "other words": lambda conn, number, _a, _b: change(conn, number, reference="T-2"),
    "a longer week": lambda conn, number, _a, _b: change(conn, number, expires_s=int(NOW.timestamp()) + 2_000_000),
    "one signature": lambda conn, _n, _a, _b: conn.execute(
        delete(approval_signatures).where(approval_signatures.c.part == "approved")
    ),
    "no signature, and given": lambda conn, number, _a, _b: give_unsigned(conn, number),
    "another proposer": lambda conn, number, _a, b: change(conn, number, proposer=b.person.mail),
}


def change(conn: Connection, number: int, **lie: Any) -> None:
    conn.execute(update(approvals).where(approvals.c.id == number).values(lie))


def give_unsigned(conn: Connection, number: int) -> None:
    conn.execute(delete(approval_signatures))
    change(conn, number, approver="b", approver_group="engineer", approved_s=int(NOW.timestamp()))


@pytest.mark.parametrize("lie", FORGED)
def test_what_web_changes_after_both_have_signed_is_not_done(
    conn: Connection, amna: Signer, bilal: Signer, lie: str
) -> None:
    number = signed_settings(conn, amna, bilal)

    FORGED[lie](conn, number, amna, bilal)

    assert shown(conn) == NOTHING


def test_without_passkeys_nothing_is_believed(conn: Connection, amna: Signer, bilal: Signer) -> None:
    signed_settings(conn, amna, bilal)

    assert shown(conn, proof=BY_NAMES) == NOTHING


def test_the_values_of_the_configuration_are_what_pages_showed_before(conn: Connection, amna: Signer) -> None:
    number = proposed_settings(conn, amna)

    document = json.loads(row_of_approval(conn, number).settings)

    assert document["before"]["helplines"] == json.loads(json_of(OF_FILE.helplines))
    assert document["since"] == {"helplines": 0}
