"""The files that others have published: which there are, on what terms, and how one of them becomes weights of the house.

None comes with the project. `sharpening weights list` shows them, `sharpening weights import FILE` takes one in.
"""

from __future__ import annotations

from sharpening.models.published.importing import Imported, Recognised, import_file, recognise
from sharpening.models.published.table import published_files

__all__ = ["Imported", "Recognised", "import_file", "published_files", "recognise"]
