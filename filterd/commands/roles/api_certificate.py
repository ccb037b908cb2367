"""The certificate of the API: loaded at the start, and again when its files change.

Invariants: what cannot be used is fatal at the start; later it changes nothing, and is logged once; open connections
keep theirs.
"""

import asyncio
import logging
import ssl
from pathlib import Path

from cryptography import x509

from dns.base.certificates import LOOK_EVERY_S, no_password, stamp_of, why_not_loaded
from dns.base.errors import BadCertificate
from filterd.config.family import Family
from filterd.config.schema import Api
from mgmt.web.kit.doors import Hosts

log = logging.getLogger("filterd.web")


def tls_of(api: Api | Family) -> ssl.SSLContext | None:
    """The context of the API's listeners; None: plain HTTP.   Raises BadCertificate."""
    if api.certificate is None or api.key is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    _load(context, api.certificate, api.key)
    if isinstance(api, Api) and api.client_ca is not None:
        _demand(context, api.client_ca)
    return context


def names_of(api: Api | Family) -> tuple[str, ...]:
    """The names in the certificate of a door; none without one."""
    if api.certificate is None:
        return ()
    found = x509.load_pem_x509_certificate(api.certificate.read_bytes())
    try:
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    return tuple(names.get_values_for_type(x509.DNSName))


async def follow_certificate(api: Api | Family, context: ssl.SSLContext, hosts: Hosts | None = None) -> None:
    """Show new files of the certificate in the handshakes after they have come, until cancelled.

    hosts  of the door, which get the names of the new one"""
    assert api.certificate is not None and api.key is not None
    files = (api.certificate, api.key)
    seen = stamp_of(files)
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if (stamp := stamp_of(files)) == seen:
            continue
        seen = stamp
        try:
            _load(context, *files)
        except BadCertificate as reason:
            log.warning("%s; the previous certificate stays in use", reason)
        else:
            log.info("api: %s is in use from now on", files[0])
            if hosts is not None:
                hosts.certify(names_of(api))


def _demand(context: ssl.SSLContext, authorities: Path) -> None:
    """Take no connection without a certificate of one of these."""
    try:
        context.load_verify_locations(authorities)
    except (OSError, ValueError) as reason:
        raise BadCertificate(
            f"api: {authorities}: {why_not_loaded(reason)}; not started; put the certificates of the clients' "
            "authorities there in PEM, readable by the web role"
        ) from reason
    context.verify_mode = ssl.CERT_REQUIRED
    # Authorities that openssl makes without a further word have no keyUsage.  Each certificate is bound by its digest.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT


def _load(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Load a pair of files that fit each other: OpenSSL keeps the half of a pair that does not."""
    try:
        for each in (ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), context):
            each.load_cert_chain(certificate, key, password=no_password)
    except (OSError, ValueError) as reason:  # SSLError is an OSError
        raise BadCertificate(
            f"api: {certificate} with {key}: {why_not_loaded(reason)}; not used; "
            "put a PEM certificate with its chain and its key there, readable by the web role"
        ) from reason
