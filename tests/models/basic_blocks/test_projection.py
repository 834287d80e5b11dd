"""Back-projection: exact where it must be, better with more frames, deaf to noise."""

import numpy as np
import torch

from sharpening.frames.degrade import apply, draw, settings
from sharpening.metrics.error import psnr
from sharpening.models.basic_blocks import affine_grid, back_project, frame_agreement, warp


def made(picture: np.ndarray, preset: str) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(0)
    done = [apply(picture, draw(rng, settings(preset))) for _ in range(4)]
    frames = torch.from_numpy(np.stack([d.frames for d in done])).permute(0, 1, 4, 2, 3).float() / 255
    label = torch.from_numpy(np.stack([d.label for d in done])).permute(0, 3, 1, 2).float() / 255
    return frames, torch.from_numpy(np.stack([d.motion for d in done])), label


def project(stack: torch.Tensor, affine: torch.Tensor, **settings) -> torch.Tensor:
    moving, reference = stack.flatten(0, 1), stack[:, stack.shape[1] // 2, None].expand_as(stack).flatten(0, 1)
    belief = frame_agreement(warp(moving, affine_grid(affine, 32, 32)), reference)
    return back_project(stack, affine, belief, **settings)


def test_a_flat_sequence_stays_flat():
    stack = torch.full((1, 3, 3, 32, 32), 0.3)
    affine = torch.eye(2, 3).expand(3, 2, 3)
    assert torch.allclose(project(stack, affine), torch.full((1, 3, 128, 128), 0.3), atol=1e-5)


def test_the_result_seen_small_is_the_frame(generator):
    stack = torch.nn.functional.avg_pool2d(torch.rand(3, 80, 80, generator=generator), 5, 1)[None, None, :, ::2, ::2][..., :32, :32]
    large = project(stack, torch.eye(2, 3)[None], iterations=12)
    before = torch.nn.functional.interpolate(stack[:, 0], scale_factor=4, mode="bicubic")
    errors = [(torch.nn.functional.avg_pool2d(x, 4) - stack[:, 0]).abs().mean() for x in (before, large)]
    assert errors[1] < 0.2 * errors[0]


def test_more_frames_know_more(astronaut_face):
    frames, motion, label = made(astronaut_face, "stills")
    many = project(frames, motion.flatten(0, 1))
    one = project(frames[:, 3:4], torch.eye(2, 3).expand(4, 2, 3))
    assert psnr(many.clamp(0, 1), label).mean() > psnr(one.clamp(0, 1), label).mean() + 0.5


def test_noise_is_left_out(astronaut_face):
    frames, motion, _ = made(astronaut_face, "noise-others")
    many = project(frames, motion.flatten(0, 1))
    one = project(frames[:, 3:4], torch.eye(2, 3).expand(4, 2, 3))
    assert (many - one).abs().mean() < 0.02


def test_an_implausible_motion_stays_finite(generator):
    stack = torch.rand(1, 2, 3, 32, 32, generator=generator)
    assert torch.isfinite(project(stack, torch.zeros(2, 2, 3))).all()


def test_belief_is_in_what_looks_alike_from_afar(astronaut_face, generator):
    frames, _, _ = made(astronaut_face, "stills")
    middle = frames[:, 3]
    lighter = (0.9 * middle + 0.05).clamp(0, 1)
    noise = torch.rand(middle.shape, generator=generator)
    assert frame_agreement(middle, middle).min() > 0.999
    assert frame_agreement(lighter, middle).mean() > 0.9
    assert frame_agreement(noise, middle).max() == 0
    assert 0 < frame_agreement(noise, middle, least=0).max() < 0.05


def test_an_occluder_is_doubted_where_it_is(astronaut_face):
    frames, _, _ = made(astronaut_face, "stills")
    covered = frames[:, 3].clone()
    covered[:, :, 8:16, 8:16] = 1.0
    belief = frame_agreement(covered, frames[:, 3])
    assert belief[:, :, 2:4, 2:4].max() < 0.5 * belief[:, :, 6:, 6:].min()


def test_a_blurred_middle_does_not_speak_against_the_frames(astronaut_face):
    frames, _, _ = made(astronaut_face, "stills")
    middle = frames[:, 3].clone()
    blurred = torch.nn.functional.avg_pool2d(middle, 9, stride=1, padding=4, count_include_pad=False)
    middle[:, :, 4:20, 2:30] = blurred[:, :, 4:20, 2:30]
    sharp = frames[:, 3]
    # The strict judgement hears the places that kept their detail; were all heard, belief would fall with the blurred half.
    assert frame_agreement(sharp, middle).mean() > 0.9 * frame_agreement(sharp, middle, strict=10.0).mean()


def test_a_turned_head_is_believed_less_than_a_shifted_exposure(astronaut_face):
    frames, _, _ = made(astronaut_face, "stills")
    middle = frames[:, 3]
    grid = affine_grid(torch.eye(2, 3)[None], 32, 32)
    bent = grid.clone()
    bent[..., 0] += 0.12 * torch.cos(1.5 * grid[..., 0])  # px near the middle move by two, those at the border stay
    turned, exposed = warp(middle, bent.expand(4, -1, -1, -1)), (1.15 * middle - 0.04).clamp(0, 1)
    strict, loose = (frame_agreement(turned, middle, strict=level).mean() for level in (0.018, 10.0))
    assert strict < 0.8 * loose
    assert frame_agreement(exposed, middle).mean() > 0.9 * frame_agreement(exposed, middle, strict=10.0).mean()
