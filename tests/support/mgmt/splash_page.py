"""What a visitor of the splash meets, as tests play it: the reasons of some names, and a request for a page."""

from datetime import datetime
from typing import Any

from mgmt.contract.control import ClosureReason

LEGAL = ClosureReason("law", None, None)
CLOSINGS: dict[str | None, ClosureReason] = {
    "ordered.example": LEGAL,
    "adult.example": ClosureReason("category", "adult", None),
    "any.example": ClosureReason("schedule", None, datetime.fromisoformat("2026-08-04T06:30:00+05:00")),
    "paused.example": ClosureReason("pause", None, None),
    "virus.example": ClosureReason("security", None, None),
}


async def met(splash: Any, host: Any, method: str = "GET", path: str = "/some/page?q=1", **headers: Any) -> Any:
    async with splash.request(method, path, headers={"Host": host, **headers}) as response:
        return response.status, response.headers, await response.text()
