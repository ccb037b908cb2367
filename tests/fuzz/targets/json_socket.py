"""Whatever line comes over a socket, one line of JSON goes back, and only a JSON object ever reaches the service."""

import asyncio
import json

from filterd.process.json_socket import Message, _line, _reply


def check(data: bytes) -> None:
    line = data.partition(b"\n")[0] + b"\n"
    said: list[Message] = []

    async def take(request: Message) -> Message:
        assert isinstance(request, dict)
        said.append(request)
        return {"ok": True}

    reply = _line(asyncio.run(_reply(line, take)))
    assert reply.endswith(b"\n") and reply.count(b"\n") == 1
    assert json.loads(reply)["ok"] is bool(said)
