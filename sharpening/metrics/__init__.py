"""Numbers that say how good a picture is: each a function on tensors and a `Metric` that knows its unit, direction and range.

A new one is a file here and a line below. `metrics.get("psnr")` is a `Metric`; call it with (pred, target).
LPIPS needs a network and so is made, by `lpips.lpips_metric`; `mlfdb.mlfdb_score` sums up a whole table and is no `Metric`.
"""

from __future__ import annotations

from sharpening.metrics.metric import Metric
from sharpening.registry import Registry

__all__ = ["Metric", "metrics"]

metrics = Registry("metric")
metrics.add("mse", "sharpening.metrics.error:MSE")
metrics.add("mse_255", "sharpening.metrics.error:MSE_255")
metrics.add("psnr", "sharpening.metrics.error:PSNR")
metrics.add("ssim", "sharpening.metrics.ssim:SSIM")
metrics.add("cpbd", "sharpening.metrics.cpbd:CPBD")
metrics.add("serfiq", "sharpening.metrics.serfiq:SERFIQ")
metrics.add("identity_cosine", "sharpening.metrics.identity:IDENTITY_COSINE")
metrics.add("identity_distance", "sharpening.metrics.identity:IDENTITY_DISTANCE")
