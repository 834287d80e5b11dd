"""Choosing the base and the source of each part: both were chosen by hand in the thesis, for want of a metric (section 2.3)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sharpening.errors import NoFaceFound
from sharpening.models.face_align.pose import Pose
from sharpening.reconstruct.quality import Quality

__all__ = ["MOST_TURN", "PROFILE", "Pick", "choose_base", "choose_sources"]

MOST_TURN = 20.0  # degrees between two heads: beyond, a flat piece of one is no piece of the other
PROFILE = 40.0  # degrees away from the camera: landmarks made for frontal faces no longer hold
LEAST_LIKENESS = 0.6  # of the shading: blur leaves it, another expression or a hand does not
# A part in which the base has about as much detail as the others, only other detail, is another expression and not a poor picture. It
# is replaced only where next to nothing of it is common: a hand before the mouth.
AS_RICH = 1.0
SOMETHING_ELSE = 1.35
SAME_VIEW = (
    0.95  # of the whole face: so much alike is the same view, whatever the landmarks of blurred faces say. Chosen, not fitted
)
POSE_DOUBT = 6.0  # degrees: frames this near to the most frontal one count as frontal too
# Skin, and the small parts that lie in it. Blur does not stop where a part does.
LIES_IN = {
    "left_cheek": ("left_eye", "nose", "mouth"),
    "right_cheek": ("right_eye", "nose", "mouth"),
    "forehead": ("left_brow", "right_brow"),
    "chin": ("mouth",),
}
PAIRS = (("left_eye", "right_eye"), ("left_brow", "right_brow"))
AS_MUCH = 1.0  # of the base's detail, for skin that goes along
SAME_SOURCE = 0.9  # of the best score: so much is given up for a source that serves already, or for eyes that look the same way


@dataclass(frozen=True)
class Pick:
    """Where a part comes from.

    Attributes:
        part: its name.
        frame: index of the source; the base's own where nothing is better.
        gain: detail of the source against that of the base, as a factor; 1 for the base itself.
        why: in words.
        by_hand: whether the user chose it.
    """

    part: str
    frame: int
    gain: float
    why: str
    by_hand: bool = False


def choose_base(poses: Sequence[Pose | None], sharpness: NDArray[np.float64], middle: int) -> tuple[int, str]:
    """The most frontal frame; of those that are equally frontal as far as can be told the sharpest, of equally sharp ones the middle.

    Args:
        poses: of each frame; None where no face is.
        sharpness: `[n]`, score of the whole face; NaN where none is.
        middle: index of the frame that a user thinks of.

    Returns:
        Its index, and why.

    Raises:
        NoFaceFound: if there is no frame with a face.
    """
    away = {i: pose.away for i, pose in enumerate(poses) if pose is not None}
    if not away:
        raise NoFaceFound("any frame", "Reconstruction needs the landmarks of at least one; give larger or clearer frames.")
    least = min(away.values())
    frontal = [i for i, angle in away.items() if angle <= least + POSE_DOUBT]
    known = np.maximum(np.nan_to_num(sharpness), 0)
    best = max(known[i] for i in frontal)
    sharp = [i for i in frontal if known[i] >= SAME_SOURCE * best]
    base = min(sharp, key=lambda i: (abs(i - middle), i))
    return base, f"turned {away[base]:.0f}° away (least: {least:.0f}°), sharpness {known[base]:.2f} of the mean frame"


def choose_sources(
    quality: Quality,
    base: int,
    poses: Sequence[Pose | None],
    *,
    alike: Sequence[float] | None = None,
    clearly: float = 1.2,
    given: Mapping[str, int] | None = None,
    hand: Collection[str] | None = None,
    rest: str = "auto",
    names: Sequence[int] | None = None,
) -> list[Pick]:
    """For each part the frame to take it from.

    A part is taken from another frame only where that one shows clearly more of the detail that the frames have in common, is not turned
    elsewhere, and has the same shading. Both eyes (and brows) come from one frame where that costs little, and few sources are better
    than many.

    Args:
        quality: of all frames in all parts.
        base: index of the base.
        poses: of each frame.
        alike: correlation of each frame with the base over the face; a frame that is as good as the same picture is not turned, whatever
            its landmarks say.
        clearly: how many times more detail a source must have.
        given: parts and the frames that they shall come from.
        hand: those of them that the user chose, all when left out; the others were found before.
        rest: "auto", or "base" for leaving the other parts alone.
        names: numbers of the frames, for the reasons; their indexes when left out.

    Returns:
        One pick for each part of `quality`, and each that was given.
    """
    given = given or {}
    hand = given if hand is None else hand
    turned = [_turn(poses, base, i) > MOST_TURN for i in range(len(poses))]
    if alike is not None:
        turned = [far and near < SAME_VIEW for far, near in zip(turned, alike, strict=True)]
    scores = np.array([_allowed(quality, base, turned, j) for j in range(len(quality.parts))])
    words = {True: "chosen by hand", False: "as it was found before"}
    picks = {
        part: Pick(part, frame, _gain(quality, base, part, frame), words[part in hand], part in hand)
        for part, frame in given.items()
    }
    parts = [*quality.parts, *(part for part in given if part not in quality.parts)]  # these cannot be rated, only taken
    open_parts = [part for part in quality.parts if part not in picks]
    if rest == "base":
        return [picks.get(part, Pick(part, base, 1.0, "left as it is")) for part in parts]
    # The part that gains most decides first, and others follow its source where it serves them too.
    open_parts.sort(key=lambda part: -_best_gain(scores, quality, base, part))
    for part in open_parts:
        picks.setdefault(part, _pick(part, scores, quality, base, clearly, picks, names or range(len(poses))))
    for part in open_parts:
        picks[part] = _with_neighbours(picks[part], scores, quality, base, picks)
    return [picks[part] for part in parts]


def _with_neighbours(pick: Pick, scores: NDArray[np.float64], quality: Quality, base: int, picks: Mapping[str, Pick]) -> Pick:
    """Skin goes along with the small parts in it, where their source shows as much of it: else a rim of the old one would stay."""
    near = [picks[name].frame for name in LIES_IN.get(pick.part, ()) if name in picks and picks[name].frame != base]
    if pick.frame != base or not near:
        return pick
    column = quality.parts.index(pick.part)
    frame = max(near, key=lambda i: (near.count(i), scores[column, i]))
    gain = _gain(quality, base, pick.part, frame)
    if scores[column, frame] < 0 or gain < AS_MUCH:
        return pick
    return Pick(pick.part, frame, gain, "goes along with the parts that lie in it")


def _allowed(quality: Quality, base: int, turned: Sequence[bool], part: int) -> NDArray[np.float64]:
    """Scores of a part; −∞ for frames that must not be its source, and those that do not show it. The base may always stay."""
    score = quality.score[:, part]
    barred = np.array(turned) | ~(quality.likeness[:, part] >= LEAST_LIKENESS) | np.isnan(score)
    scores = np.where(barred, -np.inf, score)
    scores[base] = max(np.nan_to_num(score[base], nan=0.0), 0.0)
    return scores


def _turn(poses: Sequence[Pose | None], base: int, frame: int) -> float:
    a, b = poses[base], poses[frame]
    if a is None or b is None:
        return float("inf")
    return float(np.hypot(a.yaw - b.yaw, a.pitch - b.pitch))


def _gain(quality: Quality, base: int, part: str, frame: int) -> float:
    if frame == base:
        return 1.0
    if part not in quality.parts:
        return float("nan")
    own, other = (quality.score[i, quality.parts.index(part)] for i in (base, frame))
    return float(other / max(own, 0.05))


def _best_gain(scores: NDArray[np.float64], quality: Quality, base: int, part: str) -> float:
    return _gain(quality, base, part, int(np.argmax(scores[quality.parts.index(part)])))


def _pick(
    part: str,
    scores: NDArray[np.float64],
    quality: Quality,
    base: int,
    clearly: float,
    picks: Mapping[str, Pick],
    names: Sequence[int],
) -> Pick:
    own = scores[quality.parts.index(part)]
    best = int(np.argmax(own))
    gain = _gain(quality, base, part, best)
    own_detail = quality.own[quality.parts.index(part)]
    if best != base and clearly <= gain < SOMETHING_ELSE and own_detail >= AS_RICH:
        return Pick(part, base, 1.0, "the base shows as much there, only something else than the other frames")
    if best == base or gain < clearly:
        return Pick(part, base, 1.0, _why_not(quality, base, part, gain, clearly, names))
    frame = _agreeing(part, own, scores, quality, base, clearly, picks)
    gain = _gain(quality, base, part, frame)
    return Pick(part, frame, gain, f"{gain:.1f} times the detail of the base")


def _agreeing(
    part: str,
    own: NDArray[np.float64],
    scores: NDArray[np.float64],
    quality: Quality,
    base: int,
    clearly: float,
    picks: Mapping[str, Pick],
) -> int:
    """The best frame, or one that is nearly as good and serves another part already: its twin first."""
    enough = max(SAME_SOURCE * own.max(), clearly * own[base])
    good = {i for i in range(len(own)) if i != base and own[i] >= enough}
    twin = next((b if a == part else a for a, b in PAIRS if part in (a, b)), None)
    if twin is not None and twin in quality.parts:
        if twin in picks and picks[twin].frame in good:
            return picks[twin].frame
        if twin not in picks and _best_gain(scores, quality, base, twin) >= clearly:
            # Neither eye is placed yet: the frame that is best for both, if it is good enough for this one.
            both = own + scores[quality.parts.index(twin)]
            return max(good, key=lambda i: both[i])
    used = [pick.frame for pick in picks.values() if pick.frame in good]
    return max(used, key=used.count) if used else int(np.argmax(own))


def _why_not(quality: Quality, base: int, part: str, gain: float, clearly: float, names: Sequence[int]) -> str:
    column = quality.parts.index(part)
    every = np.nan_to_num(quality.score[:, column], nan=-1.0)
    sharper = int(np.argmax(every))
    lost = _gain(quality, base, part, sharper)
    if sharper != base and lost >= clearly > gain:
        return f"frame {names[sharper]} shows {lost:.1f} times the detail, but is turned elsewhere or looks different there"
    return "no frame shows clearly more"
