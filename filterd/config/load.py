"""Reads YAML text into a `Config`, and reports all faults at once.

Invariants: only types of the schema are constructed (no tags, no aliases, no objects); a fault names file, line and
path; one bad key never hides another, nor a condition between other keys.  Limits: 1 MiB, 20 levels, 20,000 nodes.
"""

import dataclasses
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from filterd.config.cross_checks import Unreadable, check_whole
from filterd.config.kinds import Unfit, nearest, quoted
from filterd.config.schema import Config
from filterd.config.spec import Spec

SIZE_OCTETS = 1 << 20  # 128 lists with long paths are 40 KiB
DEPTH = 20  # the schema has four levels
NODES = 20_000
# Keys of an earlier release: what is so without them, and what is to be done.  A box starts in spite of them.
RETIRED = {
    "/records/store": (
        "block records are always files",
        "remove the key; where it was not files, run filterd audit move for older records",
    ),
}

MISSING = dataclasses.MISSING


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a configuration.   effect: what is done about it"""

    file: str
    line: int
    path: str
    found: str
    write: str
    effect: str = "not loaded"

    def __str__(self) -> str:
        return f"config {self.file} line {self.line} {self.path}: {self.found}; {self.effect}; {self.write}"


class BadConfig(ValueError):
    """The configuration cannot be used; `faults` holds all faults, in the order of the file."""

    def __init__(self, faults: list[Fault]) -> None:
        super().__init__("\n".join(map(str, faults)))
        self.faults = faults


def load(path: Path) -> Config:
    """Read the configuration file at `path`; paths in it are relative to its directory.   Raises BadConfig."""
    return read_config(octets_of(path), str(path), path.parent.absolute())


def octets_of(path: Path) -> bytes:
    """What is in a configuration file; one octet more than the limit where it is too large.   Raises BadConfig."""
    try:
        with path.open("rb") as file:
            return file.read(SIZE_OCTETS + 1)
    except OSError as reason:
        found = f"the file cannot be read ({reason.strerror})"
        raise BadConfig([Fault(str(path), 0, "/", found, "name a file that can be read")]) from reason


def read_config(data: bytes, name: str, base: Path) -> Config:
    """Read a configuration from octets; faults show `name`, relative paths begin at `base`.   Raises BadConfig."""
    examined = examine(data, name, base)
    if examined.faults:
        raise BadConfig(examined.faults)
    return examined.config


@dataclass(frozen=True, slots=True)
class CheckedConfig:
    """A configuration as far as it can be read.   config: with FAULTY for each value that is a fault

    warnings  of keys that are retired"""

    config: Config
    faults: list[Fault]
    warnings: list[Fault]
    line_of: Callable[[str], int]

    def said(self) -> str:
        """What a configuration without a fault asks for, in a few words."""
        dns, gate = self.config.dns.workers, self.config.gate.workers
        return f"{len(self.config.lists)} lists, {dns} dns and {gate} gate workers"


def examine(data: bytes, name: str, base: Path) -> CheckedConfig:
    """Read a configuration, and go on where a value is a fault.   Raises BadConfig for what is no YAML."""
    root = _compose(data, name)
    reader = _Reader(name, base)
    config: Config = reader.read_shape(Config, root, "", 1)
    between = [Fault(name, reader.line_of(path), path, found, write) for path, found, write in check_whole(config)]
    faults = sorted([*reader.faults, *between], key=lambda fault: fault.line)
    return CheckedConfig(config, faults, reader.warnings, reader.line_of)


def _compose(data: bytes, name: str) -> yaml.Node | None:
    """Compose the node tree of `data`; first its events are checked without recursion, at any depth."""
    if len(data) > SIZE_OCTETS:
        raise BadConfig([Fault(name, 0, "/", f"more than {SIZE_OCTETS} octets", "shorten the file")])
    try:
        text = data.decode("utf-8")
        faults = list(_limit_faults(text, name))
        if faults:
            raise BadConfig(faults)
        return yaml.compose(text, Loader=yaml.SafeLoader)
    except UnicodeDecodeError as reason:
        line = data.count(b"\n", 0, reason.start) + 1
        raise BadConfig([Fault(name, line, "/", "octets that are not UTF-8", "save the file as UTF-8")]) from reason
    except yaml.MarkedYAMLError as reason:
        mark = reason.problem_mark or reason.context_mark
        found = f"not YAML ({reason.problem or reason.context})"
        write = "correct this line or the one above it"
        raise BadConfig([Fault(name, mark.line + 1 if mark else 1, "/", found, write)]) from reason
    except yaml.YAMLError as reason:
        found = f"not YAML ({str(reason).splitlines()[0]})"
        raise BadConfig([Fault(name, 1, "/", found, "remove the character")]) from reason


def _limit_faults(text: str, name: str) -> Iterator[Fault]:
    depth = n_nodes = n_documents = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        if isinstance(event, yaml.AliasEvent):
            yield Fault(name, line, "/", f"an alias, {quoted('*' + str(event.anchor))}", "write the value out")
        n_documents += isinstance(event, yaml.DocumentStartEvent)
        n_nodes += isinstance(event, yaml.NodeEvent)
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEPTH or n_nodes > NODES or n_documents > 1:
            found = "more than one document" if n_documents > 1 else f"more than {DEPTH} levels or {NODES} values"
            yield Fault(name, line, "/", found, "write one flat document, as in filterd.example.yaml")
            return


class _Faulty:
    """Stands for a value that is a fault itself, while conditions between the others are checked.

    Anyone who uses it raises Unreadable; it is not None, because something was written."""

    def _refuse(self, *_: object) -> Any:
        raise Unreadable

    __bool__ = __contains__ = __eq__ = __format__ = __getattr__ = __hash__ = __iter__ = __len__ = _refuse
    __ge__ = __gt__ = __le__ = __lt__ = __str__ = _refuse


FAULTY: Any = _Faulty()


class _Reader:
    """Walks the schema together with the node tree, and collects faults and warnings."""

    def __init__(self, name: str, base: Path) -> None:
        self.faults: list[Fault] = []
        self.warnings: list[Fault] = []
        self._name, self._base = name, base
        self._lines: dict[str, int] = {}

    def line_of(self, path: str) -> int:
        """The line of `path`, or of its nearest written parent."""
        while path and path not in self._lines:
            path = path.rpartition("/")[0]
        return self._lines.get(path, 1)

    def read_shape(self, shape: type, node: yaml.Node | None, path: str, line: int) -> Any:
        """Read an instance of `shape`, with FAULTY for every value that is a fault."""
        fields = {field.name: field for field in dataclasses.fields(shape)}
        written = self._mapping(node, path, line, list(fields))
        values = {}
        for name, field in fields.items():
            spec: Spec = field.metadata["spec"]
            below = f"{path}/{name}"
            if name in written:
                values[name] = self._read_field(spec, written[name], below)
            elif spec.shape is not None and not spec.is_many:
                values[name] = self.read_shape(spec.shape, None, below, line)
            elif field.default is MISSING:
                values[name] = self._fault(line, below, "the key is missing", f"add {name}: …")
            elif isinstance(field.default, Path):
                values[name] = self._base / field.default
        return shape(**values)

    def _mapping(self, node: yaml.Node | None, path: str, line: int, known: list[str]) -> dict[str, yaml.Node]:
        """Read the keys of a mapping; a key without a value counts as not written."""
        if node is None or _is_null(node):
            return {}
        self._lines[path] = node.start_mark.line + 1
        if not isinstance(node, yaml.MappingNode):
            self._fault(line, path or "/", f"{_said(node)} where keys were expected", f"write keys: {', '.join(known)}")
            return {}
        written: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name, at = key.value if isinstance(key, yaml.ScalarNode) else "?", key.start_mark.line + 1
            below = f"{path}/{quoted(name)[1:-1]}"
            if name not in known:
                self._refuse_key(at, below, f"write {nearest(name, known)}")
            elif name in written:
                self._fault(at, below, "the key is repeated", "keep one of the two")
            else:
                self._lines[below] = at
                written[name] = value
        return {name: value for name, value in written.items() if not _is_null(value)}

    def _refuse_key(self, line: int, path: str, write: str) -> None:
        """A fault for a key that never was; a warning for a retired one, with any value."""
        if path in RETIRED:
            found, write = RETIRED[path]
            self.warnings.append(Fault(self._name, line, path, found, write, "the key is ignored"))
        else:
            self._fault(line, path, "no such key", write)

    def _read_field(self, spec: Spec, node: yaml.Node, path: str) -> Any:
        if not spec.is_many:
            return self._read_one(spec, node, path)
        line = node.start_mark.line + 1
        if not isinstance(node, yaml.SequenceNode):
            wanted = "write [ … ] or one '- …' for each line"
            return self._fault(line, path, f"{_said(node)} where a list was expected", wanted)
        if not spec.at_least <= len(node.value) <= spec.at_most:
            return self._fault(line, path, f"{len(node.value)} items", f"write {spec.at_least} to {spec.at_most}")
        items = tuple(self._read_one(spec, item, f"{path}/{at}") for at, item in enumerate(node.value))
        return FAULTY if any(item is FAULTY for item in items) else items

    def _read_one(self, spec: Spec, node: yaml.Node, path: str) -> Any:
        line = node.start_mark.line + 1
        self._lines[path] = line
        if spec.shape is not None:
            return self.read_shape(spec.shape, node, path, line)
        if not isinstance(node, yaml.ScalarNode) or _is_null(node):
            return self._fault(line, path, f"{_said(node)} where one value was expected", "write one value")
        try:
            value = spec.kind(node.value) if spec.kind else None
        except Unfit as reason:
            return self._fault(line, path, reason.found, reason.write)
        return self._base / value if isinstance(value, Path) else value

    def _fault(self, line: int, path: str, found: str, write: str) -> Any:
        self.faults.append(Fault(self._name, line, path, found, write))
        return FAULTY


def _is_null(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and bool(node.tag == "tag:yaml.org,2002:null")


def _said(node: yaml.Node) -> str:
    if isinstance(node, yaml.ScalarNode):
        return "nothing" if _is_null(node) else quoted(node.value)
    return "a list" if isinstance(node, yaml.SequenceNode) else "keys"
