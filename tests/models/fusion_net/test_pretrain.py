"""The standing recipe on a made data set: it learns something, survives a kill, and writes weights only when they are better."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from sharpening.errors import RangeError, WeightsMismatch
from sharpening.models.basic_blocks import affine_grid
from sharpening.models.fusion_net import pretrain as module
from sharpening.models.fusion_net.extras import EXTRAS
from sharpening.models.fusion_net.held_out import HeldOut
from sharpening.models.fusion_net.legs import free_number
from sharpening.models.fusion_net.model import FusionNet
from sharpening.models.fusion_net.pretrain import PretrainPlan, pretrain, pretrain_loss
from sharpening.models.fusion_net.release import export_better
from sharpening.weights.store import load_card, load_state, save_state

PLAN = PretrainPlan(preset="tiny", n_choices=(3, 1), epochs=2, steps=2, bs=2)


@pytest.fixture(autouse=True)
def _small_held_out_sets(monkeypatch):
    monkeypatch.setattr(HeldOut.__init__, "__kwdefaults__", {"size": 2, "stop": 0, "critic": None})


def lines(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def test_a_stopped_run_goes_on_where_it_was(small_data, tmp_path):
    pretrain(replace(PLAN, stop=1), small_data, tmp_path / "run")
    net, figures = pretrain(PLAN, small_data, tmp_path / "run")
    assert [line["epoch"] for line in lines(tmp_path / "run")] == [0, 1]
    kinds = ("", "_one", "_bicubic", "_likelihood")
    assert set(figures) == {f"{name}{kind}" for name in ("stills", "damaged", "h264", "clips") for kind in kinds}
    assert all(torch.isfinite(p).all() for p in net.parameters())


def test_a_stopped_leg_goes_on_only_as_it_began(small_data, tmp_path):
    file = save_state(tmp_path / "first.safetensors", FusionNet(PLAN.preset, extras=PLAN.extras).state_dict())
    pretrain(replace(PLAN, stop=1), small_data, tmp_path / "run", init=file)
    other = save_state(tmp_path / "other.safetensors", FusionNet(PLAN.preset, extras=PLAN.extras).state_dict())
    for plan, init in ((replace(PLAN, lr=2 * PLAN.lr), file), (PLAN, other), (PLAN, None)):
        with pytest.raises(RangeError, match="delete its checkpoints"):
            pretrain(plan, small_data, tmp_path / "run", init=init)
    assert [line["epoch"] for line in lines(tmp_path / "run")] == [0]
    pretrain(PLAN, small_data, tmp_path / "run", init=file)
    assert [line["epoch"] for line in lines(tmp_path / "run")] == [0, 1]


def test_a_leg_may_keep_a_share_of_the_weights_that_it_began_with(small_data, tmp_path, monkeypatch):
    first = FusionNet(PLAN.preset, extras=PLAN.extras)
    file = save_state(tmp_path / "first.safetensors", first.state_dict())
    end, before = pretrain(PLAN, small_data, tmp_path / "run", init=file)
    plan = replace(PLAN, start_share=0.25)

    def judged(by: float):
        def gain_over(found, there, _):
            return by if "start_share" in found and "start_share" not in there else -by

        monkeypatch.setattr(module, "gain_over", gain_over)

    judged(-0.1)
    kept, figures = pretrain(plan, small_data, tmp_path / "run", init=file)
    assert figures == before
    for ended, found in zip(end.parameters(), kept.parameters(), strict=True):
        torch.testing.assert_close(found, ended)
    judged(0.1)
    mixed, figures = pretrain(plan, small_data, tmp_path / "run", init=file)  # its checkpoint is there: nothing is trained
    for began, ended, found in zip(first.parameters(), end.parameters(), mixed.parameters(), strict=True):
        torch.testing.assert_close(found, 0.25 * began + 0.75 * ended)
    assert [line.get("epoch") for line in lines(tmp_path / "run")] == [0, 1, None]
    assert figures == lines(tmp_path / "run")[-1]
    assert export_better(mixed, "x", tmp_path, plan, figures)
    card = load_card(tmp_path / "x.safetensors")
    assert "25% of the weights before kept" in card.recipe
    assert not any("share" in name for name in card.metrics)


def test_a_leg_with_a_critic_keeps_its_share_whatever_the_critic_says(small_data, tmp_path, monkeypatch):
    first = FusionNet(PLAN.preset, extras=PLAN.extras)
    file = save_state(tmp_path / "first.safetensors", first.state_dict())
    plan = replace(PLAN, epochs=1, critic="l1")
    end, _ = pretrain(plan, small_data, tmp_path / "run", init=file)
    monkeypatch.setattr(module, "gain_over", lambda *_: -1.0)
    mixed, figures = pretrain(replace(plan, start_share=0.5), small_data, tmp_path / "run", init=file)
    assert figures["start_share"] == 0.5
    for began, ended, found in zip(first.parameters(), end.parameters(), mixed.parameters(), strict=True):
        torch.testing.assert_close(found, (began + ended) / 2)
    assert lines(tmp_path / "run")[-1] == figures


@pytest.mark.parametrize(("share", "weights"), [(1.0, True), (-0.1, True), (0.5, False)])
def test_no_share_of_fresh_weights_nor_all_of_the_old_ones_is_kept(small_data, tmp_path, share, weights):
    file = save_state(tmp_path / "first.safetensors", FusionNet(PLAN.preset, extras=PLAN.extras).state_dict())
    with pytest.raises(RangeError, match="share of the weights"):
        pretrain(replace(PLAN, start_share=share), small_data, tmp_path / "run", init=file if weights else None)


def test_figures_are_those_of_this_leg_though_an_earlier_one_was_longer(small_data, tmp_path):
    pretrain(PLAN, small_data, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "checkpoints")
    _, figures = pretrain(replace(PLAN, epochs=1, seed=1), small_data, tmp_path / "run")
    last = lines(tmp_path / "run")
    assert [line["epoch"] for line in last] == [0]
    assert figures["stills"] == last[0]["stills"]
    assert len((tmp_path / "run" / "log-1.jsonl").read_text().splitlines()) == 2


def test_a_second_leg_starts_from_the_weights_of_a_first_that_stopped_early(small_data, tmp_path):
    first, _ = pretrain(replace(PLAN, n_choices=(1,), stop=1), small_data, tmp_path / "first")
    assert [line["epoch"] for line in lines(tmp_path / "first")] == [0]
    file = save_state(tmp_path / "first.safetensors", first.state_dict())
    second, _ = pretrain(replace(PLAN, epochs=1, lr=1e-9), small_data, tmp_path / "second", init=file)
    assert all(torch.allclose(a, b, atol=1e-5) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_weights_are_replaced_only_by_better_ones(small_data, tmp_path):
    net, figures = pretrain(replace(PLAN, epochs=1), small_data, tmp_path / "run")
    for gain, kept in ((0.0, 20.0), (-1.0, 20.0), (2.0, 22.0)):
        written = export_better(net, "fusion_tiny", tmp_path, PLAN, {**figures, "stills": 20.0 + gain})
        assert written == (kept == 20.0 + gain)
        assert load_card(tmp_path / "fusion_tiny.safetensors").metrics["heldout_stills"] == kept
    # What is lost in one set must be won in the others.
    export_better(net, "fusion_tiny", tmp_path, PLAN, {**figures, "stills": 23.0, "h264": figures["h264"] - 2})
    assert load_card(tmp_path / "fusion_tiny.safetensors").metrics["heldout_stills"] == 22.0


def test_the_expected_error_learns_alone_and_is_kept_when_it_foretells_better(small_data, tmp_path):
    first, figures = pretrain(replace(PLAN, epochs=1), small_data, tmp_path / "first")
    export_better(first, "fusion_tiny", tmp_path, PLAN, figures)
    plan = replace(PLAN, epochs=1, only="spread", opt="adam", lr=1e-2)
    net, found = pretrain(plan, small_data, tmp_path / "second", init=tmp_path / "fusion_tiny.safetensors")
    before, after = load_state(tmp_path / "fusion_tiny.safetensors"), net.state_dict()
    assert {key.split(".")[0] for key in before if not torch.equal(before[key].float(), after[key])} == {"spread"}
    assert found["stills"] == pytest.approx(figures["stills"], abs=0.01)  # weights are stored in 16 bits
    for gain, kept in ((-0.1, ""), (0.1, "spread alone")):
        better = {key: value + gain * key.endswith("_likelihood") for key, value in figures.items()}
        export_better(net, "fusion_tiny", tmp_path, plan, better)
        assert kept in load_card(tmp_path / "fusion_tiny.safetensors").recipe


def test_weights_of_another_critic_are_replaced_where_that_critic_says_so(small_data, tmp_path):
    plan = replace(PLAN, epochs=1, critic="l1")
    net, figures = pretrain(plan, small_data, tmp_path / "run")
    assert 0 < figures["stills_critic"] < 1
    export_better(net, "fusion_tiny", tmp_path, plan, figures)
    for change, written in ((0.01, False), (-0.01, True)):
        other = {key: value + change * key.endswith("_critic") - key.endswith("stills") for key, value in figures.items()}
        assert export_better(net, "fusion_tiny", tmp_path, plan, other) is written
    # Weights that were kept by PSNR are not given up for a loss that they have no figure of.
    plain = {key: value for key, value in figures.items() if not key.endswith("_critic")}
    export_better(net, "fusion_plain", tmp_path, PLAN, plain)
    assert not export_better(net, "fusion_plain", tmp_path, plan, figures)
    assert not export_better(net, "fusion_tiny", tmp_path, plan, dict.fromkeys(figures, math.nan))


def test_a_critic_is_not_asked_about_legs_that_began_elsewhere_or_kept_another_share(small_data, tmp_path):
    plan = replace(PLAN, epochs=1, critic="l1")
    net, figures = pretrain(plan, small_data, tmp_path / "run")
    worse = {key: value + 0.01 * key.endswith("_critic") for key, value in figures.items()}

    def written(figures: dict, history: str, name: str = "fusion_tiny") -> bool:
        return export_better(net, name, tmp_path, plan, figures, history=history)

    assert written(figures, "A; then ")
    assert not written(dict.fromkeys(figures, math.nan), "B; then ")
    assert not written(worse, "A; then ")
    assert written(worse, "B; then ")
    assert not written(worse, "B; then ")
    assert not written(worse, load_card(tmp_path / "fusion_tiny.safetensors").recipe.rpartition(": ")[2] + "; then ")
    assert written({**worse, "start_share": 0.5}, "B; then ")
    assert not written({**worse, "start_share": 0.5}, "B; then ")
    assert written(worse, "B; then ")
    # What PSNR kept stays, wherever the leg began.
    export_better(net, "fusion_plain", tmp_path, PLAN, {k: v for k, v in figures.items() if not k.endswith("_critic")})
    assert not written(figures, "C; then ", "fusion_plain")


def test_what_judges_follows_from_what_learns():
    for only, critic, judge in (
        ("", "psnr", "psnr"),
        ("spread, spread.look", "perceptual", "likelihood"),
        ("spread,decoder", "psnr", "psnr"),
        ("decoder", "perceptual", "critic"),
    ):
        assert replace(PLAN, only=only, critic=critic).judged_by == judge


def test_each_leg_on_the_card_tells_its_own_damage(small_data, tmp_path):
    net, figures = pretrain(replace(PLAN, epochs=1), small_data, tmp_path / "run")
    plan = replace(PLAN, damage="stills", other_damage={"p_garbage": 0.5}, p_clip=0.1)
    export_better(net, "fusion_tiny", tmp_path, plan, figures, history="770 steps of something else; then ")
    recipe = load_card(tmp_path / "fusion_tiny.safetensors").recipe
    assert recipe.split(": ")[1].startswith(
        "770 steps of something else; then 4 steps of 2 sequences, damage 'stills' p_garbage=0.5, 10% clips"
    )


def test_several_parts_may_learn_and_the_others_stay(small_data, tmp_path):
    torch.manual_seed(PLAN.seed)
    first = FusionNet(PLAN.preset, extras=PLAN.extras).state_dict()
    net, _ = pretrain(replace(PLAN, epochs=1, only="decoder,second_correction"), small_data, tmp_path / "run")
    moved = {key.partition(".")[0] for key, value in net.state_dict().items() if not torch.equal(value, first[key])}
    assert moved == {"decoder", "second_correction"}


def test_unknown_names_are_refused(small_data, tmp_path):
    with pytest.raises(RangeError, match="sprad.*encoder"):
        pretrain(replace(PLAN, only="decoder, sprad"), small_data, tmp_path / "run")
    with pytest.raises(RangeError, match="got , wanted"):  # an empty name would be the whole net's
        pretrain(replace(PLAN, only="decoder,"), small_data, tmp_path / "run")
    for text, told in (
        ("p_alife=0", "p_alive"),
        ("p_alive", "a number"),
        ("p_alive=none", "a number"),
        ("film:1", "one of .*film"),
        ("film=7", "0 … 1"),
        ("zoom=nan", "finite"),
    ):
        with pytest.raises(RangeError, match=told):
            module._numbers(text)
    assert module._numbers("p_alive=0,film=0.7") == {"p_alive": 0.0, "film": 0.7}


def test_decoded_pictures_are_those_of_this_list(small_data, tmp_path):
    first, second = sorted(small_data.rglob("*.webp"))[:2]
    stored = [np.array(module.decode_bank([path], [], tmp_path).stills[0]) for path in (first, second, first)]
    assert (stored[0] == stored[2]).all()
    assert (stored[0] != stored[1]).any()


def test_loss_counts_the_flow_only_where_the_motion_is_known(generator):
    parts = module.FusionParts(
        torch.rand(1, 3, 128, 128, generator=generator), torch.zeros(1, 2, 64, 64, 2), torch.zeros(1, 3, 64, 64)
    )
    motion = torch.eye(2, 3).expand(1, 2, 2, 3)
    still = torch.zeros(1, 2, 32, 32, 2)
    unknown, known = (pretrain_loss(parts, parts.pred, motion, torch.full((1, 2), value), still) for value in (0.0, 1.0))
    assert float(unknown) == pytest.approx(0, abs=2e-3)
    # Half of the coordinates' mean size, 0.5, in pixels of 32: 8; times the weight 0.05.
    assert float(known - unknown) == pytest.approx(0.05 * 8, rel=0.01)


def test_loss_knows_the_bend_of_a_living_face():
    bend = torch.zeros(1, 2, 32, 32, 2)
    bend[..., 0] = 0.25
    motion, known = torch.eye(2, 3).expand(1, 2, 2, 3), torch.ones(1, 2)
    grid = affine_grid(motion.flatten(0, 1), 64, 64).unflatten(0, (1, 2))
    parts = module.FusionParts(torch.zeros(1, 3, 128, 128), grid, torch.zeros(1, 3, 64, 64))
    there = parts._replace(flow=grid + torch.tensor([0.25, 0.0]))
    losses = [float(pretrain_loss(p, p.pred, motion, known, bend)) for p in (parts, there)]
    # 0.25 of half the picture's side is 4 px of 32, in one of two axes.
    assert losses[0] - losses[1] == pytest.approx(0.05 * 2, rel=0.01)


def test_likelihood_is_best_at_the_true_spread():
    label = torch.zeros(1, 3, 128, 128)
    parts = module.FusionParts(label + 0.1, torch.zeros(1, 1, 64, 64, 2), torch.zeros(1, 2, 64, 64))
    motion, none, still = torch.eye(2, 3).expand(1, 1, 2, 3), torch.zeros(1, 1), torch.zeros(1, 1, 32, 32, 2)
    values = {
        b: float(pretrain_loss(parts._replace(spread=torch.full((1, 1, 128, 128), b)), label, motion, none, still))
        for b in (0.05, 0.1, 0.2)
    }
    assert min(values, key=values.get) == 0.1


def test_extras_start_as_nothing_on_trained_weights(small_data, tmp_path, generator):
    first = FusionNet("tiny")
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    file = save_state(tmp_path / "first.safetensors", first.state_dict())
    grown = FusionNet("tiny", extras=tuple(EXTRAS))
    module._continue(grown, file)
    frames = torch.rand(1, 9, 32, 32, generator=generator)
    assert torch.allclose(first(frames), grown(frames), atol=1e-6)
    assert grown.parts(frames).spread.min() > 0
    assert first.parts(frames).spread is None


def test_a_leg_in_mixed_precision_keeps_its_weights_in_float32(small_data, tmp_path):
    net, figures = pretrain(replace(PLAN, epochs=1, steps=1, precision="bfloat16"), small_data, tmp_path / "run")
    assert {p.dtype for p in net.parameters()} == {torch.float32}
    assert all(math.isfinite(value) for value in figures.values())


def test_further_extras_leave_the_expected_error_as_it_was(generator, tmp_path):
    known = tuple(name for name in EXTRAS if name not in ("deep", "second-correction"))
    first = FusionNet("tiny", extras=known)
    with torch.no_grad():
        for parameter in first.parameters():
            parameter.add_(0.05 * torch.randn(parameter.shape, generator=generator))
    grown = FusionNet("tiny", extras=tuple(EXTRAS))
    module._continue(grown, save_state(tmp_path / "first.safetensors", first.state_dict()))
    frames = torch.rand(1, 3, 32, 32, generator=generator).repeat(1, 3, 1, 1)
    assert torch.allclose(first.parts(frames).spread, grown.parts(frames).spread, atol=1e-6)


def test_legs_get_numbers_that_are_free(tmp_path):
    assert free_number(tmp_path, "leg_") == 1
    (tmp_path / "leg_3.safetensors").touch()
    assert free_number(tmp_path, "leg_") == 4


def test_pixels_of_another_codec_make_no_weights_better(small_data, tmp_path):
    net, figures = pretrain(replace(PLAN, epochs=1), small_data, tmp_path / "run")
    export_better(net, "fusion_tiny", tmp_path, PLAN, figures)
    easier = {key: value + 0.1 * key.startswith("h264") for key, value in figures.items()}
    assert not export_better(net, "fusion_tiny", tmp_path, PLAN, easier)


def test_an_unknown_precision_is_refused(small_data, tmp_path):
    with pytest.raises(RangeError, match="precision"):
        pretrain(replace(PLAN, precision="half"), small_data, tmp_path / "run")


def test_weights_of_another_net_are_still_refused(tmp_path):
    state = {key: value for key, value in FusionNet("tiny").state_dict().items() if not key.startswith("encoder.")}
    file = save_state(tmp_path / "bad.safetensors", state)
    with pytest.raises(WeightsMismatch, match="encoder"):
        module._continue(FusionNet("tiny"), file)


def test_a_leg_for_the_mean_psnr_is_kept_by_its_psnr(small_data, tmp_path):
    plan = replace(PLAN, epochs=1, steps=1, critic="psnr")
    net, figures = pretrain(plan, small_data, tmp_path / "run")
    assert not any(key.endswith("_critic") for key in figures)
    assert export_better(net, "x", tmp_path, plan, figures)
    worse = {key: value - 1.0 * (not key.endswith("_bicubic")) for key, value in figures.items()}
    assert not export_better(net, "x", tmp_path, plan, worse)
    assert "psnr, seed" in load_card(tmp_path / "x.safetensors").recipe


def test_a_leg_with_the_perceptual_critic_learns(small_data, tmp_path):
    net, figures = pretrain(replace(PLAN, epochs=1, steps=1, critic="perceptual"), small_data, tmp_path / "run")
    assert all(math.isfinite(value) for value in figures.values())
    torch.manual_seed(PLAN.seed)
    fresh = FusionNet("tiny", extras=PLAN.extras)
    assert any(not torch.equal(a, b) for a, b in zip(net.decoder.parameters(), fresh.decoder.parameters(), strict=True))
