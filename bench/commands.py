"""A million lines through `filterd canon` and `filterd lookup`, whole processes: seconds, start and output included.

Names are those of the corpus, every third as people write them (capitals, a trailing dot); URLs are paths on them.
Lookups are in an image of all of them: of themselves (`listed`: each is told with file and line), and of names of which
2 % are listed (`isp`).   Goal: each fast enough for a million lines on stdin.
"""

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.corpus import names

N_LINES = 1_000_000


def as_written(listed: list[str]) -> Iterator[str]:
    for number, name in enumerate(listed):
        yield f"{name.capitalize()}." if number % 3 == 0 else name


def seconds(lines: Path, *arguments: str) -> float:
    """How long the command takes for the file on its stdin.   Raises CalledProcessError where it fails."""
    began = time.perf_counter()
    with lines.open("rb") as stdin:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "filterd", *arguments],
            stdin=stdin,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=False,
        )
    if done.returncode > 1:  # 1: a line was none, or nothing is blocked
        raise subprocess.CalledProcessError(done.returncode, arguments)
    return time.perf_counter() - began


def figures() -> dict[str, float]:
    with tempfile.TemporaryDirectory() as folder:
        text, urls, images = Path(folder, "names.txt"), Path(folder, "urls.txt"), Path(folder, "images")
        isp = Path(folder, "isp.txt")
        listed = list(names(N_LINES))
        text.write_text("\n".join(as_written(listed)) + "\n")
        isp.write_text("".join(f"{name if n % 50 == 0 else f'www.site{n}.example'}\n" for n, name in enumerate(listed)))
        urls.write_text("".join(f"http://{name}/a/b%20c/d?id=7\n" for name in listed))
        subprocess.run(
            [sys.executable, "-P", "-m", "filterd", "compile", str(text), "-o", str(images)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        images_there = ("--images", str(images))
        return {
            "lines": len(listed),
            "canon_s": seconds(text, "canon"),
            "canon_json_s": seconds(text, "canon", "--json"),
            "canon_url_s": seconds(urls, "canon", "--url"),
            "lookup_isp_json_s": seconds(isp, "lookup", *images_there, "--json"),
            "lookup_listed_json_s": seconds(text, "lookup", *images_there, "--json"),
            "lookup_listed_urls_json_s": seconds(urls, "lookup", *images_there, "--json"),
        }


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:26} {value:,.2f}")
