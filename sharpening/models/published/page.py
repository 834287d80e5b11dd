"""The page of published files, `docs/published.md`, made from their entries."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from sharpening.models.published.table import published_files
from sharpening.weights.published import PublishedFile

__all__ = ["published_page"]

_HEAD = """# Files of others

None of these files comes with the project, and none is downloaded by itself. Get the one that you need from where it is published, look at
its terms, and take it in:

```
sharpening weights import FILE              # recognised by its tensors, checked, converted to safetensors, stored with a card
sharpening weights import FILE --as NAME    # where several files have the same tensors, or under a name of your own
sharpening weights check FILE               # only says what it is
sharpening weights where NAME               # what a name needs, and where it is looked for
```

It is stored in the folder of `SHARPENING_PRETRAINED`, or in the user's cache (`~/.cache/sharpening`), or where `--pretrained` says. Nothing
in a file is executed: pickles that ask for more than numbers are refused. Every file can also be used where it lies, by its path.
Places are written as the sources print them; links of Google Drive are made of its ids.

This page is made of the entries in the code by `make accept`.
"""


def published_page() -> str:
    """The page as Markdown."""
    lines = [_HEAD]
    entries = [entry for entry in published_files().values() if not entry.name.endswith("_boundary")]
    boundaries = [entry for entry in published_files().values() if entry.name.endswith("_boundary")]
    for model, group in itertools.groupby(entries, key=lambda entry: entry.model):
        lines.append(f"## {model}\n\n{_table(group)}")
    lines.append(f"## Boundaries of InterFaceGAN\n\n{len(boundaries)} files, recognised by their hashes: {boundaries[0].source}. ")
    lines.append(f"Terms: {boundaries[0].licence}.\n\n" + ", ".join(f"`{entry.name}`" for entry in boundaries) + "\n")
    return "\n".join(lines)


def _table(group: Iterable[PublishedFile]) -> str:
    entries = list(group)
    rows = ["| name here | file | where | terms | commercial use | |", "|---|---|---|---|---|---|"]
    for entry in entries:
        free = "yes" if entry.free_use else "no"
        rows.append(f"| `{entry.name}` | {entry.file} | {entry.source} | {entry.licence} | {free} | {entry.note} |")
    papers = "; ".join(dict.fromkeys(entry.paper for entry in entries if entry.paper))
    return "\n".join(rows) + (f"\n\n{papers}.\n" if papers else "\n")
