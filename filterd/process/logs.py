"""Plain lines to stderr, and the one grammar of a decision's line.

Invariants: a decision's line names the matched rule, never what was asked for, and a subscriber by number only;
under systemd the priority precedes the line (sd-daemon(3)) without a time, because the journal adds one.
"""

import logging
import os
import sys

_PRIORITIES = {
    logging.DEBUG: "<7>",
    logging.INFO: "<6>",
    logging.WARNING: "<4>",
    logging.ERROR: "<3>",
    logging.CRITICAL: "<2>",
}


class _JournalFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return _PRIORITIES.get(record.levelno, "<6>") + super().format(record)


def start_logging(role: str, level: str = "info") -> None:
    """Send every log record of this process to stderr, marked with `role`; `level` as in the configuration."""
    to_stderr = logging.StreamHandler(sys.stderr)
    if "JOURNAL_STREAM" in os.environ:
        to_stderr.setFormatter(_JournalFormatter(f"{role}: %(message)s"))
    else:
        to_stderr.setFormatter(logging.Formatter(f"%(asctime)s {role} %(levelname)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[to_stderr], force=True)


def set_log_level(level: str) -> None:
    """Log from `level` on, from now on."""
    logging.getLogger().setLevel(level.upper())


def decision_line(
    channel: str,
    rule: str | None,
    action: str,
    reason: str,
    subscriber: int | None,
    list_id: str | None,
    generations: tuple[int, int],
) -> str:
    """`decision sni example.org action=splash reason=schedule subscriber=7 list=adult gen=812/40`."""
    who = "-" if subscriber is None else subscriber
    gen = "/".join(map(str, generations))
    what = f"decision {channel} {rule or '-'} action={action} reason={reason}"
    return f"{what} subscriber={who} list={list_id or '-'} gen={gen}"
