"""What can be proposed of the pages, and by whom."""

import pytest
from sqlalchemy import Connection
from support.mgmt.orders import NOW
from support.mgmt.page_settings import HELPED, OF_FILE, proposed_settings
from support.mgmt.signing import Signer, row_of_approval, signer

from mgmt.contract.errors import BadRequest
from mgmt.registers.settings.page_settings import Helpline
from mgmt.registers.settings.proposals import Words, propose_settings
from mgmt.registers.settings.shapes import DeskSettings
from mgmt.staff.approvals.rules import MAX_WAITING, ApprovalRefusal
from mgmt.web.splash.canned import check_pages

WORDS = Words("amna@isp.example", "a shelter has opened", "T-1")


def test_a_proposal_names_what_it_changes_and_is_no_order(conn: Connection, amna: Signer) -> None:
    made = row_of_approval(conn, proposed_settings(conn, amna))

    assert (made.kind, made.order, made.list, made.hold, made.approver) == ("settings", None, None, None, None)
    assert made.collateral == "all pages show: helplines"


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (WORDS._replace(reason=" "), "reason: missing"),
        (WORDS._replace(reference=""), "reference: missing"),
        (WORDS._replace(proposer="zain@isp.example"), "zain@isp.example"),
        (WORDS._replace(proposer="dawud@isp.example"), "another person must"),
    ],
)
def test_what_is_not_whole_or_of_a_stranger_is_not_proposed(
    conn: Connection, amna: Signer, words: Words, why: str
) -> None:
    signer(conn, "dawud", "auditor")

    with pytest.raises(ApprovalRefusal, match=why):
        propose_settings(conn, OF_FILE, HELPED, words, "token 1", NOW, check_pages)


def test_a_number_that_nobody_can_dial_is_not_proposed(conn: Connection, amna: Signer) -> None:
    with pytest.raises(BadRequest, match="no number that can be dialled"):
        proposed_settings(conn, amna, DeskSettings(helplines=(Helpline("00", "a", "b"),)))


def test_no_more_than_a_hundred_wait(conn: Connection, amna: Signer) -> None:
    for _ in range(MAX_WAITING):
        proposed_settings(conn, amna)

    with pytest.raises(ApprovalRefusal, match="settings: 100 proposals wait already"):
        proposed_settings(conn, amna)
