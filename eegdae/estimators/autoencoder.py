"""The stacked denoising autoencoder as a scikit-learn transformer of rows."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from eegdae.corruption import (
    Corruption,
    Gaussian,
    Masking,
    Multiplicative,
    SaltAndPepper,
    SampleSwap,
    Uniform,
)
from eegdae.errors import EegdaeError, did_you_mean
from eegdae.models import stack_from_config
from eegdae.models.identity import warn_of_identity
from eegdae.training import FitSpec, Objective, Optimizer, Schedule, fit_many

CORRUPTIONS: dict[str, type[Corruption]] = {
    "gaussian": Gaussian,
    "masking": Masking,
    "multiplicative": Multiplicative,
    "salt_and_pepper": SaltAndPepper,
    "sample_swap": SampleSwap,
    "uniform": Uniform,
}
"""Name -> kind, of those that need to know nothing of the features."""


class StackedDenoisingAutoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """Turn rows of features into a few codes, and codes back into rows.

    Layer k is trained to bring the corrupted codes of the layers below back to the clean ones; then all
    layers are trained together. Rows are taken as they are: put a scaler before it in a pipeline.

    Parameters
    ----------
    hidden : sequence of int
        Widths of the layers; the last is the number of codes.
    corruption : str or Corruption
        What is to be undone: ``gaussian``, ``multiplicative``, ``uniform``, ``masking``, ``salt_and_pepper``,
        ``sample_swap``, or a `Corruption` with its options, for example a `Chain`; kinds that need channels
        or samples are refused. Its statistics come from the rows of `fit`.
    level : float
        How much, 0 or more; 0 is the plain autoencoder. Gaussian and uniform: sd of the noise over that of
        the layer's clean input; multiplicative: sd of the factor; the others: share of the entries, less
        than 1.
    pretrain : {"greedy_then_joint", "greedy", "joint", "none"}
        Layer by layer, all layers at once, one after the other, or left as drawn.
    epochs, joint_epochs : int
        Of each greedy stage, and of the joint pass.
    batch_size : int
        Rows a step.
    loss : {"mse", "bce", "huber", "correntropy"}
        Squared error; binary cross-entropy with a sigmoid output for rows in [0, 1]; Huber and correntropy
        loss, which outliers hardly move, with delta and sigma of 1 in units of the rows.
    optimizer : {"Adam", "AdamW", "SGD"}
        Of ``torch.optim``.
    lr : float
        Its step size.
    activation, code_activation : str
        Of every layer but the last, and of the codes: "linear", "relu", "leaky_relu", "elu", "selu", "gelu",
        "silu", "softplus", "tanh" or "sigmoid".
    tied : bool
        Decoders have the encoders' weights, transposed.
    residual : bool
        Add a layer's input to its code, and its code to its reconstruction.
    layer_norm : bool
        Normalise the units of a layer, row by row, before the activation.
    random_state : int, RandomState instance or None
        An int is the seed of every draw: the same rows then give the same codes. Otherwise the seed is drawn
        from it; None: from NumPy's global generator.

    Attributes
    ----------
    model_ : StackedAutoencoder
        The fitted network.
    history_ : list of dict
        One row an epoch a stage: ``model fold view stage epoch loss``.
    seed_ : int
        Of every draw.
    n_features_in_ : int
        Number of features seen in `fit`.
    feature_names_in_ : ndarray of str, shape (n_features_in_,)
        Their names, where the rows came with names.

    References
    ----------
    Vincent et al., JMLR 11:3371 (2010).

    Examples
    --------
    >>> import numpy as np
    >>> rows = np.random.default_rng(0).normal(size=(50, 8))
    >>> model = StackedDenoisingAutoencoder(hidden=(16, 3), level=0.5, random_state=0)
    >>> model.fit(rows).transform(rows).shape
    (50, 3)
    """

    def __init__(
        self,
        hidden: Sequence[int] = (256, 64),
        *,
        corruption: str | Corruption = "gaussian",
        level: float = 1.0,
        pretrain: str = "greedy_then_joint",
        epochs: int = 10,
        joint_epochs: int = 10,
        batch_size: int = 128,
        loss: str = "mse",
        optimizer: str = "Adam",
        lr: float = 0.002,
        activation: str = "relu",
        code_activation: str = "relu",
        tied: bool = False,
        residual: bool = False,
        layer_norm: bool = False,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.hidden = hidden
        self.corruption = corruption
        self.level = level
        self.pretrain = pretrain
        self.epochs = epochs
        self.joint_epochs = joint_epochs
        self.batch_size = batch_size
        self.loss = loss
        self.optimizer = optimizer
        self.lr = lr
        self.activation = activation
        self.code_activation = code_activation
        self.tied = tied
        self.residual = residual
        self.layer_norm = layer_norm
        self.random_state = random_state

    def fit(self, X: NDArray[Any], y: object = None) -> StackedDenoisingAutoencoder:
        """Train the network.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            Clean rows, two or more, finite.
        y : None
            Ignored.

        Returns
        -------
        StackedDenoisingAutoencoder
            Itself.

        Raises
        ------
        ValueError
            Where the rows do not fit; `EegdaeError`, one of its kind, where a parameter does not.
        """
        rows = validate_data(self, X, dtype=np.float32, copy=True, ensure_min_samples=2)
        if not isinstance(self.corruption, Corruption) and self.corruption not in CORRUPTIONS:
            hint = did_you_mean(str(self.corruption), CORRUPTIONS)
            raise EegdaeError(f"corruption={self.corruption!r}: no such corruption; {hint}")
        if isinstance(self.hidden, str) or not isinstance(self.hidden, Sequence | np.ndarray):
            raise EegdaeError(f"hidden={self.hidden!r}: must be widths of layers, for example (256, 64)")
        state = self.random_state
        self.seed_ = int(
            state if isinstance(state, Integral) else check_random_state(state).randint(2**31 - 1)
        )
        spec = FitSpec(
            x=torch.from_numpy(rows),
            rows=torch.arange(len(rows)),
            hidden=tuple(_as_int(width) for width in self.hidden),
            corruption=_kind(self.corruption),
            level=self.level,
            schedule=Schedule(
                pretrain=self.pretrain,
                epochs=_as_int(self.epochs),
                joint_epochs=_as_int(self.joint_epochs),
                batch_size=_as_int(self.batch_size),
                optimizer=Optimizer(self.optimizer, {"lr": self.lr}),
            ),
            objective=Objective(self.loss),
            seed=self.seed_,
            network={
                "activation": self.activation,
                "code_activation": self.code_activation,
                "tied": bool(self.tied),
                "residual": bool(self.residual),
                "layer_norm": bool(self.layer_norm),
            },
        )
        (result,) = fit_many([spec])
        self.model_, self.history_ = result.model, result.history
        warn_of_identity({"": result.model}, self.level)
        return self

    def transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Compute the codes of rows.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            Rows with the features seen in `fit`, finite.

        Returns
        -------
        ndarray of float32, shape (n_rows, n_codes)
            The codes.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            Where the rows do not fit.
        """
        rows = self._rows(X)
        with torch.inference_mode():
            return self.model_.encode(rows).numpy()

    def inverse_transform(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Bring codes back to rows.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_codes)
            Codes, finite.

        Returns
        -------
        ndarray of float32, shape (n_rows, n_features)
            Reconstructed rows.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            Where the number of codes is another, or one is not finite.
        """
        check_is_fitted(self)
        codes = check_array(X, dtype=np.float32, copy=True)
        if codes.shape[1] != self.model_.n_codes:
            raise EegdaeError(f"X: {codes.shape[1]} codes a row; the network has {self.model_.n_codes}")
        with torch.inference_mode():
            return self.model_.decode(torch.from_numpy(codes)).numpy()

    def reconstruct(self, X: NDArray[Any]) -> NDArray[np.float32]:
        """Give rows as the network sees them: through the codes and back.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            Rows, noisy or clean, finite.

        Returns
        -------
        ndarray of float32, shape (n_rows, n_features)
            Reconstructed rows.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            Where the rows do not fit.
        """
        rows = self._rows(X)
        with torch.inference_mode():
            return np.asarray(self.model_(rows))

    def score_samples(self, X: NDArray[Any]) -> NDArray[np.float64]:
        """Say how well each row is reconstructed; higher is better, 0 is perfect.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            Rows, finite.

        Returns
        -------
        ndarray of float64, shape (n_rows,)
            Minus the squared error, mean over the features of the row, in squared units of the rows.

        Raises
        ------
        NotFittedError
            Before `fit`.
        ValueError
            Where the rows do not fit.
        """
        rows = self._rows(X)
        with torch.inference_mode():
            squared = (self.model_(rows).double() - rows.double()) ** 2
        return np.asarray(-squared.mean(1))

    def score(self, X: NDArray[Any], y: object = None) -> float:
        """Give the mean of `score_samples`: minus the mean squared error of reconstruction, higher is better.

        Parameters
        ----------
        X : array-like of float, shape (n_rows, n_features)
            Rows, finite.
        y : None
            Ignored.

        Returns
        -------
        float
            At most 0, in squared units of the rows.
        """
        return float(self.score_samples(X).mean())

    @property
    def _n_features_out(self) -> int:
        return self.model_.n_codes

    def _rows(self, X: NDArray[Any]) -> torch.Tensor:
        check_is_fitted(self)
        # a copy: torch does not take what is mapped read-only
        return torch.from_numpy(validate_data(self, X, dtype=np.float32, copy=True, reset=False))

    def __getstate__(self) -> dict[str, Any]:
        # plain data and arrays: a network holds functions, which pickle refuses
        state: dict[str, Any] = super().__getstate__().copy()
        if "model_" in state:
            model = state.pop("model_")
            weights = {name: tensor.numpy() for name, tensor in model.state_dict().items()}
            state["_network"] = (model.config, weights)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        network = state.pop("_network", None)
        super().__setstate__(state)
        if network:
            config, weights = network
            model = stack_from_config(config)
            model.load_state_dict({name: torch.from_numpy(np.array(w)) for name, w in weights.items()})
            self.model_ = model.requires_grad_(False).eval()

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        tags.non_deterministic = False
        return tags


def _kind(corruption: str | Corruption) -> Corruption:
    return corruption if isinstance(corruption, Corruption) else CORRUPTIONS[corruption]()


def _as_int(value: Any) -> Any:
    """Make a whole number of NumPy's a whole number of Python's; anything else is refused further on."""
    return int(value) if isinstance(value, Integral) and not isinstance(value, bool) else value
