"""`filterd orders collect`: takes the signed files and mails of one issuer, over the API."""

import argparse
import json
from pathlib import Path
from typing import Any

from filterd.box.errors import MissingPart, WrongUse
from filterd.client.intake.desk import Desk
from filterd.client.intake.folder import collect_folder
from filterd.client.intake.mailbox import Account, collect_mails
from filterd.client.intake.proof import Keys
from filterd.client.intake.seen import SeenDigests
from filterd.verbs import add_verb

EXAMPLE = (
    "filterd orders collect --issuer PTA --ground 'PECA 37' --seen /var/lib/filterd-intake/pta.json "
    "--pgp pta.gpg --folder /var/spool/filterd/pta"
)


def add_collect(verbs: Any) -> argparse.ArgumentParser:
    """The arguments of `filterd orders collect`."""
    verb: argparse.ArgumentParser = add_verb(
        verbs,
        "collect",
        "push the signed files and mails of one issuer, once; exit 1 where one was refused",
        EXAMPLE,
    )
    verb.add_argument("--issuer", required=True)
    verb.add_argument("--ground", required=True, help="the legal ground of all that comes")
    verb.add_argument("--seen", type=Path, required=True, metavar="FILE", help="where is kept what was taken")
    verb.add_argument("--pgp", type=Path, metavar="FILE", help="the issuer's keyring, as gpgv reads it")
    verb.add_argument("--smime", type=Path, metavar="FILE", help="the issuer's certificates, PEM")
    verb.add_argument("--folder", type=Path, metavar="DIR", help="where its files come in, each with .asc or .p7s")
    verb.add_argument("--imap", metavar="HOST[:PORT]", help="where its mails come in, over TLS")
    verb.add_argument("--imap-user", metavar="NAME")
    verb.add_argument("--imap-password", type=Path, metavar="FILE", help="a file with the password")
    verb.add_argument("--imap-ca", type=Path, metavar="FILE", help="certificates to trust; default: the system's")
    return verb


def run_collect(args: argparse.Namespace) -> int:
    """1 where something was refused.   Raises WrongUse, MissingPart."""
    keys = Keys(_path(args.pgp), _path(args.smime))
    if not (keys.pgp or keys.smime):
        raise WrongUse("collect: no key of the issuer; nothing taken; give --pgp or --smime")
    if not (args.folder or args.imap):
        raise WrongUse("collect: nowhere to look; nothing taken; give --folder or --imap")
    if args.folder and not args.folder.is_dir():
        raise WrongUse(f"--folder {args.folder}: no folder; nothing taken; name the one where its files come in")
    account = _account(args) if args.imap else None
    try:
        desk = Desk(args, args.issuer, args.ground, keys, _seen(args.seen))
        found = [collect_folder(args.folder, desk)] if args.folder else []
        found += [collect_mails(account, desk)] if account else []
    except OSError as reason:
        raise MissingPart(f"collect: {reason}; what is left stays where it is; run it again") from reason
    taken, refused = (sum(each) for each in zip(*found, strict=True))
    said = {"taken": taken, "refused": refused}
    print(json.dumps(said) if args.json else f"{args.issuer}: {taken} taken, {refused} refused")
    return 1 if refused else 0


def _path(path: Path | None) -> Path | None:
    """A key that can be read, as programs in other folders name it."""
    if path is None:
        return None
    if not path.is_file():
        raise WrongUse(f"{path}: no file; nothing taken; name the issuer's keys")
    return path.resolve()


def _seen(path: Path) -> SeenDigests:
    try:
        return SeenDigests(path)
    except ValueError as reason:
        raise WrongUse(f"{path}: damaged; nothing taken; put it back from a copy, or remove it") from reason


def _account(args: argparse.Namespace) -> Account:
    if args.imap_user is None or args.imap_password is None:
        raise WrongUse("--imap: no user or password; nothing taken; give --imap-user and --imap-password FILE")
    host, _, port = args.imap.partition(":")
    if port and not port.isdecimal():
        raise WrongUse(f"--imap {args.imap}: no port; nothing taken; write HOST or HOST:PORT")
    return Account(host, int(port or 993), args.imap_user, args.imap_password.read_text().strip(), args.imap_ca)
