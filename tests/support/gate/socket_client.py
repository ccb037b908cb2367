"""A client that sends bursts of binary frames over a web socket.   python socket_client.py ADDRESS HOST OCTETS

It prints how many octets its server has counted.
"""

import asyncio
import os
import sys

from aiohttp import ClientSession

FRAME_OCTETS = 1 << 16


async def send(address: str, host: str, n: int) -> str:
    frame = os.urandom(FRAME_OCTETS)
    async with (
        ClientSession() as session,
        session.ws_connect(f"http://{address}/", headers={"Host": host}) as socket,
    ):
        for _ in range(n // FRAME_OCTETS):
            await socket.send_bytes(frame)
        await socket.send_str("how many?")
        return str(await socket.receive_str())


if __name__ == "__main__":
    print(asyncio.run(send(sys.argv[1], sys.argv[2], int(sys.argv[3]))))
