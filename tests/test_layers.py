"""Imports go downwards only."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import omega_jupyter

PACKAGE = Path(omega_jupyter.__file__).parent

# From the ground up. A module may import from its own storey and from those below.
STOREYS = [
    ["errors"],
    ["secret_url"],
    ["config"],
    ["store"],
    ["runtime"],
    ["local"],
    ["omega"],
    ["worker", "doctor"],
    ["verbs"],
    ["notebook", "server", "cli"],
]
LEVEL = {room: level for level, rooms in enumerate(STOREYS) for room in rooms}

# The rooms inside the store, likewise: each by itself on its storey. What has no folder is what
# users hold.
STORE = [
    "wording",
    "values",
    "query",
    "payload",
    "files",
    "database",
    "chunks",
    "table",
    "codecs",
    "versions",
    "model",
    "boosters",
    "names",
    "append",
    "upkeep",
    "objects",
    "interchange",
    "archive",
    "datasets",
    "models",
    "store",
]

# Modules that import each other all the same.

# What only the rooms under the roof may know.
JUPYTER = {"IPython", "ipywidgets", "jupyter_server", "tornado", "nbformat", "fastapi"}

# A module that grows past this is more than one.
LINES = 300

MODULES = sorted(PACKAGE.rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def parts_in_store(path: Path) -> list[str]:
    return list(path.relative_to(PACKAGE / "store").with_suffix("").parts)


def dotted(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts).removesuffix(".__init__")


def imported(name: str, known: Mapping[str, Path]) -> str | None:
    """Return the module that an import is of: the name itself, or where it is taken from."""
    return next((n for n in (name, name.rpartition(".")[0]) if n in known), None)


def is_reached(module: str, graph: Mapping[str, set[str | None]]) -> bool:
    """Say whether a module imports itself, over others."""
    seen: set[str | None] = set()
    waiting: list[str | None] = [module]
    while waiting:
        for name in graph.get(str(waiting.pop()), ()):
            if name == module:
                return True
            if name not in seen:
                seen.add(name)
                waiting.append(name)
    return False


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_every_room_has_its_storey() -> None:
    assert {room(path) for path in MODULES} - {"__init__"} == set(LEVEL)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_modules_are_short(path: Path) -> None:
    assert len(path.read_text().splitlines()) <= LINES


def test_no_module_stands_behind_a_package_of_its_name() -> None:
    assert [path for path in MODULES if path.with_suffix("").is_dir()] == []


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_downwards_only(path: Path) -> None:
    if room(path) == "__init__":
        return  # the front door names what is behind it, lazily
    for name in imports(path):
        parts = name.split(".")
        if parts[0] != "omega_jupyter" or parts[1:] in ([], ["__version__"]):
            continue
        other = parts[1]
        same_room = other == room(path)
        assert same_room or LEVEL[other] < LEVEL[room(path)], f"{path.name} imports {name}"


def test_every_room_of_the_store_has_its_storey() -> None:
    rooms = {parts_in_store(path)[0] for path in MODULES if room(path) == "store"}

    assert rooms - {"__init__"} == set(STORE)


def test_imports_inside_the_store_go_downwards_only() -> None:
    upwards = []
    for path in MODULES:
        if room(path) != "store":
            continue
        here = parts_in_store(path)
        for name in imports(path):
            there = name.split(".")[2:4]
            if not name.startswith("omega_jupyter.store.") or there[0] == here[0]:
                continue
            if STORE.index(there[0]) > STORE.index(here[0]):
                upwards.append((".".join(here), ".".join(there)))

    assert upwards == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Not in functions either, nor for types alone: each can be read by itself."""
    known = {dotted(path): path for path in MODULES}
    graph = {
        module: {found for name in imports(path) if (found := imported(name, known)) != module}
        for module, path in known.items()
        if module != "omega_jupyter"
    }

    assert {module for module in graph if is_reached(module, graph)} == set()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_the_top_knows_jupyter(path: Path) -> None:
    if room(path) in {"notebook", "server", "__init__"}:
        return
    assert not {name.split(".")[0] for name in imports(path)} & JUPYTER
