"""How good "sweep, then choose" is: each fold chooses by validation and tests what it chose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from eegdae.errors import EegdaeError
from eegdae.evaluation.choice import choose_by_fold
from eegdae.evaluation.metrics import METRICS, group_metrics
from eegdae.tasks.sweep.runs import Run

_PREFIXES = ("codes|", "autoencoder|")


class NestedChoice:
    """The choice of a setting, repeated in every fold.

    Parameters
    ----------
    runs : sequence of Run
        All with figures.
    settings : sequence of int
        Number of the setting of each run.
    """

    def __init__(self, runs: Sequence[Run], settings: Sequence[int]) -> None:
        self._runs = runs
        self._settings = np.asarray(settings)
        self._read: dict[tuple[str, int], pd.DataFrame] = {}

    def problem(self) -> str:
        """Say why there is no such figure; empty where there is one."""
        if len({run.split for run in self._runs}) > 1:
            return (
                "The runs were not split alike (split_audit.json differs), so that no choice can be repeated "
                "fold by fold, and the settings are not compared on the same people."
            )
        if not self._runs[0].split:
            return "There is no split_audit.json, so that no choice can be repeated fold by fold."
        return ""

    def figures(
        self, allowed: Sequence[int], metric: str, *, representation: str = "codes"
    ) -> pd.DataFrame | None:
        """Test figures of every group under the settings that the folds chose.

        Parameters
        ----------
        allowed : sequence of int
            Settings to choose from.
        metric : str
            What validation chooses by.
        representation : str
            Of the chosen runs: ``codes`` or ``autoencoder``.

        Returns
        -------
        DataFrame or None
            Index ``group``, columns `METRICS`: means over runs. The test rows of fold k take the
            probabilities of the setting chosen in fold k; first runs go with first runs, second
            with second, as many as all chosen settings have. None where a fold cannot choose, or the
            representation was not trained.

        Raises
        ------
        EegdaeError
            If predictions are missing or damaged.
        """
        chosen = self.chosen(allowed, metric)
        if chosen is None:
            return None
        of_setting = {
            s: [r for r, n in zip(self._runs, self._settings, strict=True) if n == s] for s in allowed
        }
        n_runs = min(len(of_setting[setting]) for setting in chosen.values())
        tables = []
        for k in range(n_runs):
            rows = [self._predictions(of_setting[setting][k], fold) for fold, setting in chosen.items()]
            table = pd.concat(rows, ignore_index=True)
            names = [name for name in table if str(name).startswith(f"{representation}|")]
            if not names:
                return None
            target, groups = table["target"].to_numpy(np.int64), table["group"].to_numpy(dtype=object)
            proba = {representation: table[names].to_numpy(float)}
            tables.append(group_metrics(target, proba, groups))
        return pd.concat(tables).groupby("group", sort=False)[list(METRICS)].mean()

    def chosen(self, allowed: Sequence[int], metric: str) -> Mapping[int, int] | None:
        """Say which setting each fold chooses.

        Parameters
        ----------
        allowed : sequence of int
            Settings to choose from.
        metric : str
            What validation chooses by.

        Returns
        -------
        mapping of int to int or None
            Fold -> setting; None where a fold cannot choose.
        """
        rows = [
            {"fold": fold, "setting": setting, "value": figures[metric]}
            for run, setting in zip(self._runs, self._settings, strict=True)
            if setting in allowed
            for fold, figures in enumerate(run.validation)
        ]
        return choose_by_fold(pd.DataFrame(rows, columns=["fold", "setting", "value"]))

    def _predictions(self, run: Run, fold: int) -> pd.DataFrame:
        if (run.name, fold) not in self._read:
            file = run.path / "folds" / str(fold) / "predictions.csv"
            try:
                table = pd.read_csv(
                    file,
                    usecols=lambda name: name in ("group", "target") or name.startswith(_PREFIXES),
                    dtype={"group": str},
                    keep_default_na=False,
                )
                table = table.astype({name: float for name in table if str(name).startswith(_PREFIXES)})
                table["group"].to_numpy(), table["target"].to_numpy(np.int64)
            except (OSError, ValueError, KeyError) as error:
                raise EegdaeError(f"{file}: missing or damaged: {' '.join(str(error).split())}") from error
            self._read[run.name, fold] = table
        return self._read[run.name, fold]
