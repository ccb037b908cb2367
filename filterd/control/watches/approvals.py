"""Control's look at root's file of vouched passkeys, and at the approvals that it does not believe without it.

What it finds is a standing fault, which goes by itself once root has vouched for the passkeys.
"""

import asyncio
from collections.abc import Sequence

from filterd.control.base.context import Context
from mgmt.staff.approvals.proof import unvouched_approvals
from mgmt.staff.vouched_file import Vouched, VouchedFault, read_vouched
from parental.store.database import reading

MOST_NAMED = 5  # approvals in the text of a fault


async def look(context: Context) -> None:
    """Raises VouchedFault, DatabaseFault"""
    await asyncio.to_thread(refuse_unvouched, context)


def refuse_unvouched(context: Context) -> None:
    """Blocking.   Raises VouchedFault where an approval waits for it, or where the file may not be believed"""
    path, missing = context.config.api.vouched_passkeys, None
    vouched: Vouched = {}
    try:
        vouched = read_vouched(path)
    except VouchedFault as reason:
        if path.is_symlink() or path.exists():
            raise
        missing = reason  # no fault by itself: most desks never need two persons
    with reading(context.engine) as conn:
        numbers = unvouched_approvals(conn, vouched)
    if numbers:
        raise missing or VouchedFault(
            f"{path}: a passkey that has signed {_named(numbers)} is not in it; not in force on this box; "
            "as root: filterd staff vouch ADDRESS, or refuse it at the desk"
        )


def _named(numbers: Sequence[int]) -> str:
    more = "" if len(numbers) <= MOST_NAMED else f" and {len(numbers) - MOST_NAMED} more"
    return f"approval {', '.join(map(str, numbers[:MOST_NAMED]))}{more}"
