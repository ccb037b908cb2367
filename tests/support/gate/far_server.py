"""Holds back what the server of a namespace sends, as if it were far away.   python far_server.py SECONDS

Its rule queues what leaves port 80; each packet is sent that much later, in order.
"""

import select
import subprocess
import sys
import time
from collections import deque

from fastpath.gate.nfqueue import open_queue, read_message, verdict_message
from filterd.kernel.nft_rules import NftChain
from filterd.kernel.nft_rules import queue as queue_rule
from filterd.kernel.nft_sets import PrefixSets

QUEUE, SEEN = 7, 1
RULES = f"table inet far_server {{ chain held {{ }}; chain out {{ type filter hook output priority 0; \
tcp sport 80 meta mark != {SEEN} goto held; }}; }}"


def hold_back(for_s: float) -> None:
    waiting: deque[tuple[float, int]] = deque()
    with open_queue(QUEUE) as queue:
        subprocess.run(["nft", RULES], check=True)
        PrefixSets().fill(NftChain("far_server", "held"), [queue_rule(QUEUE, 1, False)])
        print("ready", flush=True)
        while True:
            now_s = time.monotonic()
            last = None
            while waiting and waiting[0][0] <= now_s:
                last = waiting.popleft()[1]
            if last is not None:
                queue.send(verdict_message(QUEUE, last, SEEN))
            left_s = waiting[0][0] - now_s if waiting else 1.0
            if select.select([queue], [], [], max(left_s, 0))[0]:
                queued = read_message(queue.recv(1 << 17))
                if queued is not None:
                    waiting.append((time.monotonic() + for_s, queued[0]))


if __name__ == "__main__":
    hold_back(float(sys.argv[1]))
