"""Which pixels of a face belong to which part: from landmarks, or from a published parser where its file is there."""

from __future__ import annotations

from sharpening.models.face_seg.landmark_masks import landmark_masks
from sharpening.models.face_seg.parts import GROUPS, PARTS, part_names

__all__ = ["GROUPS", "PARTS", "landmark_masks", "part_names"]
