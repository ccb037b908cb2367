"""The look at root's file of vouched passkeys."""

from pathlib import Path

import pytest
from sqlalchemy import Connection, Engine
from support.control.box import make
from support.mgmt.orders import push
from support.mgmt.signing import ORIGIN, WIDER, keep_vouched, proposed, signed, signer

from filterd.control.base.context import Context
from filterd.control.watches.approvals import MOST_NAMED, refuse_unvouched
from mgmt.staff.vouched_file import VouchedFault
from parental.store.database import writing

FILE = "vouched-passkeys"


@pytest.fixture
def context(place: Path, engine: Engine) -> Context:
    """Of a box whose desk has passkeys, before root has vouched for any."""
    place.chmod(0o755)
    with (place / "f.yaml").open("a") as file:
        file.write(f"api: {{desk_origin: '{ORIGIN}', vouched_passkeys: {FILE}}}\n")
    return make(place, engine).context


def agree(conn: Connection, number: int) -> None:
    """Two persons sign an approval of an order of its own."""
    amna, bilal = signer(conn, f"amna{number}", "compliance"), signer(conn, f"bilal{number}", "approver")
    order = push(conn, f"https://shared{number}.test/a", ref=f"{number}")
    assert signed(conn, proposed(conn, order, WIDER, amna), amna, bilal) is None


def test_a_desk_where_no_two_persons_have_signed_needs_no_file(context: Context) -> None:
    refuse_unvouched(context)


def test_what_was_signed_and_is_not_in_force_is_a_fault_until_root_vouches(context: Context, engine: Engine) -> None:
    with writing(engine) as conn:
        agree(conn, 1)

    with pytest.raises(VouchedFault, match="No such file or directory; no approval signed at the desk is believed"):
        refuse_unvouched(context)
    (context.config_file.parent / FILE).write_text("# of another box\n")
    (context.config_file.parent / FILE).chmod(0o644)
    with pytest.raises(VouchedFault, match="a passkey that has signed approval 1 is not in it"):
        refuse_unvouched(context)
    keep_vouched(context.config_file.parent)

    refuse_unvouched(context)


def test_a_fault_names_some_approvals_and_counts_the_others(context: Context, engine: Engine) -> None:
    with writing(engine) as conn:
        for number in range(1, MOST_NAMED + 3):
            agree(conn, number)
    (context.config_file.parent / FILE).write_text("")
    (context.config_file.parent / FILE).chmod(0o644)

    with pytest.raises(VouchedFault, match="approval 1, 2, 3, 4, 5 and 2 more is not in it"):
        refuse_unvouched(context)


def test_a_file_that_others_may_write_is_a_fault_even_where_nothing_waits(context: Context) -> None:
    path = context.config_file.parent / FILE
    path.write_text("")
    path.chmod(0o666)

    with pytest.raises(VouchedFault, match="can be written by other accounts"):
        refuse_unvouched(context)


def test_a_link_to_nowhere_is_a_fault_too(context: Context) -> None:
    (context.config_file.parent / FILE).symlink_to("nowhere")

    with pytest.raises(VouchedFault, match="symbolic links"):
        refuse_unvouched(context)
