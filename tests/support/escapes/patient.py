"""An honest client whose hello comes in two halves.   python patient.py ADDRESS;  pauses between them, as program.py.

Prints what came of it: answered, reset or silence.
"""

import json
import socket
import sys

from support.escapes.streams import ALLOWED, hello

ANSWER_S = 20.0  # of a busy machine


def main(address: str) -> str:
    octets = hello(ALLOWED)
    with socket.create_connection((address, 443), ANSWER_S) as stream:
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.sendall(octets[:200])
        print("paused", flush=True)
        sys.stdin.readline()
        try:
            stream.sendall(octets[200:])
            return "answered" if stream.recv(1) else "closed"
        except ConnectionError:
            return "reset"
        except TimeoutError:
            return "silence"


if __name__ == "__main__":
    print(json.dumps([main(sys.argv[1])]))
