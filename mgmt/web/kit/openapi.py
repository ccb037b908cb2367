"""The OpenAPI document of a table of routes, and the pages that problems point to.

Invariant: nothing in it is written by hand that a type, a route or a docstring says.
Source: OpenAPI 3.1.1, RFC 9457.
"""

import asyncio
import functools
import inspect
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from aiohttp import web

from mgmt.contract.shapes import ProblemDetails
from mgmt.staff.permissions import PERMISSIONS
from mgmt.web.kit.auth import Route
from mgmt.web.kit.contract import Contract, Text
from mgmt.web.kit.idempotency import KEYED
from mgmt.web.kit.problems import MEANINGS, TITLES, TYPE

PATH = "/v1/openapi.json"
OF_EVERY_ROUTE = (400, 401, 403, 421, 422, 429, 500, 503, 507)
OF_A_PATH = (404,)  # with a name or a number in it
OF_A_BODY = (408, 413)
OF_A_KEY = (409,)
OF_A_TAG = (412,)  # of what changes something that has one
TAG = {"schema": {"type": "string"}, "description": "Of what is shown, for If-Match and If-None-Match."}
HEAD = {
    "openapi": "3.1.1",
    "info": {
        "title": "filterd",
        "version": "1",
        "description": "Every answer of 400 and above is application/problem+json. An answer of 503 to a change says "
        "that it is stored and not yet in force.",
        "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
    },
    "servers": [{"url": "/"}],
    "security": [{"token": []}],
}
NUMBER = {"type": "integer", "minimum": 1, "maximum": 2**53 - 1}
EVENT = {"type": "integer", "minimum": 0, "maximum": 2**53 - 1}
NAME = {"type": "string", "minLength": 1, "maxLength": 500}
QUARTER = {"type": "string", "pattern": "^[0-9]{4}-Q[1-4]$"}
IN_PATHS = {  # what stands in a path, by its name there
    "id": ("A number.", NUMBER),
    "event": ("The number of an event.", EVENT),
    "quarter": ("Of a year: 2026-Q4.", QUARTER),
    "batch": ("The number of a batch in the tree of block records, from 0.", EVENT),
    "record": ("The number of a record in its batch, from 0.", EVENT),
    "line": ("The number of a line.", NUMBER),
    "child": ("The number of a child.", NUMBER),
    "caregiver": ("The number of a caregiver.", NUMBER),
    "profile": ("The number of a profile: of a child, or a line's own.", NUMBER),
    "card": ("The number of a card.", NUMBER),
    "exception": ("The number of an exception.", NUMBER),
    "ticket": ("The number of a ticket.", NUMBER),
    "ref": ("The issuer's reference, percent-encoded.", NAME),
    "name": ("Of a device: a-z, 0-9 and '-', at most 32.", NAME),
    "reference": ("Of a report.", NAME),
    "list": ("The id of a list.", NAME),
    "hold": ("The number of a legal hold.", NUMBER),
    "version": ("SHA-256 of a version, in hex.", NAME),
    "kind": ("The last part of a type.", {"enum": list(MEANINGS)}),
}


def document(routes: Iterable[Route]) -> dict[str, Any]:
    """The document of the routes."""
    routes = tuple(routes)
    shapes = [ProblemDetails, *(shape for route in routes for shape in _shapes(route.contract))]
    _, components = msgspec.json.schema_components(shapes, ref_template="#/components/schemas/{name}")
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route)
    for path, operation in _open_paths():
        paths[path] = {"get": operation}
    refusals = sorted({status for route in routes for status in _refusals(route)})
    scheme = {"type": "http", "scheme": "bearer", "description": "As `filterd token` makes it."}
    parts = {
        "schemas": components,
        "responses": {str(status): _refusal(status) for status in refusals},
        "securitySchemes": {"token": scheme},
    }
    return {**HEAD, "paths": paths, "components": parts}


def summary_of(route: Route) -> str:
    """A route in one sentence."""
    return _first_line(route.endpoint)


def add_document(app: web.Application, routes: Iterable[Route]) -> None:
    """Serve the document, and the pages of problems; both without a token.

    Cost: 60 ms of CPU when the document is first asked for, in a thread; none at the start."""

    @functools.cache
    def octets() -> bytes:
        return msgspec.json.encode(document(routes))

    async def show(_: web.Request) -> web.Response:
        return web.Response(body=await asyncio.to_thread(octets), content_type="application/json")

    async def explain(request: web.Request) -> web.Response:
        meaning = MEANINGS.get(request.match_info["kind"])
        if meaning is None:
            raise web.HTTPNotFound
        return web.Response(text=meaning + "\n")

    app.router.add_get(PATH, show)
    app.router.add_get(TYPE + "{kind}", explain)


def _shapes(contract: Contract) -> Iterator[type[Any]]:
    answers = (each.or_shape if isinstance(each, Text) else each for each in contract.answers.values())
    yield from (each for each in (contract.body, *answers) if each is not None)


def _operation(route: Route) -> dict[str, Any]:
    contract = route.contract
    operation: dict[str, Any] = {
        "operationId": re.sub(r"\W+", "_", f"{route.method.lower()} {route.path}").strip("_"),
        "summary": summary_of(route),
        "tags": [route.path.split("/")[2]],
        "x-permission": route.permission,
        "x-roles": sorted(PERMISSIONS[route.permission]),
        "parameters": [*_path_parameters(route.path), *_query_parameters(contract.query), *_header_parameters(route)],
        "responses": {str(status): _answer(answer) for status, answer in contract.answers.items()},
    }
    if contract.body is not None:
        operation["requestBody"] = {"required": True, "content": _json(contract.body)}
    if contract.form is not None:
        operation["requestBody"] = {"required": True, "content": _form(contract.form)}
    if contract.is_tagged and route.method == "GET":
        operation["responses"]["200"]["headers"] = {"ETag": TAG}
        operation["responses"]["304"] = {
            "description": "It is the one that If-None-Match names.",
            "headers": {"ETag": TAG},
        }
    operation["responses"] |= {str(status): {"$ref": f"#/components/responses/{status}"} for status in _refusals(route)}
    return operation


def _refusals(route: Route) -> list[int]:
    found = {*OF_EVERY_ROUTE, *route.contract.refusals}
    found |= {*OF_A_PATH} if "{" in route.path else set()
    found |= {*OF_A_KEY} if route.method == KEYED else set()
    found |= {*OF_A_TAG} if route.contract.is_tagged and route.method != "GET" else set()
    has_body = route.contract.body is not None or route.contract.form is not None
    return sorted(found | ({*OF_A_BODY} if has_body else set()))


def _answer(answer: type[Any] | Text) -> dict[str, Any]:
    if isinstance(answer, Text):
        texts = {kind: {"schema": {"type": "string"}} for kind in answer.media_types}
        shape = {} if answer.or_shape is None else _json(answer.or_shape)
        return {"description": " or ".join((*texts, *shape)), "content": {**texts, **shape}}
    return {"description": _first_line(answer), "content": _json(answer)}


def _refusal(status: int) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": _reference(ProblemDetails)}}
    return {"description": TITLES[status], "content": content}


def _json(shape: type[Any]) -> dict[str, Any]:
    return {"application/json": {"schema": _reference(shape)}}


def _form(shape: type[Any]) -> dict[str, Any]:
    """The fields of a form, and the file that it brings."""
    _, components = msgspec.json.schema_components([shape])
    said: Mapping[str, Any] = components[shape.__name__]
    fields = {name: _without_null(schema) for name, schema in said["properties"].items()}
    file = {"type": "string", "format": "binary", "description": "With its name."}
    schema = {**said, "properties": {**fields, "file": file}, "required": [*said["required"], "file"]}
    return {"multipart/form-data": {"schema": schema}}


def _reference(shape: type[Any]) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{shape.__name__}"}


def _first_line(documented: object) -> str:
    return (inspect.getdoc(documented) or "").partition("\n")[0]


def _path_parameters(path: str) -> Iterator[dict[str, Any]]:
    for name in re.findall(r"{(\w+)}", path):
        meaning, schema = IN_PATHS[name]
        yield {"name": name, "in": "path", "required": True, "description": meaning, "schema": schema}


def _header_parameters(route: Route) -> Iterator[dict[str, Any]]:
    if route.contract.is_tagged:
        for name in ("If-None-Match",) if route.method == "GET" else ("If-Match", "If-None-Match"):
            yield {"name": name, "in": "header", "required": False, "schema": {"type": "string"}}
    if route.method == KEYED:
        said = "A string in quotes, new for each request; the same request under it does nothing twice, for a day."
        schema = {"type": "string", "maxLength": 257}
        yield {"name": "Idempotency-Key", "in": "header", "required": False, "description": said, "schema": schema}


def _query_parameters(shape: type[Any]) -> Iterator[dict[str, Any]]:
    _, components = msgspec.json.schema_components([shape])
    said: Mapping[str, Any] = components[shape.__name__]
    for name, schema in said["properties"].items():
        told = _without_null(schema)
        meaning = told.pop("description", "")
        parameter = {"name": name, "in": "query", "required": name in said["required"], "schema": told}
        yield {**parameter, "description": meaning} if meaning else parameter


def _without_null(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Of a parameter that may be left out: there is no way to write null."""
    said = {key: value for key, value in schema.items() if not (key == "default" and value is None)}
    kinds = [each for each in said.pop("anyOf", []) if each != {"type": "null"}]
    return {**said, **kinds[0]} if kinds else said


def _open_paths() -> Iterator[tuple[str, dict[str, Any]]]:
    """What is served to all, and stands in no table."""
    found = {"description": "This document.", "content": {"application/json": {"schema": {"type": "object"}}}}
    words = {"operationId": "document", "summary": "Show this document.", "security": []}
    yield PATH, {**words, "responses": {"200": found}}
    path, answers = TYPE + "{kind}", {"200": _answer(Text(("text/plain",))), "404": _refusal(404)}
    words = {"operationId": "problem", "summary": "Say what a kind of problem means.", "security": []}
    yield path, {**words, "parameters": list(_path_parameters(path)), "responses": answers}
