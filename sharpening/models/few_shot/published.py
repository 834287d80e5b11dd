"""The published files of the few-shot face translation GAN."""

from __future__ import annotations

from sharpening.weights.published import PublishedFile

__all__ = ["PUBLISHED"]

_PLACE = "Google Drive, ids 1DUMmZGTGKMyEYSKy-w34IDHawVF24rIs and 1xl8cg7xaRnMsyiODcXguJ83d5hwodckB (which is which is not said)"
_SOURCE = f"github.com/shaoanlu/fewshot-face-translation-GAN; {_PLACE}"
_LICENCE = "none stated, so all rights are reserved: ask its author before any use"
_NOTE = (
    "Keras; read by the extra few-shot (h5py). Its identity net, FaceNet, is not part of the library: IR-SE-50 stands in for it."
)

PUBLISHED: tuple[PublishedFile, ...] = (
    PublishedFile(
        name="few-shot-encoder",
        file="encoder.h5",
        source=_SOURCE,
        licence=_LICENCE,
        free_use=False,
        model="few_shot_encoder",
        build="sharpening.models.few_shot.model:FewShotEncoder",
        convert="sharpening.models.few_shot.h5:encoder_to_house",
        note=f"1 553 480 numbers, 6.2 MB. {_NOTE}",
    ),
    PublishedFile(
        name="few-shot-decoder",
        file="decoder.h5",
        source=_SOURCE,
        licence=_LICENCE,
        free_use=False,
        model="few_shot_decoder",
        build="sharpening.models.few_shot.model:FewShotDecoder",
        convert="sharpening.models.few_shot.h5:decoder_to_house",
        note=f"30 836 953 numbers, 123 MB. {_NOTE}",
    ),
)
"""Their cards; neither is shipped. Read them with `few_shot.h5.read_h5`, which gives what `convert` takes."""
