"""Public names are counted: one that vanishes or appears does so on purpose. `make accept` writes the list anew."""

import ast
import json
import os
from pathlib import Path

import sharpening

ROOT = Path(sharpening.__file__).parent
STORED = Path(__file__).with_name("public_names.json")


def public_names() -> dict[str, list[str]]:
    """`__all__` of every module, read without importing anything."""
    found = {}
    for path in sorted(ROOT.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and any(isinstance(t, ast.Name) and t.id == "__all__" for t in node.targets):
                names = [e.value for e in getattr(node.value, "elts", []) if isinstance(e, ast.Constant)]
                found[".".join(["sharpening", *path.relative_to(ROOT).with_suffix("").parts])] = sorted(names)
    return found


def test_public_names_are_the_stored_ones():
    now = public_names()
    if os.environ.get("ACCEPT"):
        STORED.write_text(json.dumps(now, indent=1) + "\n")
    stored = json.loads(STORED.read_text())
    gone = {module: sorted(set(names) - set(now.get(module, []))) for module, names in stored.items()}
    new = {module: sorted(set(names) - set(stored.get(module, []))) for module, names in now.items()}
    differences = {word: {m: n for m, n in part.items() if n} for word, part in (("gone", gone), ("new", new))}
    assert differences == {"gone": {}, "new": {}}, "if this is meant: make accept"
