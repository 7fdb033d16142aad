"""A trained model on its own: windows in, codes, reconstructions and classes out; no Hydra, no training."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from eegdae.alignment import Alignment, AlignmentSpec
from eegdae.errors import EegdaeError
from eegdae.evaluation.heads import LogisticHead, softmax
from eegdae.features import View, compute_views
from eegdae.models import CodeClassifier, ViewStacks
from eegdae.ocular import OcularFilter
from eegdae.part_states import alignment_from, head_from, head_state, stack_from, stack_state
from eegdae.recentring import Recentring
from eegdae.recordings.recording import image_words, reference_name
from eegdae.scaling import Scaler
from eegdae.tangent_space import TangentSpace
from eegdae.windows import Windows


@dataclass(frozen=True, eq=False)
class CodeModel:
    """Views, projections, scalers, one stack a view and a head, fitted.

    Parameters
    ----------
    views : tuple of View
        What the stacks look at, in the order of their codes.
    scalers : mapping of str to Scaler
        By view.
    stacks : ViewStacks
        By view.
    sfreq : float
        Sampling rate in hertz that windows must have.
    n_times : int
        Samples that windows must have.
    ch_names, units : tuple of str
        Channels that windows must have, and their units.
    classes : tuple of str
        What the head tells apart; empty where there were no labels.
    alignment : AlignmentSpec
        How the windows that are given are aligned; all of a subject's (or a session's) should be there.
    head : LogisticHead, CodeClassifier or None
        On the codes.
    corruption : str
        What it was trained to undo.
    projections : mapping of str to TangentSpace
        By view, of those views that have one.
    reference, laplacian : str, tuple of str or None, bool
        What the signals must be referred to, as in `Windows`.
    image_shape : (int, int) or None
        Height and width that images must have; None = windows must be signals.
    ocular : OcularFilter or None
        What ocular artefacts are corrected by, before all else; views may then be of fewer channels.
    """

    views: tuple[View, ...]
    scalers: Mapping[str, Scaler]
    stacks: ViewStacks
    sfreq: float
    n_times: int
    ch_names: tuple[str, ...]
    units: tuple[str, ...]
    classes: tuple[str, ...] = ()
    alignment: AlignmentSpec = field(default_factory=AlignmentSpec)
    head: LogisticHead | CodeClassifier | None = None
    corruption: str = field(default="", kw_only=True)
    projections: Mapping[str, TangentSpace] = field(default_factory=dict, kw_only=True)
    reference: str | tuple[str, ...] | None = field(default=None, kw_only=True)
    laplacian: bool = field(default=False, kw_only=True)
    image_shape: tuple[int, int] | None = field(default=None, kw_only=True)
    ocular: OcularFilter | None = field(default=None, kw_only=True)

    @property
    def n_codes(self) -> int:
        """Width of the code, all views side by side or fused."""
        return self.stacks.n_codes

    @property
    def n_chans(self) -> int:
        """Channels that views are of: all, or those that the correction of ocular artefacts left."""
        return len(self.ocular.keep) if self.ocular else len(self.ch_names)

    def transform(self, windows: Windows) -> NDArray[np.float32]:
        """Codes of windows.

        Parameters
        ----------
        windows : Windows
            With the channels (in any order), rate, unit and length that the model was trained on.

        Returns
        -------
        ndarray of float32, shape (n_windows, n_codes)
            Views side by side, or fused by the joint layer.

        Raises
        ------
        EegdaeError
            If channels, rate, unit or length differ; says which.
        """
        scaled = self.scaled(windows)
        with torch.inference_mode():
            codes = self.stacks.encode(scaled)
        return np.ascontiguousarray(codes.numpy(), dtype=np.float32)

    def reconstruct(self, windows: Windows) -> dict[str, NDArray[np.floating[Any]]]:
        """Features of windows as the network gives them back, in the unit of the features.

        Parameters
        ----------
        windows : Windows
            As for `transform`.

        Returns
        -------
        dict of str to ndarray
            By view: (n_windows, n_chans, n_times) for raw windows, else (n_windows, n_features) as
            `View.features` gives them; of covariances in float64. Where signals are re-centred, raw windows
            are brought back to their unit; other features are those of the re-centred signals. Ocular
            artefacts stay corrected.
        """
        windows = self.corrected(windows)
        recentring = Recentring.fit(windows, self.alignment)
        windows, groups = recentring.transform(windows), self.alignment.groups(windows.metadata)
        back = self.reconstruct_features(
            compute_views(windows, self.views), groups, observed=observed_features(windows)
        )
        found: dict[str, NDArray[np.floating[Any]]] = {}
        for view in self.views:
            x = back[view.name].numpy()
            if view.is_raw:
                x = recentring.inverse_transform(x.reshape(len(x), -1, self.n_times), groups)
            found[view.name] = x
        return found

    def reconstruct_features(
        self, features: Mapping[str, Tensor], groups: NDArray[Any], *, observed: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Features as the network gives them back, in their own unit.

        Parameters
        ----------
        features : mapping of str to Tensor, shape (n_rows, n_features)
            By view, of `compute_views`; a joint layer needs all of them.
        groups : ndarray of str, shape (n_rows,)
            Whose row it is: of ``alignment.groups``.
        observed : Tensor of bool or None, shape (n_rows, n_features)
            Of the raw view.

        Returns
        -------
        dict of str to Tensor, shape (n_rows, n_features)
            By view; an alignment is taken back with what it subtracted and divided by in these rows.

        Raises
        ------
        EegdaeError
            If there is a joint layer, whose code is of all views, and a view is left out.
        """
        views = [view for view in self.views if view.name in features]
        if self.stacks.joint and len(views) < len(self.views):
            missing = ", ".join(view.name for view in self.views if view not in views)
            raise EegdaeError(f"features: the joint layer needs every view; {missing} is missing")
        inputs = {view.name: self._input(view, features[view.name], groups, observed) for view in views}
        with torch.inference_mode():
            if self.stacks.joint:
                found = self.stacks({name: x for name, (x, _) in inputs.items()})
            else:
                found = {name: self.stacks[name](x) for name, (x, _) in inputs.items()}
        back = {}
        for name, (_, alignment) in inputs.items():
            x = alignment.inverse_transform(self.scalers[name].inverse_transform(found[name]), groups)
            projection = self.projections.get(name)
            back[name] = projection.inverse_transform(x) if projection else x
        return back

    def predict_proba(self, windows: Windows) -> NDArray[np.float64]:
        """Probability of each class, shape (n_windows, n_classes), from the head on the codes.

        Raises
        ------
        EegdaeError
            If the run had no labels, or the windows do not fit.
        """
        if self.head is None:
            raise EegdaeError("head: the run was trained without labels, so it cannot tell classes")
        return head_proba(self.head, self.transform(windows))

    def predict(self, windows: Windows) -> NDArray[np.str_]:
        """Label of each window, shape (n_windows,)."""
        best = self.predict_proba(windows).argmax(1)
        return np.array([self.classes[k] for k in best], dtype=np.str_)

    def scaled(self, windows: Windows) -> dict[str, Tensor]:
        """Aligned and scaled features by view, what the stacks take."""
        windows = self.corrected(windows)
        windows = Recentring.fit(windows, self.alignment).transform(windows)
        groups, observed = self.alignment.groups(windows.metadata), observed_features(windows)
        return {
            view.name: self._input(view, view.features(windows), groups, observed)[0] for view in self.views
        }

    def corrected(self, windows: Windows) -> Windows:
        """Bring windows into the model's order of channels and correct their ocular artefacts.

        Parameters
        ----------
        windows : Windows
            As for `transform`.

        Returns
        -------
        Windows
            Of the channels that views are of, not yet aligned.

        Raises
        ------
        EegdaeError
            As for `transform`.
        """
        windows = self.fit_channels(windows)
        return self.ocular.transform(windows) if self.ocular else windows

    def _input(
        self, view: View, x: Tensor, groups: NDArray[Any], observed: Tensor | None
    ) -> tuple[Tensor, Alignment]:
        """What a stack takes, and how the rows at hand were aligned on the way."""
        observed = observed if view.is_raw else None
        x = view.project(x, self.projections.get(view.name))
        alignment = Alignment.fit(
            x,
            groups,
            self.alignment.kind,
            n_windows=self.alignment.n_windows,
            n_groups=view.n_groups(self.n_chans),
            observed=observed,
        )
        x = alignment.transform(x, groups, observed)
        return self.scalers[view.name].transform(x, observed), alignment

    def fit_channels(self, windows: Windows) -> Windows:
        """Bring windows into the model's order of channels, or say what does not fit.

        Raises
        ------
        EegdaeError
            Names the channels, rate, unit, reference, length or size that differ.
        """
        if windows.image_shape != self.image_shape:
            theirs, ours = image_words(windows.image_shape), image_words(self.image_shape)
            mend = f"; set data.size=[{', '.join(map(str, self.image_shape))}]" if self.image_shape else ""
            raise EegdaeError(f"data: holds {theirs}, the run was trained on {ours}{mend}")
        missing = [name for name in self.ch_names if name not in windows.ch_names]
        extra = [name for name in windows.ch_names if name not in self.ch_names]
        if missing or extra:
            parts = [f"misses {', '.join(missing)}"] * bool(missing) + [f"adds {', '.join(extra)}"] * bool(
                extra
            )
            raise EegdaeError(
                f"data: channels differ from the run's {', '.join(self.ch_names)}: {'; '.join(parts)}"
            )
        if windows.sfreq != self.sfreq:
            raise EegdaeError(
                f"data: sampling rate is {windows.sfreq:g} Hz, the run's is {self.sfreq:g} Hz; "
                f"set data.prepare.sfreq={self.sfreq:g}"
            )
        theirs, ours = (reference_name(w.reference, w.laplacian) for w in (windows, self))
        if theirs != ours:
            raise EegdaeError(
                f"data: the reference is {theirs}, the run's is {ours}; "
                "set data.prepare.reference and data.prepare.laplacian as the run did"
            )
        order = [windows.ch_names.index(name) for name in self.ch_names]
        units = tuple(windows.units[i] for i in order)
        for name, unit, trained in zip(self.ch_names, units, self.units, strict=True):
            if unit != trained:
                raise EegdaeError(f"data: unit of channel {name} is {unit!r}, the run's is {trained!r}")
        if windows.n_times != self.n_times:
            raise EegdaeError(
                f"windows.size: {windows.n_times} samples a window, the run's have {self.n_times} "
                f"({self.n_times / self.sfreq:g} s)"
            )
        if order == list(range(len(order))):
            return windows
        return replace(
            windows,
            x=windows.x[:, order],
            mask=None if windows.mask is None else windows.mask[:, order],
            ch_names=self.ch_names,
            units=units,
            ch_pos=None if windows.ch_pos is None else windows.ch_pos[order],
        )

    def state(self) -> dict[str, Any]:
        """Everything as plain data and tensors; `from_state` makes the same model of it."""
        return {
            "views": [
                {
                    "name": v.name,
                    "measure": v.measure,
                    "bands": {k: list(b) for k, b in v.bands.items()} if v.bands else None,
                    "hidden": list(v.hidden) if v.hidden else None,
                    "options": dict(v.options),
                }
                for v in self.views
            ],
            "projections": {name: p.state() for name, p in self.projections.items()},
            "scalers": {name: {"center": s.center, "scale": s.scale} for name, s in self.scalers.items()},
            "stacks": {name: stack_state(stack) for name, stack in self.stacks.items()},
            "joint": stack_state(self.stacks.joint) if self.stacks.joint else None,
            "sfreq": self.sfreq,
            "n_times": self.n_times,
            "ch_names": list(self.ch_names),
            "units": list(self.units),
            "classes": list(self.classes),
            "reference": list(self.reference) if isinstance(self.reference, tuple) else self.reference,
            "laplacian": self.laplacian,
            "image_shape": list(self.image_shape) if self.image_shape else None,
            "alignment": asdict(self.alignment),
            "corruption": self.corruption,
            "head": head_state(self.head),
            **({"ocular": self.ocular.state()} if self.ocular else {}),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> CodeModel:
        """Make a model from `state`.

        Raises
        ------
        KeyError, TypeError, ValueError, RuntimeError
            If a part is missing or does not fit; `eegdae.run.read_model` makes one line of it.
        """
        views = tuple(
            View(
                v["name"],
                v["measure"],
                {k: (float(b[0]), float(b[1])) for k, b in v["bands"].items()} if v["bands"] else None,
                tuple(v["hidden"]) if v["hidden"] else None,
                v.get("options") or {},  # older runs have no options
            )
            for v in state["views"]
        )
        stacks = {name: stack_from(part) for name, part in state["stacks"].items()}
        joint = state.get("joint")  # older runs have none
        names = {view.name for view in views}
        projected = {view.name for view in views if view.is_tangent}
        projections = state.get("projections") or {}
        if projected != set(projections):
            raise ValueError(f"projections {sorted(projections)} for the views {sorted(projected)}")
        if not names or names != set(stacks) or names != set(state["scalers"]):
            raise ValueError(
                f"views {sorted(names)}, stacks {sorted(stacks)}, scalers {sorted(state['scalers'])}"
            )
        reference = state.get("reference")  # older runs have none
        return cls(
            reference=tuple(reference) if isinstance(reference, list) else reference,
            laplacian=bool(state.get("laplacian", False)),
            image_shape=tuple(state["image_shape"]) if state.get("image_shape") else None,
            views=views,
            scalers={name: Scaler(s["center"], s["scale"]) for name, s in state["scalers"].items()},
            stacks=ViewStacks(stacks, stack_from(joint) if joint else None),
            sfreq=float(state["sfreq"]),
            n_times=int(state["n_times"]),
            ch_names=tuple(state["ch_names"]),
            units=tuple(state["units"]),
            classes=tuple(state["classes"]),
            alignment=alignment_from(state["alignment"]),
            corruption=state["corruption"],
            projections={name: TangentSpace.from_state(p) for name, p in projections.items()},
            head=head_from(state["head"]),
            ocular=OcularFilter.from_state(state["ocular"]) if state.get("ocular") else None,
        )


def head_proba(head: LogisticHead | CodeClassifier, codes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Class probabilities of codes under either kind of head: (n_rows, n_codes) -> (n_rows, n_classes)."""
    if isinstance(head, LogisticHead):
        return head.predict_proba(codes)
    with torch.inference_mode():
        logits = head({"x": torch.as_tensor(codes, dtype=torch.float32)})
    return softmax(logits.double().numpy())


def observed_features(windows: Windows) -> Tensor | None:
    """Mask of the raw view's features, shape (n_windows, n_features); None where all was observed."""
    return None if windows.mask is None else torch.from_numpy(np.ascontiguousarray(windows.mask)).flatten(1)
