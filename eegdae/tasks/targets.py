"""The one table of what a configuration may name as ``_target_``, and the check before anything is imported.

Hydra would import and call any dotted name; a prefix such as ``torch.optim.`` is no protection, since modules
import modules. So names are looked up whole.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from typing import Any

from eegdae.errors import EegdaeError, did_you_mean

TARGETS: dict[str, tuple[str, str]] = {
    "eegdae.corruption.Artefacts": ("eegdae.corruption", "Artefacts"),
    "eegdae.corruption.BandNoise": ("eegdae.corruption", "BandNoise"),
    "eegdae.corruption.Chain": ("eegdae.corruption", "Chain"),
    "eegdae.corruption.ChannelDropout": ("eegdae.corruption", "ChannelDropout"),
    "eegdae.corruption.EdgeDropout": ("eegdae.corruption", "EdgeDropout"),
    "eegdae.corruption.FrequencyBand": ("eegdae.corruption", "FrequencyBand"),
    "eegdae.corruption.Gaussian": ("eegdae.corruption", "Gaussian"),
    "eegdae.corruption.LineNoise": ("eegdae.corruption", "LineNoise"),
    "eegdae.corruption.Masking": ("eegdae.corruption", "Masking"),
    "eegdae.corruption.Multiplicative": ("eegdae.corruption", "Multiplicative"),
    "eegdae.corruption.NodeDropout": ("eegdae.corruption", "NodeDropout"),
    "eegdae.corruption.SaltAndPepper": ("eegdae.corruption", "SaltAndPepper"),
    "eegdae.corruption.SampleSwap": ("eegdae.corruption", "SampleSwap"),
    "eegdae.corruption.TimeBlock": ("eegdae.corruption", "TimeBlock"),
    "eegdae.corruption.Uniform": ("eegdae.corruption", "Uniform"),
    "eegdae.corruption.WindowNoise": ("eegdae.corruption", "WindowNoise"),
    "eegdae.models.StackedAutoencoder": ("eegdae.models", "StackedAutoencoder"),
    "eegdae.models.CodeClassifier": ("eegdae.models", "CodeClassifier"),
    "eegdae.evaluation.heads.LogisticHead": ("eegdae.evaluation.heads", "LogisticHead"),
    "torch.optim.Adagrad": ("torch.optim", "Adagrad"),
    "torch.optim.Adam": ("torch.optim", "Adam"),
    "torch.optim.AdamW": ("torch.optim", "AdamW"),
    "torch.optim.NAdam": ("torch.optim", "NAdam"),
    "torch.optim.RAdam": ("torch.optim", "RAdam"),
    "torch.optim.RMSprop": ("torch.optim", "RMSprop"),
    "torch.optim.SGD": ("torch.optim", "SGD"),
}
"""Exact name -> (module, attribute)."""

HYDRA_TARGETS = (
    "hydra._internal.core_plugins.basic_launcher.BasicLauncher",
    "hydra_plugins.eegdae_vectorized_launcher.CheckedSweeper",
    "hydra_plugins.eegdae_vectorized_launcher.VectorizedLauncher",
    "hydra._internal.core_plugins.basic_sweeper.BasicSweeper",
    "hydra_plugins.hydra_joblib_launcher.joblib_launcher.JoblibLauncher",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.LocalLauncher",
    "hydra_plugins.hydra_submitit_launcher.submitit_launcher.SlurmLauncher",
)
"""What the keys below ``hydra`` may name besides."""
LOGGING_CLASSES = ("logging.StreamHandler", "logging.FileHandler", "logging.Formatter")
LOGGING_STREAMS = ("ext://sys.stdout", "ext://sys.stderr")


def check_targets(config: Any, *, where: str = "") -> None:
    """Refuse a configuration that names anything outside the table; imports nothing.

    Parameters
    ----------
    config : mapping, sequence or value
        Plain Python; looked through to the bottom.
    where : str
        Key of ``config``, for the message; keys below ``hydra`` may name Hydra's own parts.

    Raises
    ------
    EegdaeError
        Names the key and the value.
    """
    if isinstance(config, Mapping):
        for key, value in config.items():
            path = f"{where}.{key}" if where else str(key)
            if key in ("_target_", "()"):
                _check_name(path, value)
            elif key == "class" and where.startswith("hydra"):
                if value not in LOGGING_CLASSES:
                    raise EegdaeError(
                        f"{path}={value!r}: not allowed; {did_you_mean(str(value), LOGGING_CLASSES)}"
                    )
            else:
                check_targets(value, where=path)
    elif isinstance(config, Sequence) and not isinstance(config, str):
        for number, value in enumerate(config):
            check_targets(value, where=f"{where}[{number}]")
    elif isinstance(config, str) and config.startswith("ext://") and config not in LOGGING_STREAMS:
        # the logging module imports what such a string names
        raise EegdaeError(f"{where}={config!r}: not allowed; {did_you_mean(config, LOGGING_STREAMS)}")


def resolve(name: object, *, where: str) -> Any:
    """Import and return what a ``_target_`` names.

    Parameters
    ----------
    name : object
        The value of ``_target_``.
    where : str
        Its key, for the message.

    Raises
    ------
    EegdaeError
        If it is not in `TARGETS`.
    """
    _check_name(where, name, known=tuple(TARGETS))
    module, attribute = TARGETS[str(name)]
    return getattr(importlib.import_module(module), attribute)


def _check_name(path: str, name: object, *, known: tuple[str, ...] | None = None) -> None:
    allowed = known or (*TARGETS, *(HYDRA_TARGETS if path.startswith("hydra.") else ()))
    if name not in allowed:
        raise EegdaeError(
            f"{path}={name!r}: refused, it is not in the table of targets; {did_you_mean(str(name), allowed)}"
        )
