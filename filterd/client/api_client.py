"""The one client of the API: address, token, certificates, time, pages, and its refusals in its own words.

Invariants: no other module of filterd opens a connection to the API (tests/repo holds it); an answer of 400 and above,
or one that is cut off, is shown in words, never as a traceback.   Cost: one connection a call.
"""

import argparse
import json
import os
import secrets
import shutil
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from http.client import HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlencode, urlsplit

from filterd.box.errors import ApiProblem, MissingPart, WrongUse
from filterd.box.request_signature import sign

TIMEOUT_S = 30.0  # an order waits for every worker, at most 15 s


def add_api_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--api",
        default=os.environ.get("FILTERD_API", "http://127.0.0.1:8080"),
        metavar="URL",
        help="default: $FILTERD_API, else http://127.0.0.1:8080",
    )
    parser.add_argument(
        "--token-file", type=Path, metavar="FILE", help="file with the token; default: the environment's FILTERD_TOKEN"
    )
    parser.add_argument(
        "--certificate", type=Path, metavar="FILE", help="PEM with certificate and key, where the API demands one"
    )
    parser.add_argument("--ca", type=Path, metavar="FILE", help="certificate of the authority that signed the API's")


def call(args: argparse.Namespace, method: str, path: str, body: Any = None) -> Any:
    """One request; its JSON answer.   Raises ApiProblem, MissingPart, WrongUse."""
    with open_answer(args, method, path, None if body is None else json.dumps(body).encode()) as answer:
        return _json_of(args, answer)


def call_pages(
    args: argparse.Namespace, kind: str, which: Mapping[str, str] = {}, key: str = ""
) -> Iterator[dict[str, Any]]:
    """Every object of a list, from one page after the other.

    kind  as the path has it, and, unless `key` is another, a page;   which  of them, as its query says it"""
    for page in iter_pages(args, with_query(f"/v1/{kind}", which)):
        yield from page[key or kind]


def iter_pages(args: argparse.Namespace, path: str, after: int | None = 0) -> Iterator[dict[str, Any]]:
    """The pages of a list, or of what has one in it.   after  where the first begins; None: nowhere"""
    while after is not None:
        page = call(args, "GET", with_query(path, {"after": after}))
        yield page
        after = page["next"]


def read_answer(args: argparse.Namespace, path: str) -> bytes:
    """All of a file that the API has.   Raises ApiProblem, MissingPart, WrongUse."""
    with open_answer(args, "GET", path) as answer:
        return _octets_of(args, answer)


def copy_answer(args: argparse.Namespace, path: str, to: IO[bytes]) -> None:
    """Write a file that the API has, however large it is.   Raises ApiProblem, MissingPart, WrongUse; OSError: of `to`

    Of an answer that is cut off, a part is written."""
    with open_answer(args, "GET", path) as answer:
        try:
            shutil.copyfileobj(answer, to)
            if answer.length:  # http.client says nothing of what is missing, where the length is known
                raise IncompleteRead(b"", answer.length)
        except (HTTPException, ConnectionResetError, TimeoutError) as reason:
            raise MissingPart(
                f"{args.api}: the answer ended early; what was written is a part of it; ask again"
            ) from reason


def with_query(path: str, asked: Mapping[str, object]) -> str:
    """A path that asks for more.   asked  by name; None: it is not asked"""
    said = urlencode({name: value for name, value in asked.items() if value is not None})
    return f"{path}{'&' if '?' in path else '?'}{said}" if said else path


def send_file(args: argparse.Namespace, path: str, fields: Mapping[str, str], name: str, octets: bytes) -> Any:
    """A form with a file; its JSON answer.   Raises ApiProblem, MissingPart, WrongUse."""
    body, kind = form_of(fields, name, octets)
    with open_answer(args, "POST", path, body, kind) as answer:
        return _json_of(args, answer)


def form_of(fields: Mapping[str, str], name: str, octets: bytes) -> tuple[bytes, str]:
    """A form with a file, and its type.   Source: RFC 7578"""
    boundary = f"filterd-{secrets.token_hex(16)}"
    parts = [(f'form-data; name="{field}"', value.encode()) for field, value in fields.items()]
    shown = "".join(each if each.isprintable() and each not in '"\\' else "_" for each in name)
    parts.append((f'form-data; name="file"; filename="{shown}"', octets))
    body = b"".join(
        f"--{boundary}\r\nContent-Disposition: {about}\r\n\r\n".encode() + octets + b"\r\n" for about, octets in parts
    )
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"


def open_answer(
    args: argparse.Namespace, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
) -> HTTPResponse:
    """One request; its open answer.   kind  of the body.   Raises ApiProblem, MissingPart, WrongUse."""
    headers = {"Authorization": f"Bearer {_token(args)}", "Content-Type": kind}
    _refuse_no_url(args.api)
    url = args.api.rstrip("/") + path
    if getattr(args, "key", None) is not None:
        sign(headers, method, url, body or b"", args.key)
    request = urllib.request.Request(url, body, headers, method=method)
    context = _trusting(args.ca) if args.ca or args.certificate else None
    if context is not None and args.certificate:
        _show(context, args.certificate)
    try:
        answer: HTTPResponse = urllib.request.urlopen(request, timeout=TIMEOUT_S, context=context)
    except urllib.error.HTTPError as refusal:
        with refusal:
            raise _problem(refusal.code, _read(refusal)) from refusal
    except OSError as reason:
        raise MissingPart(f"{args.api}: {_why(reason)}; nothing done; start filterd run or give --api") from reason
    except HTTPException as reason:
        raise MissingPart(
            f"{args.api}: its answer is no HTTP; it may be done; give --api the API's own port"
        ) from reason
    return answer


def _read(refusal: urllib.error.HTTPError) -> bytes:
    try:
        return refusal.read()
    except (HTTPException, OSError):  # cut off: its status is known all the same
        return b""


def _refuse_no_url(api: str) -> None:
    """Raises WrongUse."""
    try:
        parts = urlsplit(api)
        host, _ = (parts.hostname or "").encode("idna"), parts.port
        is_one = parts.scheme in ("http", "https") and bool(host) and api.isascii() and " " not in api
        is_one = is_one and api.isprintable()
    except ValueError:  # of the port, the brackets, or a label that is too long
        is_one = False
    if not is_one:
        raise WrongUse(f"--api {api!r}: no URL of an API; nothing done; write http://ADDRESS:PORT or https://NAME")


def _json_of(args: argparse.Namespace, answer: HTTPResponse) -> Any:
    octets = _octets_of(args, answer)
    try:
        return json.loads(octets)
    except ValueError as reason:
        raise MissingPart(
            f"{args.api}: its answer is no JSON; it may be done; give --api the API's own port"
        ) from reason


def _octets_of(args: argparse.Namespace, answer: HTTPResponse) -> bytes:
    try:
        return answer.read()
    except (HTTPException, OSError) as reason:
        raise MissingPart(f"{args.api}: its answer was cut off; it may be done; look, and try again") from reason


def _show(context: ssl.SSLContext, certificate: Path) -> None:
    try:
        context.load_cert_chain(certificate)
    except OSError as reason:
        why = "no certificate with its key in it" if isinstance(reason, ssl.SSLError) else reason.strerror
        raise WrongUse(f"--certificate {certificate}: {why}; nothing done; name a PEM file with both") from reason


def _trusting(authority: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as reason:  # SSLError is one
        why = "no PEM certificate in it" if isinstance(reason, ssl.SSLError) else reason.strerror
        raise WrongUse(f"--ca {authority}: {why}; nothing done; name a file of PEM certificates") from reason


def _why(reason: OSError) -> str:
    """What went wrong in reaching the API; urllib wraps it."""
    inner = getattr(reason, "reason", reason)
    return (inner.strerror if isinstance(inner, OSError) else None) or str(inner) or type(inner).__name__


def _token(args: argparse.Namespace) -> str:
    said = os.environ.get("FILTERD_TOKEN", "").strip()
    if args.token_file is None and said:
        return _whole(said, "FILTERD_TOKEN")
    if args.token_file is None:
        raise WrongUse(
            "token: none given; nothing done; set FILTERD_TOKEN or give --token-file FILE (filterd token makes one)"
        )
    try:
        return _whole(args.token_file.read_text(errors="replace").strip(), f"--token-file {args.token_file}")
    except OSError as reason:
        raise WrongUse(
            f"--token-file {args.token_file}: {reason.strerror}; nothing done; name a file that holds the token"
        ) from reason


def _whole(token: str, where: str) -> str:
    """Raises WrongUse."""
    if not token.isascii() or not token.isprintable():
        raise WrongUse(f"{where}: not one token; nothing done; write the one line that `filterd token` has printed")
    return token


def _problem(status: int, body: bytes) -> ApiProblem:
    try:
        said = json.loads(body)
        where, detail = str(said["where"]), str(said["detail"])
    except (ValueError, KeyError, TypeError):
        return ApiProblem(f"the API answered {status}", status)
    if status == HTTPStatus.UNAUTHORIZED:
        detail = "no valid bearer token; nothing done; set FILTERD_TOKEN or --token-file FILE to one that counts"
    return ApiProblem(f"{where}: {detail.removeprefix(f'{where}: ')} ({status})", status, where)
