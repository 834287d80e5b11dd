"""Which code made a file."""

from __future__ import annotations

import subprocess
from pathlib import Path

__all__ = ["checkout_commit"]


def checkout_commit() -> str:
    """The commit of this checkout, with a + where files of the package were changed; empty for an installed package."""
    here = Path(__file__).resolve().parents[2]
    if not (here / ".git").exists():
        return ""
    git = ["git", "-C", str(here)]
    try:
        commit = subprocess.run([*git, "rev-parse", "--short=12", "HEAD"], capture_output=True, text=True, check=True, timeout=20)
        changed = subprocess.run(
            [*git, "status", "--porcelain", "--", "sharpening"], capture_output=True, text=True, check=True, timeout=20
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return commit.stdout.strip() + ("+" if changed.stdout.strip() else "")
