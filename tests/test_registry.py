"""The registry, and every line of every registry of the package."""

import importlib

import pytest

from sharpening.registry import Registry

REGISTRIES = [
    ("sharpening.models.zoo", "models"),
    ("sharpening.models.critics", "critics"),
    ("sharpening.losses", "losses"),
    ("sharpening.metrics", "metrics"),
    ("sharpening.training.recipes", "recipes"),
    ("sharpening.training.learner", "learners"),
    ("sharpening.reconstruct.crossover.method", "crossovers"),
    ("sharpening.reconstruct.finetune.method", "finetuners"),
]


@pytest.mark.parametrize(("module", "name"), REGISTRIES)
def test_every_line_resolves(module, name):
    registry = getattr(importlib.import_module(module), name)
    assert len(registry) > 0
    assert all(registry.get(entry) is not None for entry in registry)


def test_a_name_is_taken_once():
    registry = Registry("thing")
    registry.add("a", "math:pi")
    with pytest.raises(ValueError, match="already taken by math:pi"):
        registry.add("a", "math:tau")
    assert registry.names() == ["a"]


def test_a_target_has_a_module_and_an_attribute():
    with pytest.raises(ValueError, match="package.module:attribute"):
        Registry("thing").add("a", "math.pi")


def test_an_unknown_name_shows_the_near_ones():
    registry = Registry("thing")
    registry.add("fusion_net", "math:pi")
    with pytest.raises(KeyError, match="did you mean fusion_net"):
        registry.get("fusionnet")
    with pytest.raises(KeyError, match="known: fusion_net"):
        registry.get("zzz")
