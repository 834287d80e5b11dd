"""Ranges and probabilities of the damage, and the presets that protocols and recipes name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from sharpening.errors import RangeError

__all__ = ["DegradeSettings", "presets", "settings"]


@dataclass(frozen=True)
class DegradeSettings:
    """How sequences are damaged. Pairs are ranges (from, to); single numbers are ± amplitudes.

    Attributes:
        name: Of the preset; stored with what was made.
        size_in: Side of the damaged frames [px].
        size_out: Side of the label [px].
        margin: Share of the still's side that the label leaves out, so that motion finds real pixels at the border.
        move_view: Whether the label's window moves inside the still (augmentation), or sits in its middle.
        rotation: [degrees].
        zoom: Share of the size.
        shift: [px of the label].
        contrast: Share around a gain of 1.
        brightness: Share of full range.
        warp_middle: The thesis's own way: the middle frame moves too, so that its true geometry cannot be known.
        jpeg: Quality, 1 … 100; None for no JPEG.
        film: Probability that the sequence is coded as H.264 instead of frame by frame as JPEG.
        crf: Constant rate factor of H.264.
        blur: Lens blur, sigma [px of the label].
        noise: Sensor noise, sigma [grey levels of 255].
        p_damage_middle: Probability that the middle gets its blurred regions.
        middle_blurs: Number of blurred regions of a damaged middle.
        other_blurs: Number of blurred regions of each other frame.
        region_size: Side of a region, as a share of the width.
        region_blur: Sigma of a blurred region [px of the label].
        p_regions: Probability per frame of "white-square", "white-circle", "occluder".
        p_garbage: Probability that a frame other than the middle is garbage (another person, noise, one colour).
        on_parts: Blurred regions lie on parts of the face (`face_places.AREAS`) instead of anywhere.
        others_are_noise: All frames but the middle are noise (thesis Fig. 3.4).
        p_alive: Probability that the face moves as a living one does in the frames other than the middle, see `face_motion`.
        turn: Yaw and pitch of a living face [degrees].
        expression: How far lips part; lids half as far [px of the label].
        bend: Amplitude of a smooth random motion of a living face [px of the label].
        p_rolling: Probability that the quality of a film changes on the way.
    """

    name: str = "thesis"
    size_in: int = 32
    size_out: int = 128
    margin: tuple[float, float] = (0.1, 0.1)
    move_view: bool = False
    rotation: float = 8.0
    zoom: float = 0.08
    shift: float = 6.0
    contrast: float = 0.0
    brightness: float = 0.06
    warp_middle: bool = False
    jpeg: tuple[int, int] | None = (30, 90)
    film: float = 0.0
    crf: tuple[int, int] = (23, 38)
    blur: tuple[float, float] = (0.0, 0.0)
    noise: tuple[float, float] = (0.0, 0.0)
    p_damage_middle: float = 0.0
    middle_blurs: int = 0
    other_blurs: int = 0
    region_size: tuple[float, float] = (0.25, 0.4)
    region_blur: tuple[float, float] = (7.0, 12.0)
    p_regions: Mapping[str, float] = field(default_factory=dict)
    p_garbage: float = 0.0
    on_parts: bool = False
    others_are_noise: bool = False
    p_alive: float = 0.0
    turn: float = 0.0
    expression: float = 0.0
    bend: float = 0.0
    p_rolling: float = 0.0

    def __post_init__(self) -> None:
        if self.size_in < 1:
            raise RangeError("size_in", self.size_in, "1 px or more")
        if self.size_out < self.size_in:
            raise RangeError("size_out", self.size_out, f"size_in = {self.size_in} or more", "Damage makes pictures smaller.")
        if self.zoom >= 1 or self.zoom < 0:
            raise RangeError("zoom", self.zoom, "0 … 1 (a share of the size)")

    def sized(self, size_in: int, size_out: int) -> DegradeSettings:
        """The same damage at other sizes: what is counted in pixels of the label grows and shrinks with it.

        Any two sizes will do, 32 → 112 and 60 → 144 as well: frames are means over areas, which may cut through pixels.

        Args:
            size_in: Side of the damaged frames [px].
            size_out: Side of the label [px], `size_in` or more.

        Raises:
            RangeError: for sizes that cannot be.
        """
        k = size_out / self.size_out
        blur, region_blur = ((low * k, high * k) for low, high in (self.blur, self.region_blur))
        sized = replace(self, size_in=size_in, size_out=size_out, blur=blur, region_blur=region_blur)
        return replace(sized, shift=self.shift * k, expression=self.expression * k, bend=self.bend * k)


_THESIS = DegradeSettings()
# What a finetuner gets is no camera's picture but one that a network made: a little soft, and coded once more.
_FINETUNE = replace(_THESIS.sized(60, 144), name="finetune", jpeg=(60, 95), blur=(0.5, 2.0), brightness=0.0)
# Thesis section 3.6. So much blur that a part cannot be told for what it is; the areas are as large as the parts.
_SECTIONS = replace(
    _THESIS,
    name="sections",
    p_damage_middle=1.0,
    middle_blurs=3,
    other_blurs=1,
    region_size=(0.22, 0.34),
    region_blur=(8.0, 14.0),
    on_parts=True,
)
_DAMAGED = replace(_THESIS, name="damaged-middle", p_damage_middle=1.0, middle_blurs=3, other_blurs=1)

presets: dict[str, DegradeSettings] = {
    "thesis": _THESIS,
    "thesis-warped": replace(_THESIS, name="thesis-warped", warp_middle=True),
    "stills": replace(_THESIS, name="stills"),
    "h264": replace(_THESIS, name="h264", film=1.0),
    "finetune": _FINETUNE,
    "damaged-middle": _DAMAGED,
    "sections": _SECTIONS,
    "noise-others": replace(_THESIS, name="noise-others", others_are_noise=True),
    "white": replace(_THESIS, name="white", p_regions={"white-square": 1.0, "white-circle": 1.0}),
    "camera": replace(_THESIS, name="camera", film=0.5, noise=(0.0, 8.0), blur=(0.0, 1.5), contrast=0.1, brightness=0.1),
    "train": replace(
        _THESIS,
        name="train",
        margin=(0.06, 0.2),
        move_view=True,
        rotation=9.0,
        zoom=0.09,
        shift=7.0,
        contrast=0.05,
        film=0.25,
        crf=(20, 40),
        jpeg=(25, 92),
        noise=(0.0, 3.0),
        blur=(0.0, 0.6),
        p_damage_middle=0.25,
        middle_blurs=3,
        p_regions={"occluder": 0.04, "white-square": 0.02},
        p_garbage=0.05,
    ),
}
# Beyond the first recipe: faces that live, light and quality that change, more film, more wrong frames.
presets["train-alive"] = replace(
    presets["train"],
    name="train-alive",
    contrast=0.1,
    brightness=0.08,
    film=0.4,
    p_damage_middle=0.33,
    p_regions={"occluder": 0.06, "white-square": 0.02},
    p_garbage=0.08,
    p_alive=0.5,
    turn=10.0,
    expression=4.0,
    bend=2.0,
    p_rolling=0.3,
)


def settings(name: str) -> DegradeSettings:
    """The preset called `name`; an unknown one raises `KeyError` and lists the known ones."""
    if name not in presets:
        raise KeyError(f"no degradation preset is called '{name}'; known: {', '.join(presets)}")
    return presets[name]
