"""To the containers of mne-connectivity, and from them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from eegdae.connectivity.matrices import Matrices, index_of, measured
from eegdae.connectivity.measures import MEASURES, Symmetry
from eegdae.errors import EegdaeError

if TYPE_CHECKING:
    from mne_connectivity import EpochConnectivity, EpochSpectralConnectivity


class _Method(NamedTuple):
    """How mne-connectivity's name of a measure reads here, and how its triangles are related."""

    measure: str
    symmetry: Symmetry
    diagonal: float


def _ours(measure: str) -> _Method:
    return _Method(measure, MEASURES[measure].symmetry, MEASURES[measure].diagonal)


_METHODS: Mapping[str, _Method] = {
    "coh": _ours("coherence"),
    "imcoh": _ours("imaginary_coherence"),
    "wpli2_debiased": _ours("debiased_wpli"),
    "phase-slope-index": _ours("phase_slope_index"),
    **{name: _ours(name) for name in ("plv", "ciplv", "ppc", "pli", "dpli", "wpli")},
    # measures that only mne-connectivity has
    "pli2_unbiased": _Method("pli2_unbiased", "symmetric", 0.0),
    "wSMI": _Method("wSMI", "symmetric", float("nan")),
    "SMI": _Method("SMI", "symmetric", float("nan")),
}
_THEIR_NAME = {kind.measure: method for method, kind in _METHODS.items()}
_ENVELOPE = "envelope correlation"
# What their containers have no place for, kept as text, which their files can hold.
_RECORD = (
    "bands",
    "sfreq",
    "n_times",
    "estimator",
    "reference",
    "laplacian",
    "interpolated",
    "rank",
    "options",
)


def to_mne(m: Matrices, measure: str | None = None) -> EpochSpectralConnectivity | EpochConnectivity:
    """Make a container of mne-connectivity of one measure.

    Parameters
    ----------
    m : Matrices
        Of any number of windows, which become epochs.
    measure : str or None
        One of ``m.measures``; may be left out where there is one.

    Returns
    -------
    mne_connectivity.EpochSpectralConnectivity
        With ``indices="all"``, both triangles filled, row = node_in; `mne_connectivity`'s own name of the
        measure as ``method``, where it has one; ``freqs`` the frequencies, or the centres of the bands.
        Masked edges are NaN. What it has no place for is kept in ``attrs["eegdae"]``, for `from_mne`.
        `mne_connectivity.EpochConnectivity` where there is neither band nor frequency.

    Raises
    ------
    EegdaeError
        Where there is no such measure, or mne-connectivity is not installed.
    """
    theirs = _import()
    if measure is None and len(m.measures) > 1:
        raise EegdaeError(f"measure: None; name one of {', '.join(m.measures)}")
    k = 0 if measure is None else index_of(measure, m.measures, where="measure")
    values = m.values[:, k]  # (n_windows, n_bands, n_chans, n_chans)
    mask = m.mask[:, k].copy()
    on_diagonal = np.eye(m.n_chans, dtype=bool)
    has_diagonal = bool((mask & on_diagonal).any())
    if not has_diagonal:  # a constant, no lost edge
        mask |= on_diagonal
    dense = np.where(mask, values, np.nan).transpose(0, 2, 3, 1)
    raveled = dense.reshape(len(m), m.n_chans**2, -1)
    record: dict[str, Any] = {name: getattr(m, name) for name in _RECORD}
    record["ch_pos"] = None if m.ch_pos is None else m.ch_pos.tolist()
    record["measure"], record["diagonal"] = m.measures[k], has_diagonal
    about = {
        "n_nodes": m.n_chans,
        "names": list(m.ch_names),
        "indices": "all",
        "method": _THEIR_NAME.get(m.measures[k], m.measures[k]),
        "eegdae": json.dumps(record, default=str),
    }
    if m.bands is None and m.freqs is None:
        return theirs.EpochConnectivity(raveled[..., 0], **about)
    freqs = [(lo + hi) / 2 for lo, hi in m.bands.values()] if m.bands is not None else list(m.freqs or ())
    return theirs.EpochSpectralConnectivity(raveled, freqs=freqs, spec_method=m.estimator, **about)


def from_mne(conn: Any) -> Matrices:
    """Read a container of mne-connectivity, or several of one call.

    Their functions fill the lower triangle alone, or the pairs of ``indices``; the other triangle follows
    from the measure: the same, minus (``imcoh``, ``phase-slope-index``), or 1 minus (``dpli``). Pairs that
    were not computed, and NaN, are masked.

    Parameters
    ----------
    conn : Connectivity, SpectralConnectivity, their Epoch kinds, or EpochTemporalConnectivity of one time
        As their functions return it; or a list of them, one a measure, of the same data. Epochs become
        windows; a container without is one window.

    Returns
    -------
    Matrices
        Of the measures under the names of `eegdae.connectivity.MEASURES`, where these have them; the values
        as they were computed, the diagonal the constant of the measure. All that `to_mne` kept comes back.

    Raises
    ------
    EegdaeError
        Where a container is of another kind: of several times or components, of groups of channels, complex,
        a model's coefficients; or several do not belong together.
    """
    _import()
    several = list(conn) if isinstance(conn, list | tuple) else [conn]
    if not several:
        raise EegdaeError("conn: the list is empty; give one container or more")
    read = [_read(one) for one in several]
    first = read[0]
    for one in read[1:]:
        if one.values.shape != first.values.shape or one.freqs != first.freqs or one.bands != first.bands:
            raise EegdaeError("conn: the containers are of different epochs, nodes or frequencies; give one")
        if one.ch_names != first.ch_names:
            raise EegdaeError("conn: the containers are of different nodes; give one")
    if len(read) == 1:
        return first
    return replace(
        first,
        values=np.concatenate([one.values for one in read], axis=1),
        mask=np.concatenate([one.mask for one in read], axis=1),
        measures=[name for one in read for name in one.measures],
    )


def _read(conn: Any) -> Matrices:
    for attribute in ("get_data", "indices", "names", "method", "dims"):
        if not hasattr(conn, attribute):
            raise EegdaeError(f"conn: {type(conn).__name__} is no container of mne-connectivity")
    method = str(conn.method)
    _check(conn, method)
    record = json.loads(conn.attrs.get("eegdae") or "{}")
    values, computed = _dense(conn)
    if method == _ENVELOPE:
        known: _Method | None = _ours(_envelope(values))
    else:
        known = _METHODS.get(method)
    measure = record.pop("measure", known.measure if known else method)
    if not record:
        values, computed = _completed(values, computed, known)
    mask = computed & ~np.isnan(values)
    if not record.pop("diagonal", False):
        mask &= measured(measure, conn.n_nodes)
    kept = {name: record[name] for name in _RECORD if record.get(name) is not None}
    if "bands" in kept:
        kept["bands"] = {name: (lo, hi) for name, (lo, hi) in kept["bands"].items()}
    elif "freqs" in conn.dims:
        kept["freqs"] = list(conn.freqs)
    if isinstance(kept.get("reference"), list):
        kept["reference"] = tuple(kept["reference"])
    if record.get("ch_pos") is not None:
        kept["ch_pos"] = np.array(record["ch_pos"], dtype=np.float64)
    options = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in kept.pop("options", {}).items()
    }
    kept.setdefault("estimator", conn.attrs.get("spec_method"))
    return Matrices(
        values=values[:, None],
        mask=mask[:, None],
        measures=(measure,),
        ch_names=[str(name) for name in conn.names],
        options=options,
        **kept,
    )


def _envelope(values: NDArray[Any]) -> str:
    """Which envelope correlation: only one that is not orthogonalised has 1 of a signal with itself."""
    plain = np.allclose(values.diagonal(axis1=-2, axis2=-1), 1.0)
    return "plain_envelope_correlation" if plain else "envelope_correlation"


def _check(conn: Any, method: str) -> None:
    if "components" in conn.dims or (
        isinstance(conn.indices, tuple) and any(np.ndim(one) for side in conn.indices for one in side)
    ):
        raise EegdaeError(f"conn: {method} is of groups of channels, not of pairs; matrices cannot hold it")
    if "VAR" in method:
        raise EegdaeError(
            f"conn: {method} holds coefficients of a model; eegdae.connectivity computes granger, dtf and pdc"
        )
    if "times" in conn.dims and conn.shape[-1] != 1:
        raise EegdaeError(
            f"conn: {method} has {conn.shape[-1]} times; average over them first, or compute it in windows"
        )
    if np.iscomplexobj(conn.get_data("raveled")):
        raise EegdaeError(f"conn: {method} is complex; compute coh and imcoh instead")


def _dense(conn: Any) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Values (n_windows, n_freqs, n_nodes, n_nodes) as they lie there, and which pairs were computed."""
    n, indices = conn.n_nodes, conn.indices
    raveled = conn.get_data("raveled")
    if conn.n_epochs is None:
        raveled = raveled[None]
    raveled = raveled.reshape(*raveled.shape[:2], -1)  # the time that there may be is one
    computed = np.zeros((n, n), dtype=bool)
    if isinstance(indices, tuple):
        computed[tuple(np.asarray(side, dtype=int) for side in indices)] = True
        dense = np.full((len(raveled), n, n, raveled.shape[-1]), np.nan, dtype=raveled.dtype)
        dense[:, np.asarray(indices[0], dtype=int), np.asarray(indices[1], dtype=int)] = raveled
    elif indices == "symmetric":
        computed[:] = True
        rows, columns = np.triu_indices(n)
        dense = np.empty((len(raveled), n, n, raveled.shape[-1]), dtype=raveled.dtype)
        dense[:, rows, columns] = raveled
        dense[:, columns, rows] = raveled
    else:
        dense = raveled.reshape(len(raveled), n, n, -1)
        # None is what their functions leave where all pairs were asked for: they compute the lower triangle.
        computed = np.tril(~computed, k=-1) if indices is None else ~computed
    return dense.transpose(0, 3, 1, 2), computed


def _completed(
    dense: NDArray[Any], computed: NDArray[np.bool_], known: _Method | None
) -> tuple[NDArray[Any], NDArray[np.bool_]]:
    """Fill the triangle that follows from the other, and the diagonal that is a constant."""
    values = np.where(computed, dense, np.nan)
    if known is None or known.symmetry == "directed":
        return values, computed
    other = values.swapaxes(-1, -2)
    mirrored = {"antisymmetric": -other, "complementary": 1 - other}.get(known.symmetry, other)
    follows = computed.T & ~computed
    values = np.where(follows, mirrored, values)
    if not computed.diagonal().any():
        np.einsum("...ii->...i", values)[...] = known.diagonal
    return values, computed | follows


def _import() -> Any:
    try:
        import mne_connectivity
    except ImportError as error:
        raise EegdaeError(
            "mne-connectivity is not installed; run: pip install 'eegdae[connectivity]'"
        ) from error
    return mne_connectivity
