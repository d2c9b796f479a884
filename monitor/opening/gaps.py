"""The dark gap of a crack in profiles across it: how wide it gapes, to a small part of a pixel.

A profile is modelled as the wall left of the gap, the gap, and the wall right of it, each of one brightness, seen
through the camera's blur: `left` and `right` levels with a darker bar of width `opening` between them, convolved
with a Gaussian. A gap much narrower than the blur shows only its width times its depth; so the depth is taken as
known from where the same crack gapes wide enough to show its dark ground.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d, median_filter
from scipy.special import ndtr

Floats = NDArray[np.float64]

#: Only so much of the flank is fitted: further off, other things begin.
_FITTED_FLANK_PX = 6.0
#: From this many blurs on, the gap shows its ground.
_SHOWS_GROUND = 3.5
_LEAST_WIDE = 5
#: While the ground is not known, only gaps of this opening and more tell the blur.
_WIDE_PX = 4.0
#: Neighbouring stations share their errors, which makes a mean over them less certain by this factor.
_NEIGHBOURS_SHARE = 3.0
_ITERATIONS = 12
_LONGEST_STEP_PX = 1.0
#: A fit whose steps (in px, and in shares of the wall's light) are all smaller than this has come to its end.
_SETTLED = 1e-4
#: Openings tried at first, and how far off the course a gap's middle may lie.
_TRIED_PX = np.array([0.5, 1, 1.5, 2, 3, 4, 5.5, 7, 9, 12, 16, 21, 28, 37, 50])
_FURTHEST_MIDDLE_PX = 12.0
_STAY = 0.02
#: What the wall's texture leaves unexplained, as a share of its light.
_NOISE_SHARE = 0.03
_MIDDLE_SPREAD_PX = 3.0
_BLURS_PX = np.array([0.5, 0.7, 0.9, 1.2, 1.6, 2.1, 2.8])
_USUAL_BLUR_PX = 0.9
#: One blur is the same all along: so many gaps tell it, spread over the crack; fewer do not tell it at all.
_MOST_BLURRED, _LEAST_BLURRED = 200, 8
#: What fewer gaps tell does not bind the rest of the crack.
_BINDING = 40
#: No crack's ground is the same all along: one is never known better than this, two cracks' differ by that.
_GROUND_FLOOR, GROUND_SPREAD = 0.015, 0.04
#: A ground that is one for all is held to so much, however little is known of it.
_HELD = 0.02
#: Shaded mortar beside a gap passes for part of it, and never the other way round: the ground is darker than the
#: middle of what is found.
_GROUND_QUANTILE = 0.35
#: A dark line whose ground is by so much of the wall's light brighter than the crack's is a joint or a shadow beside it
#: that the mask ran into.
_OTHER_GROUND = 0.15
#: Light is smoothed along the crack over so many stations.
_LIGHT_STATIONS = 25


@dataclass(frozen=True)
class Ground:
    """Light left on the ground of a crack's gap, as a share of the wall's beside it, with its standard error.

    `weight` is the noise, as a share of the wall's light, against which a fit holds it.
    """

    share: float
    standard_error: float
    weight: float = 0.1

    def held(self) -> "Ground":
        """The same, held to as if it were known: it is one for all places and captures, and left to each of them, a
        photo's blur would be told at its cost. What it is off by is an error that all of them share.
        """
        return Ground(self.share, min(self.standard_error, _HELD))


#: What cracks usually show, before anything is known of one.
USUAL_GROUND = Ground(0.12, 0.1, 0.03)


@dataclass(frozen=True)
class Gaps:
    """What profiles (n, m) show: `opening_px` (n,) with `standard_error_px` (n,), the gap's `middle_px` (n,) on the
    profile, and the `ground_share` (n,) of the wall's light that its middle has, with `ground_error` (n,). NaN where
    nothing could be fitted. `blur_px` is the camera's; `blur_told` whether enough of these gaps, or of those before
    them along the crack, told it.
    """

    opening_px: Floats
    standard_error_px: Floats
    middle_px: Floats
    ground_share: Floats
    ground_error: Floats
    blur_px: float
    blur_told: bool

    def only(self, chosen: NDArray[np.bool_]) -> "Gaps":
        """The same, of some of the profiles."""
        return Gaps(
            self.opening_px[chosen],
            self.standard_error_px[chosen],
            self.middle_px[chosen],
            self.ground_share[chosen],
            self.ground_error[chosen],
            self.blur_px,
            self.blur_told,
        )

    def followed_by(self, more: "Gaps") -> "Gaps":
        """These and those of further profiles, fitted with the blur of these if they told one."""
        joined: dict[str, Any] = {name: np.append(getattr(self, name), getattr(more, name)) for name in COLUMNS}
        return replace(more, **joined)


#: The fields of `Gaps` with a value for each profile.
COLUMNS = ("opening_px", "standard_error_px", "middle_px", "ground_share", "ground_error")


def of_one_ground(gaps: Sequence[Gaps]) -> NDArray[np.bool_]:
    """Which places (n,) have the ground that the crack has, from what all captures show of them, nothing known before.

    The crack's is that of its darker places; those where nothing could be fitted count.
    """
    shares, errors = (np.stack([getattr(found, name) for found in gaps]) for name in ("ground_share", "ground_error"))
    weights = np.where(np.isfinite(shares) & np.isfinite(errors), 1 / (errors**2 + _GROUND_FLOOR**2), 0.0)
    known = weights.sum(axis=0) > 0
    usual = (np.nan_to_num(shares) * np.nan_to_num(weights)).sum(axis=0)[known] / weights.sum(axis=0)[known]
    same = np.ones(len(known), bool)
    if known.any():
        same[known] = usual <= np.quantile(usual, _GROUND_QUANTILE) + _OTHER_GROUND
    return same


def ground_of(gaps: Sequence[Gaps]) -> Ground | None:
    """What the places where a crack gapes wide enough to show its ground say of it; None where it nowhere does.

    A quantile over all those places, each weighed by how well it is known.
    """
    shares, weights = [], []
    for found in gaps:
        wide = found.opening_px > _SHOWS_GROUND * found.blur_px
        wide &= np.isfinite(found.ground_share) & (found.ground_error > 0)
        if wide.sum() >= _LEAST_WIDE:
            shares.append(found.ground_share[wide])
            weights.append(1 / (found.ground_error[wide] ** 2 + _GROUND_FLOOR**2))
    if not shares:
        return None
    share, weight = np.concatenate(shares), np.concatenate(weights)
    order = np.argsort(share)
    middle = float(share[order][np.searchsorted(np.cumsum(weight[order]), weight.sum() * _GROUND_QUANTILE)])
    return Ground(middle, float(np.hypot(_NEIGHBOURS_SHARE / np.sqrt(weight.sum()), _GROUND_FLOOR)))


def fit_gaps(
    profiles: Floats,
    offsets_px: Floats,
    ground: Ground | None = None,
    expected_px: Floats | None = None,
    blur_px: float | None = None,
) -> Gaps:
    """Fit the gap in each profile (n, m) sampled at `offsets_px` (m,).

    `ground` is what is known of the crack's ground (None: what cracks usually show, loosely);
    `expected_px` (n,) the middle of the gap where it was seen before (None: at 0); `blur_px` the camera's blur
    (None: as these gaps tell it).
    """
    seen = np.isfinite(profiles).mean(axis=1) > 0.9
    if not seen.any():
        return _gaps(np.full((5, len(profiles)), np.nan), blur_px or _USUAL_BLUR_PX, blur_px is not None)
    filled = np.where(np.isfinite(profiles), profiles, np.nanmedian(profiles[seen], axis=1).mean())[seen]
    expected = np.zeros(len(filled)) if expected_px is None else np.nan_to_num(expected_px)[seen]
    fit = _Fit.of(filled, offsets_px, ground or USUAL_GROUND, expected)
    start = fit.coarse(_USUAL_BLUR_PX)
    blur, by = (blur_px, _BINDING) if blur_px is not None else fit.best_blur(start, _WIDE_PX if ground is None else 0.0)
    found = fit.refined(start, blur)
    whole = np.full((5, len(profiles)), np.nan)
    whole[:, seen] = found.opening, found.error, found.middle, found.ground, found.ground_error
    return _gaps(whole, blur, by >= _BINDING)


def _gaps(columns: Floats, blur_px: float, blur_told: bool) -> Gaps:
    opening, error, middle, ground, ground_error = columns
    return Gaps(opening, error, middle, ground, ground_error, blur_px, blur_told)


@dataclass(frozen=True)
class _Found:
    middle: Floats
    opening: Floats
    ground: Floats
    ground_error: Floats
    error: Floats
    cost: Floats


@dataclass(frozen=True)
class _Fit:
    """All profiles (n, m) of one crack in one capture, fitted side by side; `expected` (n,) middles."""

    profiles: Floats
    offsets: Floats
    ground: Ground
    expected: Floats
    light: Floats

    @classmethod
    def of(cls, profiles: Floats, offsets: Floats, ground: Ground, expected: Floats) -> "_Fit":
        """With the wall's light along the crack: it varies slowly, while a flank is brick here and mortar there."""
        upper = np.quantile(profiles, 0.6, axis=1)
        smooth = median_filter(upper, size=min(len(upper), _LIGHT_STATIONS), mode="nearest")
        light = gaussian_filter1d(smooth, _LIGHT_STATIONS / 2, mode="nearest")
        return cls(profiles, offsets, ground, expected, np.maximum(light, 1.0))

    @property
    def reach(self) -> float:
        """How far profiles reach to either side."""
        return float(self.offsets[-1])

    def only(self, chosen: NDArray[np.int64]) -> "_Fit":
        """The same fit of some of the profiles."""
        return replace(self, profiles=self.profiles[chosen], expected=self.expected[chosen], light=self.light[chosen])

    def coarse(self, blur: float) -> tuple[Floats, Floats]:
        """Middle and opening by trying a grid of them."""
        tried = _tried(len(self.offsets), self.reach, blur)
        ground = self.ground.share * self.light[:, None]
        gap, with_gap, without = (self.profiles @ part for part in (tried.gap, *tried.projections))
        shape = len(self.profiles), len(tried.opening), 2
        fitted = ((with_gap.reshape(shape) - ground[..., None] * tried.gap_projected) ** 2).sum(axis=2)
        # Misfit against not having a gap there, levels fitted, ground near what is known.
        cost = ground * (ground * tried.gap_squared - 2 * gap) - fitted + (without.reshape(shape) ** 2).sum(axis=2)
        # A far-off dark line must explain much more to be taken for this crack.
        off = (tried.middle - self.expected[:, None]) / (2 + tried.opening / 2)
        best = (cost + _STAY * self.light[:, None] ** 2 * off**2).argmin(axis=1)
        return tried.middle[best], tried.opening[best]

    def best_blur(self, start: tuple[Floats, Floats], least_px: float) -> tuple[float, int]:
        """The one blur that explains this capture's gaps of `least_px` and more best, and how many gaps tell it: where
        there are too few, none do.
        """
        wide = np.flatnonzero(start[1] >= least_px)
        if len(wide) < _LEAST_BLURRED:
            return _USUAL_BLUR_PX, 0
        spread = np.linspace(0, len(wide) - 1, min(len(wide), _MOST_BLURRED)).round().astype(np.int64)
        part, begun = self.only(wide[spread]), (start[0][wide[spread]], start[1][wide[spread]])
        costs = np.array([np.median(part.refined(begun, float(blur)).cost) for blur in _BLURS_PX])
        index = int(np.clip(costs.argmin(), 1, len(costs) - 2))
        curve = np.polyfit(np.log(_BLURS_PX[index - 1 : index + 2]), costs[index - 1 : index + 2], 2)
        best = np.exp(-curve[1] / (2 * curve[0])) if curve[0] > 0 else _BLURS_PX[costs.argmin()]
        return float(np.clip(best, _BLURS_PX[0], _BLURS_PX[-1])), len(wide)

    def refined(self, start: tuple[Floats, Floats], blur: float) -> _Found:
        """Gauss-Newton on left and right level, ground, middle and opening, the ground held by what is known."""
        middle, opening = (part.copy() for part in start)
        near = np.abs(self.offsets - middle[:, None]) <= opening[:, None] / 2 + _FITTED_FLANK_PX
        weight = near.astype(float)
        ground = self.ground.share * self.light
        left, right = self._levels(middle, opening)
        held = (self.ground.weight / self.ground.standard_error) ** 2
        hold_middle = (_NOISE_SHARE * self.light / _MIDDLE_SPREAD_PX) ** 2
        residual, normal = np.empty_like(self.profiles), np.empty((len(middle), 5, 5))
        moving = np.arange(len(middle))
        for _ in range(_ITERATIONS):
            places, share = self.light[moving], ground[moving]
            at = self.offsets, middle[moving, None], opening[moving, None], blur
            parts, slopes = _parts(*at), _slopes(*at)
            residual[moving] = self.profiles[moving] - (
                left[moving, None] * parts[0] + right[moving, None] * parts[1] + share[:, None] * parts[2]
            )
            steep = (left[moving] - share)[:, None] * slopes[0], (right[moving] - share)[:, None] * slopes[1]
            jacobian = np.stack([*parts, steep[0] - steep[1], -(steep[0] + steep[1]) / 2], axis=1)
            weighted = jacobian * weight[moving, None]
            equations = weighted @ np.swapaxes(jacobian, 1, 2)
            gradient = (weighted @ residual[moving, :, None])[..., 0]
            equations[:, 2, 2] += held
            gradient[:, 2] += held * (self.ground.share * places - share)
            equations[:, 3, 3] += hold_middle[moving]
            gradient[:, 3] += hold_middle[moving] * (start[0][moving] - middle[moving])
            equations[:, range(5), range(5)] += 1e-9
            normal[moving] = equations
            step = np.linalg.solve(equations, gradient[..., None])[..., 0]
            step[:, 3:] = np.clip(step[:, 3:], -_LONGEST_STEP_PX, _LONGEST_STEP_PX)
            left[moving] += step[:, 0]
            right[moving] += step[:, 1]
            ground[moving] += step[:, 2]
            middle[moving] = np.clip(middle[moving] + step[:, 3], -self.reach, self.reach)
            opening[moving] = np.clip(opening[moving] + step[:, 4], -2.0, 2 * self.reach)
            step[:, :3] /= places[:, None]
            moving = moving[np.abs(step).max(axis=1) > _SETTLED]
            if not len(moving):
                break
        cost = (weight * residual**2).sum(axis=1)
        freedom = np.maximum(weight.sum(axis=1) * 0.5 - 5, 2)  # neighbouring samples share pixels
        noise = cost / freedom
        inverse = np.linalg.inv(normal)
        return _Found(
            middle=middle,
            opening=opening,
            ground=ground / self.light,
            ground_error=np.sqrt(noise * inverse[:, 2, 2]) / self.light,
            error=np.sqrt(noise * inverse[:, 4, 4]),
            cost=cost / self.light**2,
        )

    def _levels(self, middle: Floats, opening: Floats) -> tuple[Floats, Floats]:
        from_middle = self.offsets - middle[:, None]
        levels = []
        for side in (-1, 1):
            beyond = side * from_middle - opening[:, None] / 2
            flank = (beyond > 0.5) & (beyond < _FITTED_FLANK_PX)
            count = np.maximum(flank.sum(axis=1), 1)
            levels.append(np.where(flank.any(axis=1), (self.profiles * flank).sum(axis=1) / count, self.light))
        return levels[0], levels[1]


@dataclass(frozen=True)
class _Tried:
    """Gaps tried at first on profiles of m samples: `middle` and `opening` (k,); columns `gap` (m, k) of their shape
    within the fitted flanks, `gap_squared` (k,) and, onto two orthonormal levels with the gap and without one,
    `projections` (m, 2 k); `gap_projected` (k, 2).
    """

    middle: Floats
    opening: Floats
    gap: Floats
    gap_squared: Floats
    gap_projected: Floats
    projections: tuple[Floats, Floats]


@lru_cache(maxsize=64)
def _tried(samples: int, reach: float, blur: float) -> _Tried:
    """The grid for profiles from -`reach` to `reach`: the same for all cracks that are as wide."""
    offsets = np.linspace(-reach, reach, samples)
    furthest = min(reach / 2, _FURTHEST_MIDDLE_PX)
    middles = np.arange(-furthest, furthest + 0.5, 1.0)
    grid = [(centre, width) for width in _TRIED_PX[2 * reach - _FITTED_FLANK_PX > _TRIED_PX] for centre in middles]
    gaps, projected, bases = [], [], ([], [])  # type: tuple[list[Floats], list[Floats], tuple[list[Floats], ...]]
    for centre, width in grid:
        near = np.abs(offsets - centre) <= width / 2 + _FITTED_FLANK_PX
        left, right, gap = (part * near for part in _parts(offsets, centre, width, blur))
        beside = [part * near for part in _parts(offsets, centre, 0.0, blur)[:2]]
        for basis, levels in zip(bases, ((left, right), beside), strict=True):
            basis.append(_orthonormal(np.stack(levels, axis=1)))
        gaps.append(gap)
        projected.append(gap @ bases[0][-1])
    return _Tried(
        middle=np.array([centre for centre, _ in grid]),
        opening=np.array([width for _, width in grid]),
        gap=np.stack(gaps, axis=1),
        gap_squared=np.array([gap @ gap for gap in gaps]),
        gap_projected=np.stack(projected),
        projections=(np.concatenate(bases[0], axis=1), np.concatenate(bases[1], axis=1)),
    )


def _orthonormal(columns: Floats) -> Floats:
    """Of the same shape (m, 2) and span; zeros for what is no direction of its own, as a rim beyond the profile."""
    base, sizes, _ = np.linalg.svd(columns, full_matrices=False)
    return np.asarray(base * (sizes > np.finfo(float).eps * sizes[0]))


def _parts(offsets: Floats, middle: Floats | float, opening: Floats | float, blur: float) -> tuple[Floats, ...]:
    """Shares of left wall, right wall and gap seen at each offset. A negative opening is a negative gap."""
    left = ndtr(-(offsets - middle + opening / 2) / blur)
    right = ndtr((offsets - middle - opening / 2) / blur)
    return left, right, 1 - left - right


def _slopes(offsets: Floats, middle: Floats, opening: Floats, blur: float) -> tuple[Floats, Floats]:
    """Steepness of the two rims at each offset."""
    scale = 1 / (blur * np.sqrt(2 * np.pi))
    rims = [(offsets - middle + sign * opening / 2) / blur for sign in (1, -1)]
    return scale * np.exp(-0.5 * rims[0] ** 2), scale * np.exp(-0.5 * rims[1] ** 2)
