"""A server of the lab that counts what is uploaded to it.   python upload_server.py ADDRESS PORT

It answers a request with the octets of its body; a web socket with those of the frames before each text.
"""

import asyncio
import sys

from aiohttp import WSMsgType, web

CHUNK_OCTETS = 1 << 16


async def answer(request: web.Request) -> web.StreamResponse:
    if "websocket" in request.headers.get("Upgrade", "").lower():
        return await count_frames(request)
    n = 0
    async for chunk in request.content.iter_chunked(CHUNK_OCTETS):
        n += len(chunk)
    return web.Response(text=str(n))


async def count_frames(request: web.Request) -> web.WebSocketResponse:
    socket, n = web.WebSocketResponse(max_msg_size=0), 0
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(str(n))
        n += len(message.data)
    return socket


async def serve(address: str, port: int) -> None:
    app = web.Application(client_max_size=0)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, address, port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
