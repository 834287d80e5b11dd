"""The main job: some poor frames of one person in, one better picture out, with a report on how it came about; or a film of them."""

from __future__ import annotations

from sharpening.restore.film import RestoredFilm, restore_film
from sharpening.restore.restored import Restored
from sharpening.restore.restorer import Restorer

__all__ = ["Restored", "RestoredFilm", "Restorer", "restore_film"]
