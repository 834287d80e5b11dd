"""Recipes are frozen, checked, and the same after a trip through JSON."""

import dataclasses
import inspect

import pytest

from sharpening.errors import RangeError
from sharpening.frames.degrade import presets
from sharpening.metrics import metrics
from sharpening.models.critics import critics
from sharpening.models.learner_parts import LearnerOptions
from sharpening.training.learner import learners, loaders
from sharpening.training.recipes import Recipe, recipes


@pytest.fixture(params=recipes.names())
def recipe(request) -> Recipe:
    return recipes.get(request.param)


def test_name_is_that_of_the_table_and_json_keeps_all(recipe) -> None:
    assert recipes.get(recipe.name) is recipe
    assert Recipe.from_json(recipe.to_json()) == dataclasses.replace(recipe, settings=dict(recipe.settings))


def test_all_that_a_recipe_names_exists(recipe) -> None:
    assert recipe.model in learners
    assert recipe.critic in critics
    assert {recipe.degrade, recipe.degrade_valid} <= set(presets)
    assert all(name in metrics for name in recipe.metrics)


def test_settings_are_arguments_of_loader_and_learner(recipe) -> None:
    assert set(recipe.loader_settings()) <= set(inspect.signature(loaders.get(recipe.loaders)).parameters)
    known = set(inspect.signature(learners.get(recipe.model)).parameters) | LearnerOptions.__annotations__.keys()
    assert set(recipe.learner_settings()) <= known
    assert not recipe.start or (recipe.start in recipes and recipe.start_as in known)


def test_twin_differs_from_the_default_by_the_other_frames_only() -> None:
    twin, default = recipes.get("fusion-one-frame"), recipes.get("fusion")
    changed = {f.name for f in dataclasses.fields(Recipe) if getattr(twin, f.name) != getattr(default, f.name)}
    assert changed == {"name", "n_frames", "motion_weight", "p_fewer_frames"}
    assert twin.n_frames == 1


def test_recipes_are_frozen_and_checked() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        recipes.get("tiny").lr = 1.0
    for wrong in ({"epochs": 0}, {"lr": 0.0}, {"ema": 1.0}, {"bs": 0}, {"p_fewer_frames": -0.1}, {"clip": -1}):
        with pytest.raises(RangeError, match=next(iter(wrong))):
            Recipe(name="wrong", **wrong)
