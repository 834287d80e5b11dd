"""From frames to picture: by itself, by hand, again from any step; and what must be refused."""

from __future__ import annotations

import json
from dataclasses import replace

import cv2
import numpy as np
import pytest
import torch

from sharpening.errors import InputError, NoFaceFound, RangeError, ShapeError, WeightsMissing
from sharpening.frames.sequence import FrameSequence
from sharpening.imaging.files import write_picture
from sharpening.imaging.mask_files import write_mask
from sharpening.reconstruct import STEPS, Choice, Reconstruction, Settings, read_choice, read_state
from sharpening.reconstruct import steps as steps_module
from sharpening.restore.finetune import MOST_CHANGE

BICUBIC = Settings(clean="bicubic")


@pytest.fixture(scope="module")
def done(film):
    """One reconstruction with the middle as its base, from bicubic frames, without a judge."""
    return Reconstruction(BICUBIC, judge=False)(film.sequence, Choice(base=3))


def psnr(picture: np.ndarray, label: np.ndarray, where: np.ndarray) -> float:
    return float(-10 * np.log10(np.square(picture - label / 255)[where].mean()))


def test_blurred_parts_come_from_frames_that_show_them(film, done) -> None:
    picked = {pick.part: done.state.names[pick.frame] for pick in done.state.picks}
    for part in film.blurred[3]:
        assert picked[part] != 3, (part, picked)
        assert part not in film.blurred[picked[part]], (part, picked)
    assert picked["nose"] == 3 or "nose" not in film.blurred[picked["nose"]]


def test_the_picture_becomes_better_where_it_was_blurred_and_stays_elsewhere(film, done) -> None:
    inside, label = film.inside(), film.sequence.label
    assert psnr(done.picture, label, inside) > psnr(done.base_picture, label, inside) + 2
    far = cv2.dilate(inside.astype(np.uint8), np.ones((41, 41))) == 0
    assert np.abs(done.picture - done.base_picture)[far].mean() < 0.01


def test_every_step_is_in_the_trace(done) -> None:
    assert [step.name for step in done.trace.steps] == list(STEPS)
    assert set(done.report["seconds"]) == {*STEPS, "total"}
    assert done.trace.sheet().shape[0] > 5 * 128
    assert "Base: frame 3" in done.report["rests_on"][0]
    assert len(done.report["rests_on"]) > 1
    assert any("300-W" in words for words in done.report["terms"])
    json.dumps(done.report, allow_nan=False)


def test_the_choice_that_comes_out_makes_the_same_picture(film, done, tmp_path) -> None:
    path = done.save(tmp_path / "face.png", keep_state=True)
    assert {file.name for file in tmp_path.iterdir()} == {"face.png", "face.json", "face.sheet.png", "face.state.npz"}
    choice, settings = read_choice(path.with_suffix(".json"))
    assert settings == BICUBIC
    assert choice.rest == "base"
    again = Reconstruction(settings, judge=False)(film.sequence, choice)
    # Sums differ in their last digits with where arrays happen to lie in memory.
    assert np.allclose(again.picture, done.picture, atol=1e-6)


@pytest.mark.parametrize("start", STEPS[1:])
def test_the_work_goes_on_from_any_step_of_a_stored_state(done, start, tmp_path) -> None:
    done.save(tmp_path / "face.png", keep_state=True)
    state = read_state(tmp_path / "face.state.npz")
    again = Reconstruction(BICUBIC, judge=False).again(state, done.choice, start=start)
    assert np.allclose(again.picture, done.picture, atol=1e-6)


def test_another_crossover_needs_only_its_own_step(film, done) -> None:
    sharp = Settings(clean="bicubic", crossover="sharp")
    again = Reconstruction(sharp, judge=False).again(done, start="crossover")
    whole = Reconstruction(sharp, judge=False)(film.sequence, Choice(base=3))
    assert np.allclose(again.picture, whole.picture, atol=1e-6)
    assert not np.allclose(again.picture, done.picture)


def test_what_the_user_chooses_is_done(film) -> None:
    chosen = Reconstruction(BICUBIC, judge=False)(film.sequence, Choice(base=3, sources={"mouth": 5, "left_eye": 3}, rest="base"))
    assert {pick.part for pick in chosen.state.picks if pick.frame != 3} == {"mouth"}
    assert chosen.choice.sources["mouth"] == 5
    assert chosen.choice.sources["nose"] == 3


def test_the_base_is_chosen_by_itself(film) -> None:
    found = Reconstruction(BICUBIC, judge=False)(film.sequence)
    assert found.choice.base in range(7)
    assert "turned" in found.report["rests_on"][0]


def test_a_mask_of_the_users_takes_the_place_of_the_found_one(film, done, tmp_path) -> None:
    mask = torch.zeros(1, 128, 128)
    mask[:, 80:96, 50:80] = 1
    write_mask(tmp_path / "mouth.png", mask)
    choice = Choice(base=3, sources={"mouth": 0}, rest="base", masks={"mouth": str(tmp_path / "mouth.png")})
    made = Reconstruction(Settings(clean="bicubic", crossover="sharp"), judge=False)(film.sequence, choice)
    changed = np.abs(made.picture - made.base_picture).max(axis=2) > 0.02
    assert changed[80:96, 50:80].any()
    assert not changed[:76].any()
    assert not changed[100:].any()


def test_a_mask_of_wrong_size_is_refused(film, tmp_path) -> None:
    write_mask(tmp_path / "small.png", torch.ones(1, 32, 32))
    with pytest.raises(ShapeError, match="small.png.*32×32.*128×128"):
        Reconstruction(BICUBIC, judge=False)(film.sequence, Choice(base=3, masks={"mouth": str(tmp_path / "small.png")}))


def test_a_choice_that_names_frames_that_are_not_there_is_refused(film) -> None:
    with pytest.raises(RangeError, match="source of mouth: frame 12"):
        Reconstruction(BICUBIC, judge=False)(film.sequence, Choice(sources={"mouth": 12}))


def test_without_a_face_in_any_frame_there_is_nothing_to_do(rng) -> None:
    noise = rng.integers(0, 255, (7, 32, 32, 3), dtype=np.uint8)
    with pytest.raises(NoFaceFound, match="any frame"):
        Reconstruction(BICUBIC, judge=False)(FrameSequence(noise, "noise"))


def test_frames_without_a_face_are_named_and_not_used(film, rng) -> None:
    frames = film.sequence.frames.copy()
    frames[[0, 6]] = rng.integers(0, 255, (2, 32, 32, 3), dtype=np.uint8)
    made = Reconstruction(BICUBIC, judge=False)(FrameSequence(frames, "film"), Choice(base=3))
    assert not {0, 6} & {pick.frame for pick in made.state.picks}
    assert any("frame(s) 0, 6" in words for words in made.warnings)
    with pytest.raises(NoFaceFound, match="frame 0"):
        Reconstruction(BICUBIC, judge=False)(FrameSequence(frames, "film"), Choice(base=0))


def test_two_persons_are_refused_by_name(film, colour_judge) -> None:
    frames = film.sequence.frames.copy()
    tinted = np.float32([0.45, 0.9, 1.2])
    frames[[1, 4]] = np.clip(frames[[1, 4]] * tinted, 0, 255).astype(np.uint8)
    with pytest.raises(InputError, match="person 2: frames 1, 4"):
        Reconstruction(BICUBIC, judge=colour_judge)(FrameSequence(frames, "film"))
    allowed = Settings(clean="bicubic", keep_person=False)
    Reconstruction(allowed, judge=colour_judge)(FrameSequence(frames, "film"), Choice(base=3, rest="base"))


def test_heads_that_look_elsewhere_give_nothing(film, done) -> None:
    state = replace(done.state)
    state.poses = [pose if i == 3 else _turned(pose, 50) for i, pose in enumerate(state.poses)]
    made = Reconstruction(BICUBIC, judge=False).again(state, Choice(base=3), start="select")
    assert {pick.frame for pick in made.state.picks} == {3}
    assert np.array_equal(made.picture, made.base_picture)
    assert any("from the side" in words for words in made.warnings)


def test_a_base_that_looks_elsewhere_is_warned_of(done) -> None:
    state = replace(done.state)
    state.poses = [_turned(pose, 60) for pose in state.poses]
    made = Reconstruction(BICUBIC, judge=False).again(state, Choice(base=3), start="select")
    assert any("profile" in words for words in made.warnings)


def _turned(pose, yaw: float):
    return replace(pose, yaw=yaw)


def test_a_part_that_does_not_fit_is_not_put_in(film, done, monkeypatch) -> None:
    """The transfer goes astray: what comes is not the mouth."""
    lost = 1 - torch.from_numpy(done.base_picture).movedim(-1, 0)

    def astray(source, base, mask):
        return steps_module.Moved(lost, torch.ones(1, 128, 128))

    method = Reconstruction(BICUBIC, judge=False)
    monkeypatch.setattr(method, "_transfer", astray)
    made = method.again(done, Choice(base=3), start="transfer")
    assert np.array_equal(made.picture, made.base_picture)
    assert any("does not fit the base" in words and "not taken" in words for words in made.warnings)


@pytest.mark.parametrize(
    ("mismatch", "believed", "taken"), [(0.2, 1.0, True), (0.45, 1.0, False), (0.45, 0.5, True), (0.6, 0.5, False)]
)
def test_a_source_that_does_not_lie_on_the_base_is_left_out(done, monkeypatch, mismatch, believed, taken) -> None:
    method = Reconstruction(BICUBIC, judge=False)
    real = method._transfer

    def measured(source, base, mask):
        moved = real(source, base, mask)
        method._facts.update(mismatch=mismatch, believed=believed)
        return moved

    monkeypatch.setattr(method, "_transfer", measured)
    made = method.again(done, Choice(base=3), start="transfer")
    assert bool(made.state.taken) == taken
    assert any("does not lie on the base" in words for words in made.warnings) == (not taken)


def test_parts_that_lead_away_from_the_person_are_taken_out_again(film, done, colour_judge, monkeypatch) -> None:
    method = Reconstruction(BICUBIC, judge=colour_judge)
    first = method(film.sequence, Choice(base=3))
    monkeypatch.setattr(method, "_cross", lambda base, source, mask: base * torch.tensor([0.2, 1, 1])[:, None, None])
    made = method.again(first, start="crossover")
    assert np.array_equal(made.picture, made.base_picture)
    assert any("taken out again" in words for words in made.warnings)
    captions = made.trace["crossover"].captions
    assert captions[0] == captions[-1] == "base 3"
    assert all(caption.endswith("(taken out again)") for caption in captions[1:-1])


def test_a_finetuner_that_changes_the_person_is_undone(film, colour_judge, monkeypatch) -> None:
    settings = Settings(clean="bicubic", finetune="unsharp-mask")
    method = Reconstruction(settings, judge=colour_judge)
    made = method(film.sequence, Choice(base=3))
    assert made.report["finetune"]["kept"]
    assert not np.array_equal(made.picture, made.state.crossed.movedim(0, -1).numpy())
    monkeypatch.setattr(method, "_finetune", lambda picture: picture * torch.tensor([0.1, 1, 1])[:, None, None])
    undone = method.again(made, start="finetune")
    assert not undone.report["finetune"]["kept"]
    assert undone.report["finetune"]["identity_change"] > MOST_CHANGE
    assert np.array_equal(undone.picture, undone.state.crossed.movedim(0, -1).numpy())
    assert any("thrown away" in words for words in undone.warnings)


def test_another_limit_looks_for_sources_anew(film, done) -> None:
    assert done.state.used
    strict = replace(BICUBIC, clearly=50.0)
    assert not Reconstruction(strict, judge=False).again(done).state.used
    assert not Reconstruction(strict, judge=False).again(done, done.choice).state.used
    by_hand = Choice(base=3, sources={"mouth": 5}, rest="base")
    assert Reconstruction(strict, judge=False).again(done, by_hand).state.used == {5: ("mouth",)}


def test_who_goes_on_from_a_state_is_told_what_was_found_in_the_input(film, tmp_path) -> None:
    one = Reconstruction(BICUBIC, judge=False)(FrameSequence(film.sequence.frames[3:4], "one"))
    assert any("Only one frame was used" in words for words in one.warnings)
    one.save(tmp_path / "a.png", keep_state=True)
    again = Reconstruction(BICUBIC, judge=False).again(read_state(tmp_path / "a.state.npz"))
    assert again.warnings == one.warnings


def test_a_finetuner_that_refuses_costs_nothing_but_its_step(film, monkeypatch) -> None:
    method = Reconstruction(Settings(clean="bicubic", finetune="unsharp-mask"), judge=False)

    def refuses(picture):
        raise RangeError("size", 1280, "at most 1024")

    monkeypatch.setattr(method, "_finetune", refuses)
    made = method(film.sequence, Choice(base=3))
    assert any("could not be used" in words for words in made.warnings)
    assert np.array_equal(made.picture, made.state.crossed.movedim(0, -1).numpy())


def test_numbers_of_numpy_are_saved(film, tmp_path) -> None:
    made = Reconstruction(BICUBIC, judge=False)(film.sequence, Choice(base=3), n_frames=np.int64(5), middle=np.int64(3))
    made.save(tmp_path / "a.png", keep_state=True)
    assert read_choice(tmp_path / "a.json")[0].where["n_frames"] == 5


def test_no_input_is_written_over_and_no_state_of_another_picture_stays(film, done, tmp_path) -> None:
    frames = [write_picture(tmp_path / f"{i}.png", frame) for i, frame in enumerate(film.sequence.frames)]
    before = frames[3].read_bytes()
    made = Reconstruction(BICUBIC, judge=False)(frames, Choice(base=3))
    with pytest.raises(InputError, match="written over"):
        made.save(frames[3])
    assert frames[3].read_bytes() == before
    path = made.save(tmp_path / "out" / "face.png", keep_state=True)
    made.save(path)
    assert not path.with_suffix(".state.npz").exists()
    done.save(path, keep_state=True)
    state = read_state(path.with_suffix(".state.npz"))
    Reconstruction(BICUBIC, judge=False).again(state).save(path)
    assert path.with_suffix(".state.npz").exists()  # it was the input


def test_steps_that_were_never_done_cannot_be_gone_on_from(done) -> None:
    bare = replace(done.state, cleaned=None, quality=None, masks={}, crossed=None)
    for start in STEPS[1:]:
        with pytest.raises(RangeError, match="start"):
            Reconstruction(BICUBIC, judge=False).again(bare, start=start)
    with pytest.raises(RangeError, match="one of clean"):
        Reconstruction(BICUBIC, judge=False).again(done, start="blend")


def test_methods_that_are_not_there_are_told_before_any_work() -> None:
    with pytest.raises(KeyError, match="did you mean"):
        Reconstruction(Settings(crossover="softer"), judge=False)
    with pytest.raises(WeightsMissing, match="weights import encoder.h5 --as few-shot-encoder"):
        Reconstruction(Settings(transfer="few-shot"), judge=False)


@pytest.mark.parametrize("content", [b"", b"<html>", b"PK\x03\x04 broken"])
def test_a_file_that_is_no_state_is_told(content, tmp_path) -> None:
    file = tmp_path / "x.state.npz"
    file.write_bytes(content)
    with pytest.raises(InputError, match="x.state.npz"):
        read_state(file)


def test_a_state_of_pickles_is_not_opened(tmp_path) -> None:
    file = tmp_path / "x.state.npz"
    np.savez(file, facts=np.array([{"version": 1}], dtype=object))
    with pytest.raises(InputError, match="x.state.npz"):
        read_state(file)


def test_persons_are_judged_unless_one_says_not_to() -> None:
    assert Reconstruction(BICUBIC).judge is not None
    assert Reconstruction(BICUBIC, judge=False).judge is None
    assert Reconstruction(BICUBIC, judge=None).judge is None


def test_frames_are_taken_round_a_chosen_base(film) -> None:
    longer = np.concatenate([film.sequence.frames] * 2)
    made = Reconstruction(BICUBIC, judge=False)(longer, Choice(base=10, rest="base"), cropped=True)
    assert made.choice.base == 10
    assert list(made.state.names) == list(range(7, 14))


def astray_from(method: Reconstruction, monkeypatch, mismatch: float, *, at_call: int = 1) -> None:
    """Let the transfer measure this mismatch from its n-th call on."""
    real, calls = method._transfer, []

    def measured(source, base, mask):
        moved = real(source, base, mask)
        calls.append(source)
        method._facts.update(mismatch=mismatch if len(calls) >= at_call else 0.1, believed=1.0)
        return moved

    monkeypatch.setattr(method, "_transfer", measured)


def test_a_choice_that_was_found_is_checked_again_and_one_by_hand_is_not(done, monkeypatch) -> None:
    method = Reconstruction(BICUBIC, judge=False)
    astray_from(method, monkeypatch, 0.9)
    assert not method.again(done, start="select").state.taken
    chosen = replace(done.choice, sources={**done.choice.sources, "mouth": 1, "nose": 3})
    assert method.again(done, chosen, start="select").state.by_hand == chosen.by_hand
    by_hand = method.again(done, Choice(base=3, sources={"mouth": 1}, rest="base"), start="select")
    assert by_hand.state.taken == {1: ("mouth",)}
    assert any("as you chose" in words for words in by_hand.warnings)
    assert by_hand.choice.by_hand == {"mouth"}
    assert method.again(by_hand, start="select").state.taken == {1: ("mouth",)}


def test_a_source_is_asked_again_when_a_part_of_it_was_dropped(done, monkeypatch) -> None:
    method = Reconstruction(BICUBIC, judge=False)
    real, asked = steps_module.fitting, []

    def fitting(state, moved, base, parts):
        asked.append(parts)
        found = real(state, moved, base, parts)
        return {**found, parts[0]: (0.1, 1.0)} if len(asked) == 1 else found

    monkeypatch.setattr(steps_module, "fitting", fitting)
    choice = Choice(base=3, sources={"mouth": 1, "nose": 1}, rest="base", found={"mouth": 1, "nose": 1})
    astray_from(method, monkeypatch, 0.9, at_call=2)
    made = method.again(done, choice, start="select")
    assert asked == [("nose", "mouth"), ("mouth",)]
    assert not made.state.taken
    assert any("does not lie on the base (mismatch 0.90): not taken" in words for words in made.warnings)


def test_what_was_taken_out_again_comes_back_with_another_crossover(film, colour_judge, monkeypatch) -> None:
    method = Reconstruction(BICUBIC, judge=colour_judge)
    first = method(film.sequence, Choice(base=3))
    monkeypatch.setattr(method, "_cross", lambda base, source, mask: base * torch.tensor([0.2, 1, 1])[:, None, None])
    undone = method.again(first, start="crossover")
    assert undone.report["steps"]["crossover"] == {}
    assert set(undone.choice.sources.values()) == {3}
    assert undone.report["rests_on"][1] == "No part was taken from another frame."
    kept = method.again(undone, start="finetune")
    assert any("taken out again" in words for words in kept.warnings)
    again = Reconstruction(Settings(clean="bicubic", crossover="soft"), judge=colour_judge).again(undone, start="crossover")
    assert again.state.used == first.state.used
    assert not again.warnings or not any("taken out again" in words for words in again.warnings)


def test_parts_of_the_users_stay_where_the_person_is_lost(film, colour_judge, monkeypatch) -> None:
    method = Reconstruction(BICUBIC, judge=colour_judge)
    first = method(film.sequence, Choice(base=3, sources={"mouth": 1}))
    monkeypatch.setattr(method, "_cross", lambda base, source, mask: base * torch.tensor([0.2, 1, 1])[:, None, None])
    made = method.again(first, start="crossover")
    assert made.state.used == {1: ("mouth",)}
    assert any("taken out again, mouth left in, as you chose" in words for words in made.warnings)


@pytest.mark.parametrize("middle", [None, 7, 11])
def test_a_choice_takes_the_frames_that_it_was_made_of(film, middle) -> None:
    longer = np.concatenate([film.sequence.frames] * 3)
    method = Reconstruction(BICUBIC, judge=False)
    first = method(longer, cropped=True, middle=middle)
    again = method(longer, first.choice, cropped=True)
    assert again.state.names == first.state.names
    assert np.allclose(again.picture, first.picture, atol=1e-6)
    assert not any("The choice was made of frames" in words for words in again.warnings)


@pytest.mark.parametrize("middle", [0, 1, 10, 19, 20])
def test_frames_lie_in_their_order_of_time_wherever_the_middle_is(film, middle) -> None:
    """Landmarks are borrowed from the nearest frames first, which are the nearest in the stack only so."""
    longer = np.concatenate([film.sequence.frames] * 3)
    state = Reconstruction(BICUBIC, judge=False)(longer, cropped=True, middle=middle).state
    assert list(state.names) == sorted(set(state.names))
    assert len(state.names) == 7
    assert state.names[state.middle] == middle
    assert all(np.array_equal(frame, longer[name]) for frame, name in zip(state.frames, state.names, strict=True))


def test_other_frames_than_those_of_the_choice_are_warned_of(film) -> None:
    method = Reconstruction(BICUBIC, judge=False)
    first = method(film.sequence)
    made = method(film.sequence, replace(first.choice, sources={}, found={}), start=0, stop=6)
    assert any(
        "The choice was made of frames 0, 1, 2, 3, 4, 5, 6; now 0, 1, 2, 3, 4, 5 are used" in words for words in made.warnings
    )


def test_what_cannot_be_changed_any_more_is_refused(done) -> None:
    dlib = Reconstruction(Settings(clean="bicubic", transfer="dlib"), judge=False)
    with pytest.raises(RangeError, match="transfer.*'dense'.*Begin with that step"):
        dlib.again(done, start="crossover")
    assert dlib.again(done, start="transfer").settings.transfer == "dlib"
    method = Reconstruction(BICUBIC, judge=False)
    with pytest.raises(RangeError, match="base: frame 5.*Begin with 'select'"):
        method.again(done, Choice(base=5), start="crossover")
    with pytest.raises(RangeError, match="mask of mouth.*Begin with 'mask'"):
        method.again(done, Choice(masks={"mouth": "m.png"}), start="transfer")


def test_a_part_without_a_mask_is_told_and_not_taken(film, tmp_path) -> None:
    write_mask(tmp_path / "nothing.png", torch.zeros(1, 128, 128))
    masks = {"mouth": str(tmp_path / "nothing.png"), "nose": str(tmp_path / "nothing.png")}
    made = Reconstruction(BICUBIC, judge=False)(film.sequence, Choice(base=3, sources={"mouth": 1}, rest="base", masks=masks))
    assert np.array_equal(made.picture, made.base_picture)
    assert any("no mask of mouth" in words for words in made.warnings)
    assert any("mask of nose was not used" in words for words in made.warnings)
    json.dumps(made.report, allow_nan=False)


def test_a_finetuner_that_cannot_take_the_picture_costs_nothing(done, colour_judge, monkeypatch) -> None:
    method = Reconstruction(Settings(clean="bicubic", finetune="unsharp-mask"), judge=colour_judge)

    def refuse(picture):
        raise NoFaceFound("the picture", "Give a larger one.")

    monkeypatch.setattr(method, "_finetune", refuse)
    made = method.again(done, start="finetune")
    assert np.array_equal(made.picture, done.picture)
    assert any("could not be used" in words and "Give a larger one" in words for words in made.warnings)
    assert made.report["finetune"] == {"identity_change": None, "undone_from": MOST_CHANGE, "kept": False}


def test_a_finetuner_is_judged_by_the_landmarks_that_are_known(done) -> None:
    """A judge that finds no face in the result by itself must not let everything pass."""
    from sharpening.models.face_id.judge import FaceJudge

    method = Reconstruction(Settings(clean="bicubic", finetune="unsharp-mask"), judge=FaceJudge(find=lambda picture: []))
    method._finetune = lambda picture: 1 - picture
    made = method.again(done, start="finetune")
    assert made.report["finetune"]["identity_change"] > MOST_CHANGE
    assert np.array_equal(made.picture, done.picture)


def test_identity_is_warned_of_after_a_stored_state_too(done, colour_judge, tmp_path) -> None:
    strangers = type(colour_judge)(scale=400.0)
    first = Reconstruction(Settings(clean="bicubic", keep_person=False), judge=strangers)(
        FrameSequence(done.state.frames, "film"), Choice(base=3)
    )
    assert any("identity" in words for words in first.warnings)
    first.save(tmp_path / "face.png", keep_state=True)
    state = read_state(tmp_path / "face.state.npz")
    again = Reconstruction(first.settings, judge=strangers).again(state, start="crossover")
    assert [words for words in again.warnings if "identity" in words] == [words for words in first.warnings if "identity" in words]


def test_damaged_states_are_told(done, tmp_path, rng) -> None:
    data = done.save(tmp_path / "face.png", keep_state=True).with_suffix(".state.npz").read_bytes()
    file = tmp_path / "x.state.npz"
    for k in range(60):
        broken = bytearray(data)
        if k % 3 == 0:
            broken = broken[: int(rng.integers(1, len(broken)))]
        else:
            for _ in range(3):
                broken[int(rng.integers(0, len(broken)))] ^= int(rng.integers(1, 255))
        file.write_bytes(broken)
        try:
            read_state(file)
        except InputError as error:
            assert "x.state.npz" in str(error)  # noqa: PT017  (a flipped bit in a comment field may go unseen)


@pytest.mark.parametrize(
    "change",
    [
        {"taken": [1]},
        {"taken": {"99": ["mouth"]}},
        {"base": 100},
        {"names": [0]},
        {"warnings": []},
        {"landmarks": {}},
        {"picks": [["ear", 1, "", False]]},
        {"alignments": [None] * 6},
        {"settings": {"enlarge": "four"}},
        {"array": ("cleaned", np.zeros((7, 3, 64, 64), np.float32))},
        {"array": ("cleaned", np.zeros((2, 2), np.float32))},
        {"array": ("crossed", np.zeros((3, 128, 128), np.int64))},
        {"array": ("landmarks.0", np.full((68, 2), np.nan))},
    ],
)
def test_states_whose_pieces_do_not_fit_are_told(done, tmp_path, change) -> None:
    stored = done.save(tmp_path / "face.png", keep_state=True).with_suffix(".state.npz")
    arrays = dict(np.load(stored))
    facts = json.loads(str(arrays["facts"]))
    if "array" in change:
        name, array = change["array"]
        arrays[name], change = array, {}
    arrays["facts"] = np.array(json.dumps({**facts, **change}))
    np.savez(tmp_path / "y.state.npz", **arrays)
    with pytest.raises(InputError, match="y.state.npz"):
        read_state(tmp_path / "y.state.npz")


def test_a_state_that_unpacks_to_too_much_is_not_opened(done, tmp_path, monkeypatch) -> None:
    from sharpening.reconstruct import state_file

    stored = done.save(tmp_path / "face.png", keep_state=True).with_suffix(".state.npz")
    monkeypatch.setattr(state_file, "LARGEST", 1000)
    with pytest.raises(InputError, match="unpacked"):
        read_state(stored)


def test_a_transfer_that_finds_no_face_costs_that_source_only(done, monkeypatch) -> None:
    method = Reconstruction(BICUBIC, judge=False)
    real, first = method._transfer, []

    def move(source, base, mask):
        first.append(source)
        if source is first[0]:
            raise NoFaceFound("any of the 13 generated pictures")
        return real(source, base, mask)

    monkeypatch.setattr(method, "_transfer", move)
    made = method.again(done, Choice(base=3, sources={"mouth": 1, "nose": 6}, rest="base"), start="select")
    assert list(made.state.taken.values()) == [("nose",)]
    assert any("Frame 1 could not be brought" in words for words in made.warnings)


@pytest.mark.parametrize("where", [{"start": 10, "middle": 10}, {"start": 5, "stop": 9, "middle": 5}, {"n_frames": 5, "middle": 9}])
def test_a_choice_remembers_where_its_frames_were_looked_for(film, where, tmp_path) -> None:
    longer = np.concatenate([film.sequence.frames] * 3)
    method = Reconstruction(BICUBIC, judge=False)
    first = method(longer, cropped=True, **where)
    choice, _ = read_choice(first.save(tmp_path / "x.png").with_suffix(".json"))
    again = method(longer, choice)
    assert again.state.names == first.state.names
    assert np.allclose(again.picture, first.picture, atol=1e-6)


def test_a_choice_is_of_the_same_face(astronaut_face, tmp_path) -> None:
    """Two faces in the scene, the second of another colour: the choice of one is never used on the other."""
    tinted = np.clip(astronaut_face * np.float32([0.6, 1.0, 1.2]), 0, 255).astype(np.uint8)
    scene = np.concatenate([astronaut_face, tinted], axis=1)
    frames = [np.ascontiguousarray(np.roll(scene, k, axis=0)) for k in range(3)]
    method = Reconstruction(BICUBIC, judge=False)
    for face in (0, 1):
        first = method(frames, face=face)
        choice, _ = read_choice(first.save(tmp_path / f"{face}.png").with_suffix(".json"))
        assert np.allclose(method(frames, choice).picture, first.picture, atol=1e-6)


def test_a_judge_that_comes_later_judges_too(done, colour_judge) -> None:
    again = Reconstruction(BICUBIC, judge=colour_judge).again(done.state, start="crossover")
    assert set(again.report["identity_agreement"]) == {"base", "result"}


def test_another_way_to_the_face_takes_the_place_of_the_earlier_one(film) -> None:
    earlier = Choice(base=3, rest="base", where={"box": (0.0, 0.0, 32.0, 32.0), "face": 1, "n_frames": 5})
    made = Reconstruction(BICUBIC, judge=False)(film.sequence, earlier, cropped=True)
    assert made.state.where == {"cropped": True, "n_frames": 5}
