"""What all commands share: where they print, options of one meaning, a counter, and messages of wrong names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress, TextColumn, TimeElapsedColumn

__all__ = ["BAD_INPUT", "SOME_FAILED", "DeviceOption", "SeedOption", "WeightsOption", "counter", "err", "known", "out"]

BAD_INPUT, SOME_FAILED = 2, 1

out, err = Console(soft_wrap=True, highlight=False), Console(stderr=True, soft_wrap=True, highlight=False)

WeightsOption = Annotated[
    str, typer.Option("--weights", help="Name of weights (default, fidelity, …), or path of a weight file with its card beside it.")
]
DeviceOption = Annotated[str | None, typer.Option("--device", help="cpu, cuda, …; CUDA where there is one when left out.")]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of all chance.")]


@contextmanager
def known(option: str) -> Iterator[None]:
    """Turn the `KeyError` of a table of names (it lists the near ones) into the message of a wrong option."""
    try:
        yield
    except KeyError as error:
        raise typer.BadParameter(f"{error.args[0]}.", param_hint=option) from error


@contextmanager
def counter(unit: str) -> Iterator[Callable[..., None]]:
    """A counter on stderr, at a terminal only; what is yielded takes (done) or (done, total)."""
    columns = (TextColumn("{task.completed} {task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=err, disable=not err.is_terminal, transient=True) as progress:
        task = progress.add_task(unit, total=None)
        yield lambda done, total=None: progress.update(task, completed=done, total=total)
