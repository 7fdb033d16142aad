from __future__ import annotations

import numpy as np
import pandas as pd

from eegdae.evaluation.choice import choose, choose_by_fold


def frame(*rows):
    return pd.DataFrame(rows, columns=["fold", "setting", "value"])


def test_the_best_mean_over_runs_wins_and_the_first_of_equals():
    assert choose(frame((0, 0, 0.9), (0, 0, 0.1), (0, 1, 0.6), (0, 1, 0.6))) == 1
    assert choose(frame((0, 1, 0.6), (0, 0, 0.6))) == 0


def test_a_run_without_a_figure_leaves_nothing_to_choose():
    assert choose(frame((0, 0, 0.9), (0, 1, np.nan))) is None
    assert choose(frame()) is None
    assert choose_by_fold(frame((0, 0, 0.9), (1, 0, np.nan))) is None
    assert choose_by_fold(frame()) is None


def test_each_fold_chooses_for_itself():
    rows = frame((0, 0, 0.9), (0, 1, 0.5), (1, 0, 0.4), (1, 1, 0.5))
    assert choose_by_fold(rows) == {0: 0, 1: 1}
