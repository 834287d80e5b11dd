"""PSFR-GAN: a face parser and a generator that restores a face part by part, with their training."""

from __future__ import annotations

from sharpening.models.psfr_gan.discriminator import PsfrDiscriminator
from sharpening.models.psfr_gan.enhance import Enhanced, PsfrGan
from sharpening.models.psfr_gan.generator import PsfrGenerator
from sharpening.models.psfr_gan.load import load_psfr_gan
from sharpening.models.psfr_gan.parse_net import ParseNet

__all__ = ["Enhanced", "ParseNet", "PsfrDiscriminator", "PsfrGan", "PsfrGenerator", "load_psfr_gan"]
