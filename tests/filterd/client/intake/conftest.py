"""Issuers who sign, and who collects for them."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.mgmt.collector import Collector
from support.mgmt.mail_signer import PgpIssuer, SmimeIssuer
from support.system.daemon import Daemon


@pytest.fixture(scope="module")
def pgp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PgpIssuer]:
    issuer = PgpIssuer(tmp_path_factory.mktemp("pgp"))
    yield issuer
    issuer.stop()


@pytest.fixture(scope="module")
def smime(tmp_path_factory: pytest.TempPathFactory) -> SmimeIssuer:
    return SmimeIssuer(tmp_path_factory.mktemp("smime"))


@pytest.fixture
def collector(daemon: Daemon, tmp_path: Path, pgp: PgpIssuer, smime: SmimeIssuer) -> Collector:
    return Collector(daemon, tmp_path, pgp, smime)
