"""What training can pull towards: each a function on tensors and a class that keeps settings, both with (pred, target).

A new one is a file here and a line below; `losses.get("charbonnier")` is the class. Losses that look through a network take it as
an argument, this floor knows none: `sharpening.models.critics` brings the two together.
"""

from __future__ import annotations

from sharpening.losses.base import PictureLoss
from sharpening.losses.weighted import WeightedLoss
from sharpening.registry import Registry

__all__ = ["PictureLoss", "WeightedLoss", "losses"]

losses = Registry("loss")
losses.add("mse", "sharpening.losses.pixel:MSELoss")
losses.add("l1", "sharpening.losses.pixel:L1Loss")
losses.add("charbonnier", "sharpening.losses.pixel:CharbonnierLoss")
losses.add("psnr", "sharpening.losses.pixel:PSNRLoss")
losses.add("ssim", "sharpening.losses.ssim:SSIMLoss")
losses.add("feature", "sharpening.losses.feature:FeatureLoss")
losses.add("gram", "sharpening.losses.gram:GramLoss")
losses.add("perceptual", "sharpening.losses.perceptual:PerceptualLoss")
losses.add("style", "sharpening.losses.style:StyleLoss")
losses.add("identity", "sharpening.losses.identity:IdentityLoss")
losses.add("serfiq", "sharpening.losses.serfiq:SerFiqLoss")
losses.add("inpaint", "sharpening.losses.inpaint:InpaintLoss")
losses.add("weighted", "sharpening.losses.weighted:WeightedLoss")
