"""Door to `sharpening.models.face_seg`: masks of the parts of a face, from landmarks or from a published parser."""

from sharpening.imaging.mask_files import read_mask, write_mask
from sharpening.models.face_seg.landmark_masks import landmark_masks
from sharpening.models.face_seg.parser import FaceParser
from sharpening.models.face_seg.parts import GROUPS, PARTS, part_names

__all__ = ["GROUPS", "PARTS", "FaceParser", "landmark_masks", "part_names", "read_mask", "write_mask"]
