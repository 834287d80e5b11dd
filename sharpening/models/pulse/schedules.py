"""How PULSE's learning rate goes up and down over the steps: factors of it, at step 0 … n."""

from __future__ import annotations

from collections.abc import Callable

from sharpening.errors import RangeError

__all__ = ["SCHEDULES", "schedule"]

_LOW, _LAST = 0.1, 0.001  # at both ends of the cycle, and after the drop


def _fixed(step: float, n: int) -> float:
    return 1.0


def _linear1cycle(step: float, n: float) -> float:
    return (1 - _LOW) * (1 - abs(2 * step / n - 1)) + _LOW


def _linear1cycledrop(step: float, n: int) -> float:
    cycle = 0.9 * n
    if step < cycle:
        return _linear1cycle(step, cycle)
    return _LOW + (step - cycle) / (n - cycle) * (_LAST - _LOW)


SCHEDULES: dict[str, Callable[[float, int], float]] = {
    "fixed": _fixed,
    "linear1cycle": _linear1cycle,
    "linear1cycledrop": _linear1cycledrop,
}
"""`f(step, n_steps)`, the factor of the learning rate."""


def schedule(name: str, step: int, n: int) -> float:
    """Factor of the learning rate at one step.

    Args:
        name: "fixed"; "linear1cycle", up from a tenth to 1 and down again; or "linear1cycledrop", the same over nine tenths of the steps
            and then down to a thousandth.
        step: number of steps done before, 0 … n.
        n: number of all steps, at least 1.

    Raises:
        RangeError: for another name or step.

    Source: Menon et al. 2020, arXiv:2003.03808 (the published code).

    >>> [round(schedule("linear1cycledrop", step, 100), 3) for step in (0, 45, 90, 100)]
    [0.1, 1.0, 0.1, 0.001]
    """
    if name not in SCHEDULES:
        raise RangeError("schedule", repr(name), f"one of {', '.join(SCHEDULES)}")
    if n < 1 or not 0 <= step <= n:
        raise RangeError("step, n", f"{step}, {n}", "0 ≤ step ≤ n, n at least 1")
    return SCHEDULES[name](step, n)
