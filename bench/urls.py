"""URL image at 5 million URLs: octets a URL, nanoseconds a request, seconds to build, milliseconds to open.

Hosts are drawn so that few have many URLs and most have one, as lists of phishing and of file hosts are; one URL in
eight covers what is below it.  `extra_miss_ns` is what a request pays, because there is a URL image, whose host has no
entry in it; `listed_ns` is all of a request to a host that has: host, canonical URL, its lookups, decide();
`url_ns` is that less what the same request costs where there are no URLs.
Goals: 300 ns for a host that has entries, 5 ns for one that has none.
"""

import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from fastpath.bench.url_lookups import canonical_ns, request_ns
from fastpath.images.image import open_image
from fastpath.images.key_builder import ListSpec
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.tables import TableSet
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action, Mode, Tier
from fastpath.wire.name import to_wire

N_URLS = 5_000_000
N_HOSTS = 1_000_000
N_NAMES = 1_000_000
N_ASKED = 200_000
PASSES = 15
PARTS = 10
PREFIX_EVERY = 8
KEY = bytes(range(16))
LISTS = [ListSpec("orders", Tier.ORDER, 0, Action.SPLASH, False)]
WORDS = ("img", "view", "user", "a", "download", "file", "2024", "watch", "wp-content", "login", "x7f3", "gallery")


def host_of(number: int) -> str:
    return f"h{number * 2654435761 % 2**32:x}.{('test', 'example')[number % 2]}"


def url_of(rng: random.Random) -> tuple[str, str]:
    """(host, path) of one listed URL: half of them on a hundredth of the hosts."""
    host = host_of(rng.randrange(N_HOSTS // 100) if rng.random() < 0.5 else rng.randrange(N_HOSTS))
    path = "/".join(rng.choices(WORDS, k=rng.choice((1, 2, 2, 3))))
    return host, f"/{path}/{rng.getrandbits(40):x}" + ("?id=7" if rng.random() < 0.3 else "")


def write_images(folder: Path, n_urls: int) -> dict[str, int]:
    rng = random.Random(1)
    names = NamesBuilder(KEY, LISTS)
    for number in range(N_NAMES):
        names.add(to_wire(f"n{number}.example".encode()), 0, Mode.SUBTREE)
    urls = UrlsBuilder(KEY, LISTS)
    for number in range(n_urls):
        urls.add("".join(url_of(rng)).encode(), 0, Mode.EXACT if number % PREFIX_EVERY else Mode.SUBTREE)
    with (folder / "names.img").open("wb") as out:
        names.build(out, 1)
    with (folder / "urls.img").open("wb") as out:
        return urls.build(out, 1)


def asked(n_urls: int) -> dict[str, list[tuple[bytes, bytes]]]:
    """Requests to listed URLs, to other URLs of hosts that have some, and to hosts that have none."""
    rng = random.Random(1)
    every = max(1, n_urls // N_ASKED)
    hits = [
        (to_wire(host.encode()), path.encode())
        for number, (host, path) in ((number, url_of(rng)) for number in range(n_urls))
        if number % every == 0
    ]
    rng.shuffle(hits)
    others = [(host, b"/other/" + path[1:]) for host, path in hits]
    misses = [(to_wire(f"www.site{rng.randrange(10**9)}.example".encode()), path) for _, path in hits]
    return {"hit": hits, "other": others, "miss": misses}


def best_ns(tables: TableSet, requests: list[tuple[bytes, bytes]]) -> float:
    """The mean over parts of the requests, of each part the pass that was disturbed least."""
    return sum(request_ns(tables, requests[part::PARTS], PASSES)[0] for part in range(PARTS)) / PARTS


def figures(n_urls: int = N_URLS) -> dict[str, float]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        begin = time.perf_counter()
        stats = write_images(folder, n_urls)
        build_s = time.perf_counter() - begin
        names = open_image(folder / "names.img", ImageKind.NAMES)
        begin = time.perf_counter()
        urls = open_image(folder / "urls.img", ImageKind.URLS)
        with_urls = TableSet(names, urls=urls)
        open_ms = (time.perf_counter() - begin) * 1e3
        without = TableSet(names)
        requests = asked(n_urls)
        found = {
            "urls": stats["urls"],
            "hosts": stats["hosts"],
            "octets_a_url": stats["bytes"] / stats["urls"],
            "hot_octets_a_url": stats["hot_bytes"] / stats["urls"],
            "build_s": build_s,
            "open_ms": open_ms,
            "canonical_ns": canonical_ns(requests["hit"], PASSES)[0],
        }
        for kind in ("hit", "other"):
            found[f"listed_{kind}_ns"] = best_ns(with_urls, requests[kind])
            found[f"url_{kind}_ns"] = found[f"listed_{kind}_ns"] - best_ns(without, requests[kind])
        found["extra_miss_ns"] = best_ns(with_urls, requests["miss"]) - best_ns(without, requests["miss"])
    return found


if __name__ == "__main__":
    for name, value in figures(int(sys.argv[1]) if len(sys.argv) > 1 else N_URLS).items():
        print(f"{name:20} {value:12.1f}")
