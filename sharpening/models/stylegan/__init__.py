"""StyleGAN, the generator behind PULSE, the StyleGAN Editor and InterFaceGAN: networks, published files, style mixing.

`load_stylegan` reads a file in any of its published forms; `Synthesis` and `Mapping` build tiny ones of any resolution from 4 to 1024 px.
"""

from __future__ import annotations

from sharpening.models.stylegan.gan import StyleGan, draw_noise, mix
from sharpening.models.stylegan.load import load_stylegan
from sharpening.models.stylegan.mixing import mixing_grid
from sharpening.models.stylegan.model import Mapping, Synthesis

__all__ = ["Mapping", "StyleGan", "Synthesis", "draw_noise", "load_stylegan", "mix", "mixing_grid"]
