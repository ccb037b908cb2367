"""The desk of the regulator: how long a person waits before a change of a full list can be judged.

diff_s         the dry run of a list of 1,000,000 names against a last version of as many, of which 50,000 are others:
               both read, compared, and every new rule asked of the rails; in seconds.   Goal: ≤ 10
diff_cpu_s     the same in seconds of a core, which other work on the machine does not change
diff_peak_mib  the most memory that took, beside the interpreter
"""

import resource
import tempfile
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

from rules.base.critical import critical
from rules.base.protected import ProtectedNames
from rules.base.watched import WatchedNames
from rules.lists.compiler.dry_run import dry_run
from rules.lists.compiler.guards import Rails
from rules.lists.diff import iter_changes
from rules.lists.reader import read_source
from rules.lists.source import describe_source

N_NAMES = 1_000_000
N_OTHERS = 50_000
KEPT = 20


def figures() -> dict[str, float]:
    """The figures; see the head of this file."""
    source = describe_source("pta", None, {"tier": "order", "format": "plain"})
    rails = Rails(source, ProtectedNames(["bank.example"], watched=WatchedNames(critical())))
    with tempfile.TemporaryDirectory() as folder:
        old, new = Path(folder) / "old.txt", Path(folder) / "new.txt"
        _write(old, 0)
        _write(new, N_OTHERS)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, of_core = time.monotonic(), time.process_time()
        readers = [partial(read_source, replace(source, path=path)) for path in (old, new)]
        found = dry_run(iter_changes(*readers), rails, KEPT)
        seconds, cpu_s = time.monotonic() - began, time.process_time() - of_core
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if (found.n_added, found.n_removed) != (N_OTHERS, N_OTHERS):
        raise AssertionError(f"{found.n_added} added, {found.n_removed} removed")
    return {"diff_s": seconds, "diff_cpu_s": cpu_s, "diff_peak_mib": (after - before) / 1024}


def _write(path: Path, first: int) -> None:
    with path.open("w") as file:
        file.writelines(f"site-{n}.shop-{n % 977}.example\n" for n in range(first, first + N_NAMES))
