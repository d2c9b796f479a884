"""Which crack is which over time.

Masks of one location, all in the reference's frame, are gone through by capture time. The order in which
they arrived plays no part: the same set of masks gives the same cracks with the same names.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray

from monitor.records import BoolArray, ByteArray, CrackState
from monitor.severity.metrics import MIN_COMPONENT_PX
from monitor.severity.skeleton import arc_px, centreline

Labels = NDArray[np.int32]
Window = tuple[slice, slice]

#: Masks of the same crack lie within this of each other: registration, light and the camera leave so much.
TOLERANCE_PX = 8
#: Pieces this near to each other are one crack of which a part was not seen.
BRIDGED_PX = 24
#: Pieces nearer than this share of the frame that a later capture shows as one were one crack all along.
_ONE_CRACK_SHARE = 0.1
#: From so many captures on, what only one of them shows is no crack yet.
_CONFIRMED_FROM = 3
#: A side branch longer than this makes a crack a branched one.
_BRANCH_PX = 25.0


@dataclass(frozen=True)
class Track:
    """One crack over time. `name` is a letter, in order of first sight and then of size.

    `regions` holds what each capture shows of it, bool, all of one shape: the part of the frame from `origin`
    (row, col) on that the crack takes up, or None where it was not seen; `states` says what that means. Both have one
    entry a capture; `first_seen` indexes them.
    """

    name: str
    origin: tuple[int, int]
    first_seen: int
    regions: tuple[BoolArray | None, ...]
    states: tuple[CrackState, ...]


def track(masks: Sequence[BoolArray], seen: Callable[[int, Window], BoolArray]) -> list[Track]:
    """The cracks in `masks`, bool (rows, cols), in order of capture time.

    `seen(index, window)` marks what that capture shows of that part of the frame. What only one of three or more
    captures marks is left out until another confirms it.
    """
    if not masks or not any(mask.any() for mask in masks):
        return []
    window = _window(masks)
    parts = [np.ascontiguousarray(mask[window]) for mask in masks]
    pieces = _labelled_pieces(parts)
    one_crack_px = max(BRIDGED_PX, _ONE_CRACK_SHARE * max(masks[0].shape))
    crack_of = _cracks_of_labels(pieces, one_crack_px)
    regions, states = _through_time(pieces, crack_of, [seen(index, window) for index in range(len(masks))])
    tracks = []
    for place, crack in enumerate(sorted(set(crack_of.values()))):
        own = [found.get(crack) for found in regions]
        rows, cols = _window([region for region in own if region is not None])
        tracks.append(
            Track(
                name=name_of(place),
                origin=(window[0].start + rows.start, window[1].start + cols.start),
                first_seen=next(index for index, region in enumerate(own) if region is not None),
                regions=tuple(None if region is None else region[rows, cols].copy() for region in own),
                states=tuple(known.get(crack, CrackState.NOT_YET) for known in states),
            )
        )
    return tracks


def _window(masks: Sequence[BoolArray]) -> Window:
    """The part of the frame that holds all masks, so that large photos cost no more than their cracks."""
    rows, cols = (np.flatnonzero(np.any([mask.any(axis=axis) for mask in masks], axis=0)) for axis in (1, 0))
    pad = TOLERANCE_PX + BRIDGED_PX
    tall, wide = (
        slice(max(int(part[0]) - pad, 0), min(int(part[-1]) + pad + 1, side))
        for part, side in zip((rows, cols), masks[0].shape, strict=True)
    )
    return tall, wide


def _disc(radius: int) -> ByteArray:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def _dilated(mask: BoolArray, radius: int) -> BoolArray:
    return np.asarray(cv2.dilate(mask.astype(np.uint8), _disc(radius)) > 0)


def _confirmed(masks: Sequence[BoolArray]) -> BoolArray:
    """Where cracks are believed: everywhere for one or two captures, else where two of them agree."""
    support = np.zeros(masks[0].shape, np.int32)
    for mask in masks:
        support += _dilated(mask, TOLERANCE_PX)
    return support >= (2 if len(masks) >= _CONFIRMED_FROM else 1)


def _pieces(mask: BoolArray) -> list[BoolArray]:
    """Cracks of one mask, largest first: components, bridged over short gaps, that are large enough."""
    bridged = cv2.morphologyEx(mask.astype(np.uint8), cv2.MORPH_CLOSE, _disc(BRIDGED_PX // 2))
    count, label = cv2.connectedComponents(bridged, connectivity=8)
    label = np.where(mask, label, 0)
    sizes = np.bincount(label.ravel(), minlength=count)
    order = [index for index in np.argsort(-sizes[1:], kind="stable") + 1 if sizes[index] >= MIN_COMPONENT_PX]
    return [label == index for index in order]


@dataclass(frozen=True)
class _Seen:
    """What one capture shows: its region by label, and the sets of labels that share one piece."""

    regions: dict[int, BoolArray]
    joined: tuple[frozenset[int], ...]


def _labelled_pieces(masks: Sequence[BoolArray]) -> list[_Seen]:
    """Each capture's pieces, under the label of the earlier piece that they lie on, or under a new one."""
    confirmed = _confirmed(masks)
    identity = np.zeros(masks[0].shape, np.int32)
    everything = []
    for mask in masks:
        seen = _identified(mask & confirmed, identity)
        for label, region in seen.regions.items():
            identity[region & (identity == 0)] = label
        everything.append(seen)
    return everything


def _identified(mask: BoolArray, identity: Labels) -> _Seen:
    found: dict[int, BoolArray] = {}
    joined = []
    following = int(identity.max()) + 1
    nearest, distance = _nearest_label(identity)
    for piece in _pieces(mask):
        labels = np.unique(nearest[piece & (distance <= TOLERANCE_PX)])
        if len(labels) == 0:
            found[following] = piece
            following += 1
        for label in map(int, labels):
            part = piece if len(labels) == 1 else piece & (nearest == label)
            found[label] = found[label] | part if label in found else part
        if len(labels) > 1:
            joined.append(frozenset(map(int, labels)))
    return _Seen(found, tuple(joined))


def _cracks_of_labels(everything: list[_Seen], one_crack_px: float) -> dict[int, int]:
    """Which labels are one crack (named by the smallest of them): pieces near to each other that later proved to
    be connected. Cracks that meet from further away have merged, and stay two.
    """
    first: dict[int, BoolArray] = {}
    for seen in everything:
        for label, region in seen.regions.items():
            first.setdefault(label, region)
    crack = {label: label for label in first}
    for one, two in sorted(
        {pair for seen in everything for group in seen.joined for pair in combinations(sorted(group), 2)}
    ):
        if crack[one] != crack[two] and _gap_px(first[one], first[two]) <= one_crack_px:
            smaller, larger = sorted((crack[one], crack[two]))
            crack = {label: smaller if root == larger else root for label, root in crack.items()}
    return crack


def _gap_px(one: BoolArray, two: BoolArray) -> float:
    return float(cv2.distanceTransform((~one).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)[two].min())


def _through_time(
    everything: list[_Seen], crack_of: dict[int, int], shown: Sequence[BoolArray]
) -> tuple[list[dict[int, BoolArray]], list[dict[int, CrackState]]]:
    """Each capture's region and state by crack."""
    identity = np.zeros(shown[0].shape, np.int32)
    regions: list[dict[int, BoolArray]] = []
    states: list[dict[int, CrackState]] = []
    for seen, part in zip(everything, shown, strict=True):
        found: dict[int, BoolArray] = {}
        for label, region in seen.regions.items():
            crack = crack_of[label]
            found[crack] = found[crack] | region if crack in found else region
        groups = [{crack_of[label] for label in group} for group in seen.joined]
        merged = {crack for group in groups if len(group) > 1 for crack in group}
        before = identity.copy()
        for crack, region in found.items():
            identity[region & (identity == 0)] = crack
        regions.append(found)
        states.append(_states(found, merged, before, identity, part))
    return regions, states


def _nearest_label(identity: Labels) -> tuple[Labels, NDArray[np.float32]]:
    """The label nearest to each pixel and how far off it is; infinitely far when there is none."""
    if not identity.any():
        return identity, np.full(identity.shape, np.inf, np.float32)
    distance, place = cv2.distanceTransformWithLabels(
        (identity == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros(int(place.max()) + 1, np.int32)
    lookup[place[identity > 0]] = identity[identity > 0]
    return lookup[place], np.asarray(distance, np.float32)


def _states(
    found: dict[int, BoolArray], merged: set[int], before: Labels, after: Labels, seen: BoolArray
) -> dict[int, CrackState]:
    states: dict[int, CrackState] = {}
    known = set(np.unique(before)) - {0}
    for label in found:
        if label not in known:
            states[label] = CrackState.NEW
        elif label in merged:
            states[label] = CrackState.MERGED
        else:
            now, then = after == label, before == label
            # Counting branches takes long, and mostly nothing has come to the crack.
            grew = bool((now != then).any()) and _branches(now) > max(_branches(then), 1)
            states[label] = CrackState.BRANCHED if grew else CrackState.CONTINUED
    for label in known - set(found):
        share = float(seen[before == label].mean())
        states[int(label)] = CrackState.GONE_DARK if share > 0.5 else CrackState.NOT_SHOWN
    return states


def _branches(region: BoolArray) -> int:
    """How many long branches a crack has."""
    own = np.ascontiguousarray(region[_window([region])])
    return sum(float(arc_px(branch.points)[-1]) >= _BRANCH_PX for branch in centreline(own).branches)


def name_of(index: int) -> str:
    """A, B, ... Z, AA, AB, ... for 0, 1, ..."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
