"""The model files of the package `face_recognition_models`: where they lie, and that they are the ones we know.

The package itself is never imported: it needs `pkg_resources`, which setuptools no longer has. Its folder is found without that.
Licences: the package says CC0; the author of the models puts the 5-point predictor and the face net in the public domain.
The 68-point predictor is used by reconstruction (`points68.py`), and only by it. It was trained on iBUG 300-W, whose terms exclude
commercial use, so its author says the same of the file: `LANDMARKS_68_TERMS`, which reports print.
"""

from __future__ import annotations

import functools
import hashlib
import importlib.util
from pathlib import Path

from sharpening.errors import WeightsMismatch, WeightsMissing

__all__ = ["FACE_NET", "FIVE_POINTS", "LANDMARKS_68_TERMS", "SIXTY_EIGHT_POINTS", "dlib_model_path"]

FIVE_POINTS = "shape_predictor_5_face_landmarks.dat"
SIXTY_EIGHT_POINTS = "shape_predictor_68_face_landmarks.dat"
FACE_NET = "dlib_face_recognition_resnet_model_v1.dat"

LANDMARKS_68_TERMS = (
    "The 68 landmarks come from dlib's shape_predictor_68_face_landmarks.dat, which was trained on iBUG 300-W: "
    "the terms of that data set exclude commercial use."
)
"""What whoever used the 68 landmarks has to know; reports print it."""

_PACKAGE = "face_recognition_models"
_SHA256 = {
    FIVE_POINTS: "c4b1e9804792707d3a405c2c16a80a20269e6675021f64a41d30fffafbc41888",
    SIXTY_EIGHT_POINTS: "fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    FACE_NET: "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
}


@functools.cache
def dlib_model_path(name: str) -> Path:
    """Path of the model file `name` (`FIVE_POINTS`, `SIXTY_EIGHT_POINTS` or `FACE_NET`), checked against its known sha256.

    Raises:
        WeightsMissing: when the package is not installed or has no such file.
        WeightsMismatch: when the file is not the published one.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    folders = [Path(place) / "models" for place in (spec.submodule_search_locations or ())] if spec else []
    found = [folder / name for folder in folders if (folder / name).is_file()]
    if not found:
        raise WeightsMissing(name, folders or [f"Python package {_PACKAGE}"], f"Install it: pip install {_PACKAGE}")
    digest = hashlib.sha256(found[0].read_bytes()).hexdigest()
    if digest != _SHA256[name]:
        advice = f"Install it again: pip install --force-reinstall {_PACKAGE}"
        raise WeightsMismatch(found[0], f"sha256 is {digest}, wanted {_SHA256[name]}.", advice)
    return found[0]
