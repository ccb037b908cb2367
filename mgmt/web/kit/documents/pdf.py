"""A confirmation as PDF, by WeasyPrint; in a process of its own: it is large, and what it reads others wrote.

    page (stdin) → python -m mgmt.web.kit.documents.pdf → PDF (stdout)

Invariants: it loads nothing, from no address; its dates and its id are the statement's, those in its fonts, too, so
that equal pages give equal octets with one version of WeasyPrint, Pango, HarfBuzz's subsetter and the fonts.
Source: https://reproducible-builds.org/specs/source-date-epoch/, which fontTools follows: it makes a font smaller where
libharfbuzz-subset0 is missing, and writes the time into it.
"""

import asyncio
import hashlib
import importlib.util
import os
import resource
import sys
from datetime import UTC, datetime

MEMORY_OCTETS = 2 << 30  # of address space
CPU_S = 120
PATIENCE_S = 180.0


class NoPdf(RuntimeError):
    """It was not made; the message says why, and what to do."""


async def pdf_of(page: str) -> bytes:
    """The PDF of a page.   Raises NoPdf.   Cost: 2 s and 70 MB for a page, in another process"""
    if importlib.util.find_spec("weasyprint") is None:
        raise NoPdf("weasyprint is not installed; no PDF; take csv or xlsx, or install requirements-pdf.lock")
    environment = {"PYTHONSAFEPATH": "1", "PATH": os.defpath, "PYTHONPATH": os.environ.get("PYTHONPATH", "")}
    pipe = asyncio.subprocess.PIPE
    command = [sys.executable, "-P", "-m", "mgmt.web.kit.documents.pdf"]
    job = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment)
    try:
        async with asyncio.timeout(PATIENCE_S):
            made, fault = await job.communicate(page.encode())
    except TimeoutError as reason:
        job.kill()
        await job.wait()
        raise NoPdf(f"no PDF within {PATIENCE_S:g} s; take csv or xlsx") from reason
    if job.returncode != 0:
        last = fault.decode(errors="replace").strip().splitlines()[-1:]
        raise NoPdf(f"no PDF: {' '.join(last)[:200]}; take csv or xlsx")
    return made


def main() -> None:
    """The process."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_OCTETS, MEMORY_OCTETS))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_S, CPU_S))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.buffer.write(_made(sys.stdin.read()))


def _made(page: str) -> bytes:
    import weasyprint
    from weasyprint.urls import URLFetcher

    document = weasyprint.HTML(string=page, url_fetcher=URLFetcher(allowed_protocols=())).render()
    os.environ["SOURCE_DATE_EPOCH"] = str(_made_s(document.metadata.created))
    return bytes(document.write_pdf(pdf_identifier=hashlib.sha256(page.encode()).digest()[:16]))


def _made_s(created: str | None) -> int:
    """When a page says that it was made (dcterms.created), in seconds of Unix time; 0 where it does not say."""
    said = datetime.fromisoformat(created) if created else datetime.fromtimestamp(0, UTC)
    return int((said if said.tzinfo is not None else said.replace(tzinfo=UTC)).timestamp())


if __name__ == "__main__":
    main()
