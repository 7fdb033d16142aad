"""Many logistic regressions of the same rows at once: inner folds and penalties share one matrix product."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

TOLERANCE = 1e-5
"""Largest entry of the gradient, the mean loss being minimised, at which a solution counts as found."""

MAX_EIGEN = 512
"""Inputs up to which the eigenvectors of their covariance guide the search; beyond, their variances do."""

MAX_HESSIAN = 512
"""Weights of one problem up to which the second derivatives at the first solution guide the others."""

MAX_BLOCKS = 256
"""Inputs up to which the second derivatives inside each class guide the search for the first solution."""

MAX_SCORES = 2**22
"""Scores, of all rows, classes and problems, that are worked on at once: more no longer lie near."""

_MAX_CG = 50
_MAX_HALVINGS = 20


@dataclass(frozen=True, eq=False)
class Solutions:
    """Weights of several logistic regressions on standardised inputs.

    Parameters
    ----------
    mean, scale : ndarray, shape (n_problems, n_inputs)
        Of the rows that each was fitted on.
    coef : ndarray, shape (n_problems, n_classes, n_inputs)
        Weights on the standardised inputs; of two classes the first has none.
    intercept : ndarray, shape (n_problems, n_classes)
        Offsets.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]


def solve_logistic(
    x: NDArray[np.floating],
    y: NDArray[np.int64],
    used: NDArray[np.bool_],
    C: NDArray[np.float64],
    *,
    n_classes: int,
    max_iter: int = 100,
    tolerance: float = TOLERANCE,
) -> Solutions:
    r"""Fit several logistic regressions with an L2 penalty, each on some of the same rows.

    Each minimises, over the rows that it uses, standardised by these rows, with classes weighing equally,

    .. math:: \frac{1}{\sum_i s_i} \Big( \sum_i s_i \log(1 / p_{i, y_i}) + \frac{1}{2 C} \lVert w \rVert^2
        \Big)

    by Newton's method; each step is found by conjugate gradients, all problems side by side.

    Parameters
    ----------
    x : ndarray, shape (n_rows, n_inputs)
        Inputs.
    y : ndarray of int, shape (n_rows,)
        Class numbers.
    used : ndarray of bool, shape (n_problems, n_rows)
        Which rows each is fitted on; of every class at least one.
    C : ndarray, shape (n_problems,)
        Inverse strength of each one's penalty.
    n_classes : int
        Two or more.
    max_iter : int
        Most Newton steps.
    tolerance : float
        See `TOLERANCE`.

    Returns
    -------
    Solutions
        In the order of the problems.

    References
    ----------
    Lin, Weng and Keerthi, JMLR 9:627 (2008): truncated Newton. Same minimum as scikit-learn's
    ``LogisticRegression(class_weight="balanced")`` after ``StandardScaler``.
    """
    one = _Problems(x, y, used[:1], C[:1], n_classes)
    first = one.solve(max_iter, tolerance)
    if len(used) == 1:
        return first
    # the others are of nearly the same rows: from there, along its own curvature, it is not far
    curvature = one.curvature(first)
    parts, at_once = [first], max(1, MAX_SCORES // (n_classes * len(y)))
    for k in range(1, len(used), at_once):
        some = _Problems(x, y, used[k : k + at_once], C[k : k + at_once], n_classes)
        parts.append(some.solve(max_iter, tolerance, start=first, curvature=curvature))
    names = ("mean", "scale", "coef", "intercept")
    return Solutions(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


class _Problems:
    """The rows, centred and scaled once, and what each problem makes of them.

    What has a number a row, (P, K, n), is float32, as are the products with the rows; weights and directions,
    (P, K, d), are float64.
    """

    def __init__(
        self,
        x: NDArray[np.floating],
        y: NDArray[np.int64],
        used: NDArray[np.bool_],
        C: NDArray[np.float64],
        n_classes: int,
    ) -> None:
        rows = torch.tensor(np.asarray(x, np.float64))
        self.mean, self.scale = rows.mean(0), _sd(rows.std(0, correction=0))
        rows = (rows - self.mean) / self.scale  # (n, d)
        n, d = rows.shape
        mask = torch.tensor(used, dtype=torch.float64)  # (P, n)
        count = mask.sum(1, keepdim=True)
        self.m = mask @ rows / count  # (P, d)
        # a difference of squares: what is below this is rounding
        self.s = _sd((mask @ rows.square() / count - self.m.square()).clamp(min=0).sqrt(), 1e-7)
        if d <= MAX_EIGEN:
            values, self.vectors = torch.linalg.eigh(rows.T @ rows / n)
            self.values: Tensor = values.clamp(min=0)
        else:
            self.values, self.vectors = torch.ones(d, dtype=torch.float64), None
        self.x = rows.float()
        onehot = torch.nn.functional.one_hot(torch.tensor(y), n_classes).double().T  # (K, n)
        per_class = mask @ onehot.T  # (P, K)
        # a class weighs as every other
        weight = mask * ((count / n_classes / per_class) @ onehot)  # (P, n)
        self.weight = (weight / weight.sum(1, keepdim=True)).float()[:, None]  # (P, 1, n)
        self.onehot = onehot.float()
        self.penalty = (1.0 / (torch.tensor(C, dtype=torch.float64) * count[:, 0]))[:, None, None]
        self.P, self.K, self.d = len(mask), n_classes, d
        # of two classes one row of weights is enough, and is all that is penalised
        self.free = torch.ones(n_classes, 1)
        if n_classes == 2:
            self.free[0] = 0.0

    def solve(
        self,
        max_iter: int,
        tolerance: float,
        *,
        start: Solutions | None = None,
        curvature: Tensor | None = None,
    ) -> Solutions:
        """Take Newton steps until no gradient is above the tolerance."""
        w = torch.zeros(self.P, self.K, self.d, dtype=torch.float64)
        b = torch.zeros(self.P, self.K, dtype=torch.float64)
        if start:
            w, b = w + torch.tensor(start.coef), b + torch.tensor(start.intercept)
        loss, proba, gw, gb = self._look(w, b)
        for _ in range(max_iter):
            size = torch.maximum(gw.abs().amax((1, 2)), gb.abs().amax(1))  # (P,)
            going = size > tolerance
            if not bool(going.any()):
                break
            guide = self._blocks(proba) if curvature is None and self._has_blocks else curvature
            dw, db = self._direction(proba, gw, gb, going, guide, tolerance)
            slope = _dot(gw, dw, gb, db)  # (P,), below 0
            step = going.double()
            for _ in range(_MAX_HALVINGS):
                new_w, new_b = w + step[:, None, None] * dw, b + step[:, None] * db
                found = self._look(new_w, new_b)
                # rounding may hide the last gain
                bad = found[0] > loss + 1e-4 * step * slope + 1e-6 * loss.abs()
                if not bool(bad.any()):
                    break
                step = torch.where(bad, step / 2, step)
            w, b = new_w, new_b
            loss, proba, gw, gb = found
        mean = self.mean + self.m * self.scale
        return Solutions(mean.numpy(), (self.s * self.scale).numpy(), w.numpy(), b.numpy())

    def _look(self, w: Tensor, b: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Loss of each problem, probabilities (P, K, n), and the gradient."""
        log_p = self._scores(w, b).log_softmax(1)
        right = (log_p * self.onehot).sum(1)  # (P, n)
        loss = -(right * self.weight[:, 0]).sum(1).double()
        loss = loss + 0.5 * self.penalty[:, 0, 0] * w.square().sum((1, 2))
        proba = log_p.exp_()
        gw, gb = self._back((proba - self.onehot).mul_(self.weight))
        return loss, proba, gw + self.penalty * w, gb

    def _scores(self, w: Tensor, b: Tensor) -> Tensor:
        """Scores (P, K, n) of weights (P, K, d) on each problem's standardised rows."""
        scaled = w / self.s[:, None]
        offset = b - (scaled * self.m[:, None]).sum(-1)
        flat = torch.addmm(offset.float().view(-1, 1), scaled.float().view(-1, self.d), self.x.T)
        return flat.view(self.P, self.K, -1)

    def _back(self, residual: Tensor) -> tuple[Tensor, Tensor]:
        """Take residuals (P, K, n) to a gradient of weights (P, K, d) and offsets (P, K)."""
        residual = residual.mul_(self.free)
        sums = residual.sum(-1).double()  # (P, K)
        raw = (residual.view(-1, len(self.x)) @ self.x).view(self.P, self.K, self.d).double()
        return (raw - sums[..., None] * self.m[:, None]) / self.s[:, None], sums

    @property
    def _has_blocks(self) -> bool:
        return self.P == 1 and self.d <= MAX_BLOCKS

    def _blocks(self, proba: Tensor) -> Tensor:
        """Cholesky factors of the second derivatives inside each class, (K, d + 1, d + 1), of one problem."""
        x = self._standardised()
        both = proba[0] * (1 - proba[0]) * self.weight[0]  # (K, n)
        blocks = torch.stack([(x * each[:, None]).T @ x for each in both]).double()
        return _factored(blocks, self._ridge()[0])

    def _standardised(self) -> Tensor:
        """Rows of the first problem, with a 1 at the end of each for the offset."""
        return torch.cat([(self.x - self.m[0].float()) / self.s[0].float(), torch.ones(len(self.x), 1)], 1)

    def curvature(self, at: Solutions) -> Tensor | None:
        """Cholesky factor of the second derivatives of the first problem, (K d + K, K d + K), where small.

        Else `_blocks`, and None where these are large too.
        """
        w, b = torch.tensor(at.coef[:1]), torch.tensor(at.intercept[:1])
        if self.K * (self.d + 1) > MAX_HESSIAN:
            return self._blocks(self._scores(w, b).softmax(1)) if self._has_blocks else None
        proba = self._scores(w, b).softmax(1)[0]  # (K, n)
        x = self._standardised()
        size = self.d + 1
        whole = torch.zeros(self.K, size, self.K, size, dtype=torch.float64)
        for k in range(self.K):
            for j in range(k + 1):
                both = proba[k] * (float(k == j) - proba[j]) * self.weight[0, 0] * self.free[k] * self.free[j]
                block = ((x * both[:, None]).T @ x).double()
                whole[k, :, j], whole[j, :, k] = block, block.T
        whole = whole.view(self.K * size, -1)
        return _factored(whole, self._ridge().flatten())

    def _ridge(self) -> Tensor:
        """What the penalty of the first problem adds to the second derivatives, (K, d + 1)."""
        ridge = self.penalty.flatten()[0].repeat(self.K, self.d + 1)
        ridge[:, -1] = 1e-6  # a shift of all offsets changes nothing
        return ridge

    def _direction(
        self, proba: Tensor, gw: Tensor, gb: Tensor, going: Tensor, guide: Tensor | None, tolerance: float
    ) -> tuple[Tensor, Tensor]:
        """Solve H d = -g by conjugate gradients, as near as the gradient is small.

        The guide, their preconditioner, is a Cholesky factor of all weights, or one a class.
        """
        weighted = proba * self.weight
        curvature = (weighted * (1 - proba)).sum(-1).double().clamp(min=1e-8)  # (P, K)
        bottom = curvature[..., None] * self.values + self.penalty

        def times(vw: Tensor, vb: Tensor) -> tuple[Tensor, Tensor]:
            along = self._scores(vw, vb)
            along -= (proba * along).sum(1, keepdim=True)
            hw, hb = self._back(along.mul_(weighted))
            return hw + self.penalty * vw, hb

        def ease(rw: Tensor, rb: Tensor) -> tuple[Tensor, Tensor]:
            if guide is not None:
                both = torch.cat([rw, rb[..., None]], -1)
                if guide.ndim == 3:
                    both = torch.cholesky_solve(both.permute(1, 2, 0), guide).permute(2, 0, 1).contiguous()
                    if self.K > 2:
                        # weights of all classes moved alike change nothing but the penalty
                        both = both - both.mean(1, keepdim=True)
                else:
                    both = torch.cholesky_solve(both.view(self.P, -1).T, guide).T.reshape(both.shape)
                return both[..., :-1], both[..., -1]
            if self.vectors is None:
                return rw / bottom, rb / curvature
            return (rw @ self.vectors / bottom) @ self.vectors.T, rb / curvature

        dw, db = torch.zeros_like(gw), torch.zeros_like(gb)
        rw, rb = -gw, -gb
        zw, zb = ease(rw, rb)
        pw, pb = zw, zb
        energy = _dot(rw, zw, rb, zb)
        norm = _dot(rw, rw, rb, rb).sqrt()
        # as near as Newton's method needs, and no nearer than the gradient has to come
        enough = (norm * norm.sqrt().clamp(max=0.1)).clamp(min=tolerance / 2)
        for _ in range(_MAX_CG):
            hw, hb = times(pw, pb)
            bend = _dot(pw, hw, pb, hb)
            going = going & (bend > 0)
            alpha = torch.where(going, energy / bend.where(going, torch.ones_like(bend)), 0.0)
            dw, db = dw + alpha[:, None, None] * pw, db + alpha[:, None] * pb
            rw, rb = rw - alpha[:, None, None] * hw, rb - alpha[:, None] * hb
            going = going & (_dot(rw, rw, rb, rb).sqrt() > enough)
            if not bool(going.any()):
                break
            zw, zb = ease(rw, rb)
            new = _dot(rw, zw, rb, zb)
            beta = torch.where(going, new / energy, 0.0)
            pw, pb = zw + beta[:, None, None] * pw, zb + beta[:, None] * pb
            energy = new
        return dw, db


def _factored(matrix: Tensor, ridge: Tensor) -> Tensor:
    """Cholesky factor, which exists also where a weak penalty drowns in the rounding of the products."""
    largest = matrix.diagonal(dim1=-2, dim2=-1).amax(-1, keepdim=True)  # (..., 1)
    factor: Tensor
    factor, failed = torch.linalg.cholesky_ex(matrix + ridge.diag_embed())
    for least in (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1):
        if not bool(failed.any()):
            break
        ridge = torch.maximum(ridge, least * largest + 1e-12)
        factor, failed = torch.linalg.cholesky_ex(matrix + ridge.diag_embed())
    return factor


def _dot(aw: Tensor, bw: Tensor, ab: Tensor, bb: Tensor) -> Tensor:
    return (aw * bw).sum((1, 2)) + (ab * bb).sum(1)


def _sd(sd: Tensor, least: float = 1e-14) -> Tensor:
    # as StandardScaler: what does not vary is left as it is
    return torch.where(sd > least, sd, 1.0)
