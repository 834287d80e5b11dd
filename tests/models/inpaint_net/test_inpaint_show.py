"""fastai shows pairs as pictures: base, source, mask, what the net made, label."""

from __future__ import annotations

import numpy as np
import pytest

from sharpening.imaging.files import write_picture
from sharpening.models.inpaint_net import get_learner, inpaint_dls


@pytest.mark.parametrize("n_in", [7, 9])
def test_batches_and_results_can_be_shown(n_in: int, made_face, tmp_path) -> None:
    from matplotlib import pyplot as plt

    rng = np.random.default_rng(0)
    for i in range(4):
        write_picture(tmp_path / f"{i}.png", made_face(64, rng))
    dls = inpaint_dls(tmp_path, size=64, bs=2, n_in=n_in, device="cpu")
    learn = get_learner(dls, encoder="resnet18", width=8)
    for show, n_columns in ((dls.show_batch, 4), (learn.show_results, 5)):
        plt.close("all")
        show()
        shown = plt.gcf().axes[0].images[0].get_array()
        assert shown.ndim == 3
        assert shown.shape[1] > n_columns * 128
    plt.close("all")
