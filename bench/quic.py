"""QUIC Initials of 1200 octets, each with a connection ID of its own: nanoseconds from the datagram to its frames.

`initial_ns` derives the keys, removes header protection, decrypts and checks the tag; `kept_ns` has the keys already,
as the later Initials of a flow do; `wrong_tag_ns` is what a decoy costs, `opened_wrong` how many of them were believed.
Goal: 1,500 ns an Initial (C prototype: 1,000).
"""

import random
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.packets.initials import crypto, initial
from support.packets.shapes import hello_message, server_name

from fastpath.bench.quic_initials import initial_ns

N_INITIALS = 1000
OCTETS = 1200
PASSES = 200


def datagrams() -> list[bytes]:
    draw = random.Random(1)
    frames = crypto(0, hello_message([(10, bytes(6)), server_name(b"www.allowed.test")]))
    return [initial(frames, dcid=draw.randbytes(8), size=OCTETS) for _ in range(N_INITIALS)]


def with_wrong_tags(whole: list[bytes]) -> list[bytes]:
    return [octets[:-1] + bytes([octets[-1] ^ 1]) for octets in whole]


def figures() -> dict[str, float]:
    whole = datagrams()
    wrong = with_wrong_tags(whole)
    derived_ns, n_opened = initial_ns(whole, True, PASSES)
    kept_ns, _ = initial_ns(whole, False, PASSES)
    wrong_ns, n_wrong = initial_ns(wrong, True, PASSES)
    return {
        "initials": len(whole),
        "opened": n_opened,
        "initial_ns": derived_ns,
        "kept_ns": kept_ns,
        "wrong_tag_ns": wrong_ns,
        "opened_wrong": n_wrong,
    }


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:20} {value:,.1f}")
