"""Names to measure with: the real ones where they are present, else made ones with the same shape.

The made ones are deterministic: the same seed and number give the same names on any machine.  Their shape is that of
the real lists measured on 1.27 million names: 2 labels 47.5 %, 3 labels 38.1 %, 4 labels 10.2 %, more 4.2 %, mean 19.8
octets; 27.8 % lie below another name of the list.
"""

import lzma
import random
from collections.abc import Container, Iterator
from itertools import accumulate
from pathlib import Path

N_NAMES = 1_100_000
REAL_FILES = ("blp.txt.xz", "ut1.txt.xz", "adult.txt.xz")
FREE_FILE = "benign.txt.xz"
REAL_DIRECTORY = Path(__file__).parents[1] / "../shared/data"

LABELS = (2, 3, 4, 5, 6)
LABEL_WEIGHTS = (47.5, 38.1, 10.2, 3.1, 1.1)
LABEL_MEANS = {2: 10.6, 3: 5.2, 4: 3.6, 5: 3.2, 6: 3.0}  # octets, such that the whole has its mean
SHARE_BELOW = 0.278  # of the names, those below another one of the list
# tops of the made names; none of these can be a real one: .test, .example and .invalid are nobody's (RFC 6761)
TOPS = ("test", "example", "invalid")

_CONSONANTS = "bcdfghjklmnprstvwz"
_VOWELS = "aeiou"


def made_names(n: int = N_NAMES, seed: int = 1) -> Iterator[str]:
    """Give `n` different canonical names, in no order.   Memory: all of them, to keep them different."""
    draw = random.Random(seed)
    seen: set[str] = set()
    parents: list[str] = []  # names of two labels, which others can lie below
    while len(seen) < n:
        n_labels = _pick(draw)
        name = _below(draw, parents, n_labels) or ".".join(
            (*(_label(draw, n_labels) for _ in range(n_labels - 1)), draw.choice(TOPS))
        )
        if name in seen:
            continue
        seen.add(name)
        if n_labels == 2:
            parents.append(name)
        yield name


def real_names(directory: Path = REAL_DIRECTORY) -> Iterator[str]:
    """Give the real lists' lines, each once, sorted within a file; nothing where the files are absent.

    Some are addresses: lists are like that."""
    seen: set[str] = set()
    for path in (directory / name for name in REAL_FILES):
        if not path.is_file():
            continue
        with lzma.open(path, "rt", encoding="ascii") as file:
            for line in file:
                name = line.rstrip("\n")
                if name not in seen:
                    seen.add(name)
                    yield name


def names(n: int = N_NAMES) -> Iterator[str]:
    """Give `n` different names: the real ones first, made ones for what is missing."""
    given = 0
    for name in real_names():
        if given == n:
            return
        if name.rpartition(".")[2].isdigit():
            continue
        given += 1
        yield name
    yield from made_names(n - given)


def free_names(listed: Container[str], n: int, directory: Path = REAL_DIRECTORY, seed: int = 2) -> Iterator[str]:
    """Give `n` names as subscribers ask for them, of which none is listed nor lies below a listed one.

    Popular ones, each second one's www, with repetitions; where they are absent, made ones."""
    draw = random.Random(seed)
    path = directory / FREE_FILE
    popular = lzma.decompress(path.read_bytes()).decode("ascii").split() if path.is_file() else []
    free = [name for name in popular if not is_listed(name, listed)]
    while n:
        name = draw.choice(free) if free else f"site{draw.randrange(10**9)}.{draw.choice(('com', 'net', 'pk', 'org'))}"
        name = f"www.{name}" if draw.random() < 0.5 else name
        if not is_listed(name, listed):
            n -= 1
            yield name


def is_listed(name: str, listed: Container[str]) -> bool:
    """Whether a name or one above it is in `listed`."""
    while name not in listed:
        _, dot, name = name.partition(".")
        if not dot:
            return False
    return True


def _pick(draw: random.Random) -> int:
    return draw.choices(LABELS, cum_weights=_CUMULATED)[0]


def _below(draw: random.Random, parents: list[str], n_labels: int) -> str | None:
    """A name below one that is already there, where chance and the number of labels allow it."""
    if n_labels == 2 or not parents or draw.random() > SHARE_BELOW / _SHARE_OF_3_AND_MORE:
        return None
    return ".".join((*(_label(draw, n_labels) for _ in range(n_labels - 2)), draw.choice(parents)))


def _label(draw: random.Random, n_labels: int) -> str:
    """A label of letters that can be spoken, shorter where there are many."""
    mean = LABEL_MEANS[n_labels]
    length = min(40, max(2, round(draw.gauss(mean, mean / 4))))
    return "".join(draw.choice(_VOWELS if i % 2 else _CONSONANTS) for i in range(length))


_CUMULATED = list(accumulate(LABEL_WEIGHTS))
_SHARE_OF_3_AND_MORE = 1 - LABEL_WEIGHTS[0] / sum(LABEL_WEIGHTS)
