"""The StyleGAN editor (Image2StyleGAN and Image2StyleGAN++): faces found in a generator, crossed over, mended, changed, morphed.

Each edit has a function that runs it to its end and keeps the best, and one with `_steps` that can be watched and stopped.
"""

from __future__ import annotations

from sharpening.models.latent_editor.crossover import crossover, crossover_steps
from sharpening.models.latent_editor.embed import embed, embed_steps
from sharpening.models.latent_editor.expression import exchange, expression, expression_steps
from sharpening.models.latent_editor.features import load_features
from sharpening.models.latent_editor.inpaint import inpaint, inpaint_steps
from sharpening.models.latent_editor.morph import morph, morph_pictures
from sharpening.models.latent_editor.noise import embed_plus, embed_plus_steps, refine_noise, refine_noise_steps
from sharpening.models.latent_editor.optimise import Code, Embedded, LatentStep, finish
from sharpening.models.latent_editor.scribbles import scribble, scribble_steps
from sharpening.models.latent_editor.style_transfer import style_transfer, style_transfer_steps

__all__ = [
    "Code",
    "Embedded",
    "LatentStep",
    "crossover",
    "crossover_steps",
    "embed",
    "embed_plus",
    "embed_plus_steps",
    "embed_steps",
    "exchange",
    "expression",
    "expression_steps",
    "finish",
    "inpaint",
    "inpaint_steps",
    "load_features",
    "morph",
    "morph_pictures",
    "refine_noise",
    "refine_noise_steps",
    "scribble",
    "scribble_steps",
    "style_transfer",
    "style_transfer_steps",
]
