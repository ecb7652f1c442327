from __future__ import annotations

import ast
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src" / "neurolect"
ROOMS = ["text", "data", "models", "training", "language", "decoding", "evaluation", "online", "commands"]


def imported(path: Path) -> list[list[str]]:
    modules = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            modules.append(node.module or "")
        elif isinstance(node, ast.Import):
            modules += [name.name for name in node.names]
    return [module.split(".") for module in modules]


def rooms_imported(path: Path) -> set[str]:
    return {names[1] for names in imported(path) if names[0] == "neurolect" and len(names) > 1} & set(ROOMS)


@pytest.mark.parametrize("room", [room for room in ROOMS if (SOURCE / room).is_dir()])
def test_a_room_imports_only_from_rooms_above_it(room):
    allowed = set(ROOMS[: ROOMS.index(room) + 1])
    for path in sorted((SOURCE / room).rglob("*.py")):
        assert rooms_imported(path) <= allowed, path


def test_text_knows_nothing_of_torch():
    for path in (SOURCE / "text").glob("*.py"):
        assert "torch" not in {names[0] for names in imported(path)}, path
