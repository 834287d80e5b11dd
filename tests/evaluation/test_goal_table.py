"""Goals against rows with known means: figures, intervals, and which level is reached."""

import math

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from sharpening.evaluation.goal_table import GOALS, Figure, Goal, Measured, size_goals, steps, verdict
from sharpening.evaluation.goals_page import MISSING, figures_of, goals_grid
from sharpening.evaluation.goals_rows import OURS, PROTOCOLS, TWIN

N = 8


def part(protocol: str, method: str, psnr: float, cosine: float = 0.9, *, group: str = "", people: int = N, n: int = N):
    """Rows whose differences between methods are exact: pictures differ from each other, methods by a constant."""
    picture = np.linspace(-1, 1, n)
    names = [f"p{i}" for i in range(n)]
    columns = {"psnr": psnr + picture, "ssim": 0.7 + psnr / 1000 + picture / 10}
    columns |= {"identity_cosine": cosine + picture / 100, "identity_centred": cosine / 2 + picture / 10}
    clusters = [f"c{i % people}" for i in range(n)]
    return pd.DataFrame(
        {"protocol": protocol, "method": method, "name": names, "group": group or protocol, "cluster": clusters, **columns}
    )


def rows(gain: float = 4.2, *, steps_of: tuple[float, ...] = (0, 1, 2, 3, 3.5, 3.6)) -> pd.DataFrame:
    found = []
    for protocol in PROTOCOLS:
        for group in ("sparse", "dense") if protocol == "clips" else ("",):
            ours = 25 + gain
            if protocol.startswith("n-"):
                ours = 25 + steps_of[[1, 3, 5, 7, 15, 30].index(int(protocol[2:]))]
            found += [part(protocol, "bicubic", 25, group=group), part(protocol, TWIN, 27, group=group)]
            found += [part(protocol, OURS, ours, 0.96, group=group)]
    return pd.concat(found)


def reached(table: pd.DataFrame) -> dict[str, str]:
    return {goal.name: verdict(goal, figures[0])[0] for goal, figures in figures_of(Measured(table), [OURS], {})}


def test_differences_are_taken_picture_by_picture():
    figure = Measured(rows()).difference("psnr", ("stills", OURS), ("stills", "bicubic"))
    assert figure == Figure(pytest.approx(4.2), pytest.approx(0, abs=1e-9), N, N)


def test_pictures_are_told_by_name_and_not_by_order():
    turned = part("stills", OURS, 28).iloc[::-1]
    figure = Measured(pd.concat([part("stills", "bicubic", 25), turned])).difference(
        "psnr", ("stills", OURS), ("stills", "bicubic")
    )
    assert figure.mean == pytest.approx(3)
    assert figure.interval == pytest.approx(0, abs=1e-9)


def test_shorter_protocols_are_compared_on_the_pictures_they_share():
    found = Measured(pd.concat([part("n-3", OURS, 28, n=3), part("stills", TWIN, 25)]))
    assert found.difference("psnr", ("n-3", OURS), ("stills", TWIN)).n == 3
    found = Measured(pd.concat([part("motion-0", OURS, 28, n=3), part("stills", OURS, 28), part("stills", TWIN, 25)]))
    assert found.difference("psnr", ("stills", OURS), ("stills", TWIN), among="motion-0").n == 3


def test_interval_is_over_people_and_students():
    table = part("clips", OURS, 28, group="sparse", people=4)
    figure = Measured(table).mean("clips", OURS, "psnr", group="sparse")
    sums = np.array([table["psnr"][i::4].sub(28).sum() for i in range(4)])
    wanted = t.ppf(0.975, 3) * math.sqrt((sums**2).sum() * 4 / 3) / N
    assert (figure.n, figure.n_clusters) == (N, 4)
    assert figure.interval == pytest.approx(wanted)


def test_one_person_has_no_interval():
    figure = Measured(part("clips", OURS, 28, group="sparse", people=1)).mean("clips", OURS, "psnr", group="sparse")
    assert math.isnan(figure.interval)


def test_levels_of_known_rows():
    found = reached(rows())
    assert found["stills, 7 frames over bicubic of the middle"] == "target"  # 4.2 of 3, 4, 5.5
    assert found["stills, 7 frames over the same net trained as long on one"] == "target"  # 2.2 of 1.5, 2, 3
    assert found["h264 over bicubic"] == "moonshot"
    assert found["damaged-middle over bicubic"] == "no"  # 4.2 of 5
    assert found["damaged-middle against its own figure on the clean middle"] == "moonshot"
    assert found["others are noise, over the one-frame net"] == "moonshot"
    assert found["real clips, dense: SSIM over bicubic"] == "must"
    assert found["real clips, sparse: 7 frames over the one-frame net"] == "moonshot"
    assert found["stills, identity cosine over bicubic"] == "must"  # 0.06 of 0.05
    assert found[GOALS[-1].name] == "must"


def test_levels_of_worse_rows():
    found = reached(rows(gain=1.8, steps_of=(0, 1, 2, 1.9, 3.5, 3.6)))
    assert found["stills, 7 frames over bicubic of the middle"] == "no"
    assert found["others show another person, over the one-frame net"] == "must"  # -0.2 of -0.3, -0.1, 0
    assert found[GOALS[-1].name] == "no"


def test_as_good_as_bicubic_is_not_above_it():
    assert reached(rows(gain=0))["real clips, sparse: PSNR over bicubic"] == "no"


def test_smallest_step_says_where_it_is():
    found = Measured(rows(steps_of=(0, 1, 2, 1.9, 3.5, 3.6)))
    assert [round(step.mean, 6) for step in steps(found, OURS)] == [1, 1, -0.1, 1.6, 0.1]
    assert GOALS[-1].figure(found, OURS).words == "5 → 7 frames"


def test_steps_of_numbers_that_were_not_measured():
    table = rows()
    found = Measured(table[table["protocol"] != "n-5"])
    assert [step is None for step in steps(found, OURS)] == [False, True, True, False, False]
    assert GOALS[-1].figure(found, OURS).words == "15 → 30 frames"


@pytest.mark.parametrize(
    ("mean", "interval", "wanted"),
    [
        (5.0, 0.5, ("moonshot", True)),
        (3.2, 0.1, ("target", True)),
        (3.2, 0.3, ("target", False)),
        (1.2, math.nan, ("must", False)),
        (0.9, 0.2, ("no", False)),
        (0.9, 0.05, ("no", True)),
        (0.9, math.nan, ("no", False)),
    ],
)
def test_verdict_and_whether_the_interval_agrees(mean, interval, wanted):
    goal = Goal("made", lambda *_: None, (1.0, 3.0, 4.5))
    assert verdict(goal, Figure(mean, interval)) == wanted


def test_verdict_where_less_is_better_and_where_nothing_must_be():
    goal = Goal("made", lambda *_: None, (7.0, None, 3.0), at_most=True)
    assert [verdict(goal, Figure(value, 0))[0] for value in (2.0, 5.0, 8.0)] == ["moonshot", "must", "no"]
    assert verdict(goal, Figure(8.0, 1.5)) == ("no", False)
    without = Goal("made", lambda *_: None, (None, -2.0, -1.0))
    assert verdict(without, Figure(-2.5, 0.1)) == ("below target", True)
    assert verdict(without, None) == ("not measured", False)


def test_sizes():
    (parameters, n), (work, gflop) = size_goals(1_800_000, 21.0)
    assert verdict(parameters, n) == ("moonshot", True)
    assert verdict(work, gflop) == ("no", True)


def test_grid_shows_levels_figures_and_what_is_missing():
    table = rows()
    grid = goals_grid(Measured(table[table["method"] != TWIN]), [OURS, "fidelity"], {})
    assert grid.heads == ("goal", "must", "target", "moonshot", "ours ± 95 %", "reached", "fidelity ± 95 %", "reached")
    lines = {row[0]: row for row in grid.rows}
    first = lines["stills, 7 frames over bicubic of the middle"]
    assert first[1:] == ("+3.00 dB", "+4.00 dB", "+5.50 dB", "+4.20 ± 0.00 dB", "target", MISSING, "not measured")
    assert lines["others are noise, over the one-frame net"][4:6] == (MISSING, "not measured")
    assert lines["real clips, dense: PSNR over bicubic"][1:4] == ("> 0.00 dB", "", "")
