"""A handshake by aioquic.   python quic_client.py NAME ADDRESS SECONDS;  prints connected, or why it is not."""

import asyncio
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.quic.configuration import QuicConfiguration


async def main(name: str, address: str, patience_s: float) -> str:
    configuration = QuicConfiguration(alpn_protocols=["h3"], server_name=name, verify_mode=ssl.CERT_NONE)
    try:
        async with asyncio.timeout(patience_s), connect(address, 443, configuration=configuration):
            return "connected"
    except (TimeoutError, ConnectionError) as fault:
        return repr(fault)


if __name__ == "__main__":
    print(asyncio.run(main(sys.argv[1], sys.argv[2], float(sys.argv[3]))))
