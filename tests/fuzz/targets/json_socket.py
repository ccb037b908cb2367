"""Any line over a socket gets one line of JSON back, and only a request of the right shape reaches the service."""

import asyncio
import json

from filterd.process.json_socket import reply_to
from filterd.process.messages import WORKER_REQUESTS, InUse, Status, Use


def check(data: bytes) -> None:
    line = data.partition(b"\n")[0] + b"\n"
    said: list[Status | Use] = []

    async def take(request: Status | Use) -> InUse:
        assert isinstance(request, Status) or isinstance(request.manifest, str)
        said.append(request)
        return InUse({})

    reply = asyncio.run(reply_to(line, WORKER_REQUESTS, take))
    assert reply.endswith(b"\n") and reply.count(b"\n") == 1
    assert json.loads(reply)["ok"] is bool(said)
