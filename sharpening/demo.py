"""The demonstration: a small shaky film of a photograph whose truth is known, restored and compared.

The photograph is scikit-image's astronaut (Eileen Collins, NASA, public domain). A camera drifts, shakes, turns and zooms over it; the
film is small (the face's square is about 44 px wide), noisy, and coded as H.264 at a poor rate. It is then restored exactly as
`sharpening restore` does it: out of the film file, with the face to be found.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch
    from rich.console import RenderableType

    from sharpening.restore import Restored, Restorer

__all__ = ["Demo", "Figures", "camera_path", "make_film", "run", "show", "view"]

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]

SEED = 7
N_FRAMES = 25
WIDTH, HEIGHT = 96, 80  # px of the film
SCALE = 4.4  # px of the photograph for one of the film
CENTRE = (226.0, 150.0)  # px of the photograph: what the camera looks at
NOISE = 2.0  # grey levels
CRF = 24  # of H.264: the blocks show when it is enlarged


@dataclass(frozen=True)
class Figures:
    """How near one picture comes to the truth: PSNR [dB], SSIM [-], identity cosine and distance [-] (NaN where no face is found)."""

    psnr: float
    ssim: float
    cosine: float
    distance: float


@dataclass(frozen=True)
class Demo:
    """What the demonstration made.

    Attributes:
        figures: of "bicubic" (the middle frame enlarged) and of "restored".
        restored: the result with its report.
        files: what lies where, by name.
    """

    figures: dict[str, Figures]
    restored: Restored
    files: dict[str, Path]


def run(
    out: str | Path = "out/demo",
    *,
    weights: str | Path = "default",
    device: torch.device | str | None = None,
    pretrained: str | Path | None = None,
) -> Demo:
    """Make the film, restore it and compare. The same call gives the same pictures.

    Args:
        out: folder for film and pictures.
        weights: as for `Restorer.from_weights`.
        device: likewise.
        pretrained: likewise.

    Raises:
        WeightsMissing: the weights are nowhere.
        WriteError: `out` cannot be written to.
    """
    from sharpening.imaging.files import write_picture
    from sharpening.restore import Restorer

    out = Path(out)
    restorer = Restorer.from_weights(weights, device=device, pretrained=pretrained)
    photograph = _photograph()
    cameras = camera_path(N_FRAMES, np.random.default_rng(SEED))
    film = make_film(out / "film.mp4", photograph, cameras)
    restored = restorer(film)
    used = restored.report["frames"]["used"]
    middle = used[len(used) // 2]
    side = len(restored.picture)
    truth = view(photograph, cameras[middle["index"]] @ _square_to_film(*middle["square"], size=side), (side, side))
    pictures = {"bicubic": restored.bicubic, "restored": restored.picture}
    figures = {name: _figures(picture, truth, restorer) for name, picture in pictures.items()}
    path = restored.save(out / "restored.png")
    files = {"film": film, "picture": path, "sheet": path.with_suffix(".sheet.png"), "report": path.with_suffix(".json")}
    files["truth"] = write_picture(out / "truth.png", truth)
    files["bicubic"] = write_picture(out / "bicubic.png", restored.bicubic)
    files["comparison"] = write_picture(out / "comparison.png", _comparison(restored, truth, figures))
    return Demo(figures, restored, files)


def camera_path(n: int, rng: np.random.Generator) -> list[Matrix]:
    """A hand-held camera: for each frame a 3×3 matrix from pixels of the film to pixels of the photograph.

    It drifts by some pixels of the film over a second, shakes by about half a pixel, turns by 2 degrees and zooms by 2 %.
    """
    time = np.arange(n) / 25
    phases = rng.uniform(0, 2 * np.pi, 4)
    drift_x = 3.0 * np.sin(2 * np.pi * 0.7 * time + phases[0]) + rng.normal(0, 0.5, n)
    drift_y = 2.5 * np.sin(2 * np.pi * 0.9 * time + phases[1]) + rng.normal(0, 0.5, n)
    angle = np.deg2rad(2.0 * np.sin(2 * np.pi * 0.5 * time + phases[2]))
    zoom = SCALE * (1 + 0.02 * np.sin(2 * np.pi * 0.6 * time + phases[3]))
    centre = (WIDTH - 1) / 2, (HEIGHT - 1) / 2
    paths = []
    for x, y, turn, step in zip(drift_x, drift_y, angle, zoom, strict=True):
        cos, sin = step * np.cos(turn), step * np.sin(turn)
        there = np.array([[cos, -sin, CENTRE[0] + x * step], [sin, cos, CENTRE[1] + y * step], [0, 0, 1]])
        paths.append(there @ np.array([[1, 0, -centre[0]], [0, 1, -centre[1]], [0, 0, 1.0]]))
    return paths


def view(photograph: Picture, to_photograph: Matrix, size: tuple[int, int]) -> Picture:
    """What a sensor of `size` (width, height) pixels sees: the mean light on each pixel.

    Args:
        photograph: uint8 `[H, W, 3]`.
        to_photograph: 3×3, from pixel centres of the sensor to those of the photograph.
        size: width and height of the sensor [px].

    Returns:
        uint8 `[height, width, 3]`.
    """
    fine = max(1, int(np.ceil(np.sqrt(abs(np.linalg.det(to_photograph[:2, :2]))))))
    shift = (1 - fine) / (2 * fine)
    matrix = to_photograph @ np.array([[1 / fine, 0, shift], [0, 1 / fine, shift], [0, 0, 1]])
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    seen = cv2.warpAffine(photograph, matrix[:2], (size[0] * fine, size[1] * fine), flags=flags, borderMode=cv2.BORDER_REFLECT_101)
    return np.asarray(cv2.resize(seen, size, interpolation=cv2.INTER_AREA), np.uint8)


def make_film(path: str | Path, photograph: Picture, cameras: list[Matrix], *, seed: int = SEED) -> Path:
    """Film a photograph along a camera path, with sensor noise, and code it as H.264."""
    from sharpening.frames.video import write_film

    rng = np.random.default_rng([seed, 1])
    frames = []
    for camera in cameras:
        clean = view(photograph, camera, (WIDTH, HEIGHT))
        noisy = clean + rng.normal(0, NOISE, clean.shape)
        frames.append(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
    return write_film(path, frames, fps=25, crf=CRF)


def show(demo: Demo) -> RenderableType:
    """The figures as a table, and where the pictures are, for the terminal."""
    from rich.console import Group
    from rich.table import Table

    table = Table(
        "", "PSNR [dB] ↑", "SSIM [-] ↑", "identity cosine [-] ↑", "identity distance [-] ↓", title="against the true picture"
    )
    for name, each in demo.figures.items():
        table.add_row(name, f"{each.psnr:.2f}", f"{each.ssim:.4f}", f"{each.cosine:.4f}", f"{each.distance:.3f}")
    gain = demo.figures["restored"].psnr - demo.figures["bicubic"].psnr
    frames = demo.restored.report["frames"]
    lines = [f"{frames['n_used']} of {frames['n_usable']} frames used; {gain:+.2f} dB over bicubic"]
    lines += [f"warning: {words}" for words in demo.restored.warnings]
    return Group(table, *lines, *(f"{what}: {path}" for what, path in demo.files.items()))


def _photograph() -> Picture:
    from skimage.data import astronaut

    return np.asarray(astronaut(), np.uint8)


def _square_to_film(cx: float, cy: float, side: float, *, size: int) -> Matrix:
    """From the pixels of a result of `size` px to pixels of the film."""
    step = side / size
    return np.array([[step, 0, cx - side / 2 + step / 2], [0, step, cy - side / 2 + step / 2], [0, 0, 1]])


def _figures(picture: NDArray[np.float32], truth: Picture, restorer: Restorer) -> Figures:
    import torch

    from sharpening.imaging.convert import to_tensor
    from sharpening.metrics import metrics

    pred, target = torch.from_numpy(np.ascontiguousarray(picture)).movedim(-1, 0)[None], to_tensor(truth)[None]
    judge: Any = restorer.judge
    likeness = judge.same_person(pred, target)
    psnr, ssim = (float(metrics.get(name)(pred, target)) for name in ("psnr", "ssim"))
    return Figures(psnr, ssim, float(likeness.cosine), float(likeness.distance))


def _comparison(restored: Restored, truth: Picture, figures: dict[str, Figures]) -> Picture:
    from sharpening.imaging.sheet import sheet

    as_bytes = [np.rint(picture * 255).astype(np.uint8) for picture in (restored.bicubic, restored.picture)]
    middle = restored.frames[len(restored.frames) // 2]
    words = [
        f"{middle.shape[1]}×{middle.shape[0]} px",
        f"{figures['bicubic'].psnr:.1f} dB",
        f"{figures['restored'].psnr:.1f} dB",
        "",
    ]
    titles = ["one frame", "bicubic", f"restored from {len(restored.frames)}", "truth"]
    return sheet([[middle, *as_bytes, truth]], titles=titles, captions=[words], size=256)
