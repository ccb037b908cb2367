"""Whether a name is open now: asked of control before a visitor reads that it is.

Invariants: who reads the refusal learns no entry, no order and no issuer; of a confidential list control says nothing
(filterd.control.explainer), and so does this.
"""

import asyncio

from mgmt.contract.control import Control, ControlFailure
from mgmt.web.kit.problems import Problem
from rules.base.canonical import canonical_name
from rules.base.errors import BadName

PATIENCE_S = 5.0
_OPEN = "passthru"
_LAW = ("order", "csam")
_DO = "choose another answer, or open it first"


async def refuse_closed(control: Control, name: str | None, *, is_of_law: bool = False) -> None:
    """Raises Problem where a name is not open for everyone, or control does not say so.

    name       as someone wrote it; None: the report keeps none, as its reason is the law, and it was not said
    is_of_law  the law had closed it: lists that households choose say nothing of that"""
    if not name:
        why = "the report keeps no name, as the law closed it"
        raise Problem(422, f"name: {why}; not noted; write the name that is open now: it is not kept", "/name")
    try:
        asked = canonical_name(name)
    except BadName as reason:
        raise Problem(422, f"name: {reason}; not noted; write a host name", "/name") from reason
    try:
        found = await asyncio.wait_for(control.explain(asked, None, "dns"), PATIENCE_S)
    except (ControlFailure, OSError, TimeoutError) as reason:
        said = str(reason) or "no answer"
        raise Problem(
            503, f"control: {said}; not noted: whether it is open is not known; try again", "control"
        ) from reason
    if found.get("action", _OPEN) != _OPEN:
        by = "by law" if found.get("reason") in _LAW else f"by list {found.get('list')}"
        raise Problem(409, f"{asked}: is still blocked, {by}; not noted; {_DO}", "outcome")
    # Without a line it is open; a line whose profile has the list's category is not.
    held = {each["list"] for each in found.get("matches", ())} - {found.get("shadow")}
    if held and not is_of_law and found.get("reason") != "help":
        lists = ", ".join(sorted(map(str, held)))
        raise Problem(
            409, f"{asked}: is still on list {lists}, blocked where it is chosen; not noted; {_DO}", "outcome"
        )
