"""`filterd token ROLE`: create a token for the API, directly in the database; the first token needs this."""

import argparse
from pathlib import Path

from filterd.commands.run import CONFIG_FILE, loaded
from filterd.database.access import opened_for_control
from filterd.errors import Missing, WrongUse

EXAMPLE = "filterd token parent --subscriber 7 --config /etc/filterd/filterd.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "role",
        choices=("operator", "regulator", "parent", "auditor"),
        metavar="ROLE",
        help="operator, regulator, parent, auditor",
    )
    parser.add_argument(
        "--subscriber", type=int, metavar="ID", help="the parent's subscriber; for the role parent only"
    )
    parser.add_argument(
        "--issuer",
        metavar="NAME",
        help="whose orders the regulator pushes, as they name it; for the role regulator only",
    )
    parser.add_argument("--config", type=Path, default=CONFIG_FILE, metavar="FILE", help=f"default {CONFIG_FILE}")


def run(args: argparse.Namespace) -> int:
    from sqlalchemy.exc import IntegrityError

    from mgmt.auth import create_token
    from mgmt.ledger.event import account
    from parental.database import writing
    from parental.errors import DatabaseFault

    try:
        with opened_for_control(loaded(args.config), acts_as="") as engine, writing(engine) as conn:
            print(create_token(conn, args.role, args.subscriber, account(), issuer=args.issuer))
    except IntegrityError as reason:
        raise WrongUse(
            f"subscriber {args.subscriber}: does not exist; no token created; create the subscriber first"
        ) from reason
    except DatabaseFault as reason:
        raise Missing(f"token: {reason}; no token created; run as the daemon's user") from reason
    except ValueError as reason:
        raise WrongUse(str(reason)) from reason
    return 0
