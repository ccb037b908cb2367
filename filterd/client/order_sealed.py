"""`filterd orders push-sealed`: pushes an order whose entries are encrypted for the reader of sealed lists."""

import argparse
import base64
from pathlib import Path
from typing import Any

from filterd.box.errors import WrongUse
from filterd.client.api_client import call

FORMATS = ("plain", "csv", "hosts", "native", "cncpo", "xlsx")
MAX_OCTETS = 11 << 20  # in base64 and with what is said of it, as much as an order may have


def add_sealed_arguments(verb: argparse.ArgumentParser) -> None:
    """The arguments of `filterd orders push-sealed`."""
    verb.add_argument("file", type=Path, metavar="FILE", help="the entries, encrypted for the box (OpenPGP, binary)")
    verb.add_argument("--issuer", required=True)
    verb.add_argument("--ref", required=True, help="the order's reference, without an entry in it")
    verb.add_argument("--ground", required=True, help="the legal ground")
    verb.add_argument("--format", choices=FORMATS, default="plain", help="of what is encrypted; default: plain")
    verb.add_argument("--deadline", metavar="TIME", help="that its letter states")


def push_sealed(args: argparse.Namespace) -> Any:
    """The order as the API answers it.   Raises WrongUse"""
    try:
        octets = args.file.read_bytes()
    except OSError as reason:
        why = reason.strerror or reason
        raise WrongUse(f"{args.file}: {why}; nothing pushed; name a file that can be read") from reason
    if len(octets) > MAX_OCTETS:
        raise WrongUse(f"{args.file}: larger than {MAX_OCTETS >> 20} MiB; nothing pushed; divide the order")
    said = {name: getattr(args, name) for name in ("issuer", "ref", "ground", "format")}
    said |= {"message": base64.b64encode(octets).decode()}
    said |= {} if args.deadline is None else {"deadline": args.deadline}
    return call(args, "POST", "/v1/sealed-orders", said)
