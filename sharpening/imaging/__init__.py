"""Pictures as arrays and tensors: no networks, no fastai.

Import from the modules: `files` (reading, writing, hashing), `convert` (uint8 and tensors), `ranges` (named value ranges),
`resize`, `sheet` (contact sheets). Nothing is re-exported here, so that `files` can be used without loading torch.
"""

from __future__ import annotations

__all__ = ["convert", "files", "ranges", "reading", "resize", "sheet"]
