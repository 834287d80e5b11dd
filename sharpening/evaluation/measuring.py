"""Pictures of a method against the true ones: all metrics of the thesis's tables, picture by picture."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sharpening.errors import WeightsMissing
from sharpening.evaluation.inside import INSIDE, framed_by, measure_inside
from sharpening.evaluation.methods import Made, Runner, SequenceMethod, fitted
from sharpening.evaluation.sample import Sample
from sharpening.imaging.convert import to_tensor
from sharpening.metrics import Metric, metrics
from sharpening.metrics.lpips import lpips_metric
from sharpening.metrics.seam import seam
from sharpening.models.face_id import FaceJudge
from sharpening.models.face_id.quality import load_serfiq
from sharpening.models.lpips import load_lpips

__all__ = ["TRUTH", "Batch", "Judges", "batches", "centre", "inputs_hash", "mean_face", "rows_of"]

TRUTH = "truth"
BATCH = 16
PAIRED = ("mse", "mse_255", "psnr", "ssim")
ALONE = ("cpbd",)
# Of a reconstruction: whether it was refused, and the share of the damaged parts that it took from a frame that shows them whole.
SEQUENCE = ("refused", "right_sources")
IDENTITY = ("identity_cosine", "identity_distance")


class Judges:
    """The networks that judge pictures, each loaded when it is first asked.

    Args:
        pretrained: Folder to search for the weights of the SER-FIQ network first.
    """

    def __init__(self, pretrained: Any = None) -> None:
        self.pretrained = pretrained

    @cached_property
    def face(self) -> FaceJudge:
        """Finds faces and describes them."""
        return FaceJudge()

    @cached_property
    def quality(self) -> Any:
        """SER-FIQ in the form of the paper with the thesis's m = 10; `.network.name` says which network judges."""
        return load_serfiq(pretrained=self.pretrained, form="paper")

    @cached_property
    def lpips(self) -> Metric | None:
        """LPIPS with the backbone whose file is found, AlexNet before VGG-16; None where neither is."""
        for heads in ("lpips_lin_v0.1_alex", "lpips_lin_v0.1_vgg"):
            with contextlib.suppress(WeightsMissing):
                network = load_lpips(heads, pretrained=self.pretrained)
                return lpips_metric(network, network.backbone)
        return None

    def columns(self, *, areas: bool = False) -> tuple[str, ...]:
        """The metrics of a row; with `areas` those of the damaged places too, and what only a method of sequences has."""
        extra = () if self.lpips is None else ("lpips",)
        more = (*INSIDE, *SEQUENCE) if areas else ()
        return (*PAIRED, *ALONE, "serfiq", *IDENTITY, *extra, "face_found", *more)

    def facts(self) -> dict[str, str]:
        """Who judged, for reports."""
        return {
            "identity": str(getattr(self.face.network, "name", type(self.face.network).__name__)),
            "serfiq": f"{self.quality.network.name}, m = {self.quality.m}, form of the paper",
            "lpips": "not measured, its backbone is not here" if self.lpips is None else self.lpips.name,
        }


class Batch:
    """Some samples; what is needed of the labels is found once for all methods.

    Args:
        samples: At least one.
        judges: Find the faces in the labels.
    """

    def __init__(self, samples: Sequence[Sample], judges: Judges) -> None:
        self.samples, self.judges = samples, judges
        self.mean_face: Tensor | None = None  # of all labels, see `centre`

    @property
    def frames(self) -> Tensor:
        """`[bs, 3·n, h, h]` in 0 … 1."""
        return torch.stack([to_tensor(sample.frames).flatten(0, 1) for sample in self.samples])

    @property
    def label(self) -> Tensor:
        """`[bs, 3, H, H]` in 0 … 1."""
        return torch.stack([to_tensor(sample.label) for sample in self.samples])

    @cached_property
    def landmarks(self) -> Tensor:
        """Of the faces in the labels; the same cut is taken from the predictions."""
        return self.judges.face.locate(self.label)

    @cached_property
    def described(self) -> Tensor:
        """Descriptors of the labels."""
        return self.judges.face.descriptors(self.label, self.landmarks)

    @cached_property
    def mask(self) -> Tensor | None:
        """The damaged areas of the middle, bool `[bs, 1, H, W]`; None where the protocol does not tell them."""
        masks = [sample.mask for sample in self.samples if sample.mask is not None]
        return torch.from_numpy(np.stack(masks))[:, None] if len(masks) == len(self.samples) else None

    def measure(self, pred: Tensor | None) -> dict[str, Tensor]:
        """All metrics `[bs]`; of the labels themselves when `pred` is None, and then only those that need no true picture."""
        label = self.label
        pictures = label if pred is None else fitted(pred, label)
        found: dict[str, Tensor] = {name: metrics.get(name)(pictures) for name in ALONE}
        found["serfiq"] = self.judges.quality(pictures)
        found["face_found"] = self._found(pictures)
        if self.mask is not None:
            found["seam"] = seam(pictures, self.mask.to(pictures))
        if pred is None:
            return found
        # One error tensor for MSE and PSNR, so that they cannot contradict each other.
        found |= {name: metrics.get(name)(pictures, label) for name in PAIRED}
        described = self.judges.face.descriptors(pictures, self.landmarks)
        found |= {name: metrics.get(name)(described, self.described) for name in IDENTITY}
        if self.judges.lpips is not None:
            found["lpips"] = self.judges.lpips(pictures, label)
        if self.mask is not None:
            found |= measure_inside(pictures, label, self.mask)
            inside = self.judges.face.descriptors(framed_by(pictures, label, self.mask), self.landmarks)
            found["identity_inside"] = metrics.get("identity_cosine")(inside, self.described)
            if self.mean_face is not None:
                label_alone = self.described - self.mean_face
                for name, rows in (("identity_inside_centred", inside), ("identity_centred", described)):
                    found[name] = metrics.get("identity_cosine")(rows - self.mean_face, label_alone)
        return found

    def _found(self, pictures: Tensor) -> Tensor:
        """1 where a face is found, 0 where not; NaN where the label shows none either."""
        wanted = self.landmarks.isfinite().all(dim=(1, 2))
        got = self.judges.face.locate(pictures).isfinite().all(dim=(1, 2)).double()
        return got.where(wanted, torch.nan)


def batches(samples: Iterable[Sample], judges: Judges) -> list[Batch]:
    """All samples in batches; they are held as bytes (about 70 kB each)."""
    stream, made = iter(samples), list[Batch]()
    while some := list(islice(stream, BATCH)):
        made.append(Batch(some, judges))
    return made


def centre(tests: Sequence[Batch]) -> None:
    """Tell all batches the mean descriptor of all labels.

    The descriptors of dlib's net have much in common, so that even strangers and ruined faces have a high cosine. With what all faces share
    taken away it says something of the person.
    """
    mean = mean_face(tests)
    for batch in tests:
        batch.mean_face = mean


def mean_face(tests: Sequence[Batch]) -> Tensor:
    """The mean descriptor `[d]` of all labels that show a face."""
    return torch.cat([batch.described for batch in tests]).nanmean(dim=0)


def inputs_hash(tests: Sequence[Batch]) -> str:
    """The sha256 of all pixels that are tested on."""
    digest = hashlib.sha256()
    for batch in tests:
        for sample in batch.samples:
            digest.update(sample.frames.tobytes() + sample.label.tobytes())
            if sample.damaged is not None:
                digest.update(np.packbits(sample.damaged).tobytes())
    return digest.hexdigest()


def rows_of(
    run: Runner | None, batch: Batch, columns: Sequence[str], keep: Callable[[str, Tensor], None] | None = None
) -> Iterator[dict[str, Any]]:
    """A row for each sample of a batch; NaN in the columns that a truth (`run` None) cannot have.

    Args:
        run: A method; None for the truth.
        batch: What it is run on.
        columns: Of a row.
        keep: Is given each sample's name and picture `[3, H, W]`.
    """
    with torch.no_grad():
        made = None if run is None else _made(run, batch)
        found = batch.measure(None if made is None else made.pictures) | ({} if made is None else dict(made.facts))
    for i, sample in enumerate(batch.samples):
        if keep is not None:
            keep(sample.name, (batch.label if made is None else fitted(made.pictures, batch.label))[i])
        values = {name: float(found[name][i]) if name in found else float("nan") for name in columns}
        yield {"name": sample.name, "group": sample.group, "cluster": sample.cluster, **values}


def _made(run: Runner, batch: Batch) -> Made:
    return run.of(batch.samples) if isinstance(run, SequenceMethod) else Made(run(batch.frames))
