"""Door to `sharpening.imaging`: reading, writing, converting and resizing pictures."""

from sharpening.imaging.convert import to_tensor, to_uint8
from sharpening.imaging.files import read_picture, write_picture
from sharpening.imaging.resize import resize, resize_tensor

__all__ = ["read_picture", "resize", "resize_tensor", "to_tensor", "to_uint8", "write_picture"]
