"""Which crack is which over time.

Masks of one location, all in the reference's frame, are gone through by capture time. The order in which
they arrived plays no part: the same set of masks gives the same cracks with the same names.

A location has hundreds of captures, and photos have many more pixels than cracks: what a capture marks is held as
places, and what is worked out for each capture is worked out at these places alone.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import combinations

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from monitor.imaging.sparse_masks import Places, SparseMask, Window
from monitor.records import BoolArray, ByteArray, CrackState
from monitor.severity.metrics import MIN_COMPONENT_PX
from monitor.severity.skeleton import arc_px, centreline

Labels = NDArray[np.int32]
Floats = NDArray[np.float64]

#: Masks of the same crack lie within this of each other: registration, light and the camera leave so much.
TOLERANCE_PX = 8
#: Pieces this near to each other are one crack of which a part was not seen.
BRIDGED_PX = 24
#: Pieces nearer than this share of the frame that a later capture shows as one were one crack all along, and so are
#: those that go on from one another ...
_ONE_CRACK_SHARE = 0.1
#: ... over a gap no longer than either, towards one another within such an angle (its cosine), seen over as long a way
#: as the gap, or over so many px.
_TOWARDS, _WAY_PX = 0.75, 40.0
#: From so many captures on, what only one of them shows is no crack yet.
_CONFIRMED_FROM = 3
#: A side branch longer than this makes a crack a branched one.
_BRANCH_PX = 25.0
#: So far around all masks the frame reaches, even beyond the picture's border.
_PAD_PX = TOLERANCE_PX + BRIDGED_PX
#: More than one label is near.
_SEVERAL = -1


@dataclass(frozen=True)
class Track:
    """One crack over time. `name` is a letter, in order of first sight and then of size.

    `regions` holds what each capture shows of it, all of one shape: the part of the frame from `origin` (row, col) on
    that the crack takes up, or None where it was not seen; `states` says what that means. Both have one entry a
    capture; `first_seen` indexes them.
    """

    name: str
    origin: tuple[int, int]
    first_seen: int
    regions: tuple[SparseMask | None, ...]
    states: tuple[CrackState, ...]


#: Which of the pixels (n, 2) of the frame, (row, col), a capture shows, by its index: bool (n,).
Shown = Callable[[int, NDArray[np.int64]], BoolArray]


def track(masks: Sequence[SparseMask], shown: Shown) -> list[Track]:
    """The cracks in `masks`, all of one shape, in order of capture time.

    What only one of three or more captures marks is left out until another confirms it.
    """
    if not any(len(mask) for mask in masks):
        return []
    window = _window(masks)
    parts = _confirmed([mask.within(window) for mask in masks])
    one_crack_px = max(BRIDGED_PX, _ONE_CRACK_SHARE * max(masks[0].shape))
    captures = _labelled(parts)
    crack_of = _cracks_of_labels(captures, parts[0].shape, one_crack_px)
    corner = np.array([window[0].start, window[1].start])

    def seen(index: int, places: Places) -> BoolArray:
        return shown(index, SparseMask(parts[0].shape, places).pixels + corner)

    regions, states = _through_time(captures, crack_of, parts[0].shape, seen)
    tracks = []
    for number, crack in enumerate(sorted(set(crack_of.values()))):
        own = [None if crack not in found else SparseMask(parts[0].shape, found[crack]) for found in regions]
        box = _around([region for region in own if region is not None])
        tracks.append(
            Track(
                name=name_of(number),
                origin=(int(corner[0]) + box[0].start, int(corner[1]) + box[1].start),
                first_seen=next(index for index, region in enumerate(own) if region is not None),
                regions=tuple(None if region is None else region.within(box) for region in own),
                states=tuple(known.get(crack, CrackState.NOT_YET) for known in states),
            )
        )
    return tracks


def _around(masks: Sequence[SparseMask]) -> Window:
    """The smallest part of the frame that holds all masks."""
    boxes = [mask.box for mask in masks if len(mask)]
    rows, cols = (slice(min(box[axis].start for box in boxes), max(box[axis].stop for box in boxes)) for axis in (0, 1))
    return rows, cols


def _window(masks: Sequence[SparseMask]) -> Window:
    """That, and what may matter beside it, so that large photos cost no more than their cracks."""
    rows, cols = (slice(side.start - _PAD_PX, side.stop + _PAD_PX) for side in _around(masks))
    return rows, cols


def _disc(radius: int) -> ByteArray:
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1)), np.uint8)


def _confirmed(masks: Sequence[SparseMask]) -> list[SparseMask]:
    """What is believed of each mask: all of one or two, else that near to which another one marks something, too.

    Spread over its surroundings, the number of the first capture that marks a place differs from that of the last
    where there are two.
    """
    if len(masks) < _CONFIRMED_FROM:
        return list(masks)
    kind = np.uint16 if len(masks) < np.iinfo(np.uint16).max else np.float32  # OpenCV dilates no larger integers
    first, last = np.zeros((2, *masks[0].shape), kind)
    for number, mask in enumerate(masks, 1):
        last.reshape(-1)[mask.places] = number
        first.reshape(-1)[masks[-number].places] = number  # counted from the end
    latest, earliest = (cv2.dilate(one, _disc(TOLERANCE_PX)).reshape(-1) for one in (last, first))
    believed = []
    for mask in masks:
        several = latest[mask.places].astype(np.int64) + earliest[mask.places] > len(masks) + 1
        believed.append(SparseMask(mask.shape, mask.places[several]))
    return believed


def _pieces(mask: SparseMask) -> list[Places]:
    """Cracks of one mask, largest first: components, bridged over short gaps, that are large enough."""
    found = [piece for part in _far_apart(mask) for piece in _bridged(part)]
    return sorted(found, key=len, reverse=True)


def _far_apart(mask: SparseMask) -> list[SparseMask]:
    """The mask in parts that lie too far apart to be bridged: each costs no more than the box around it."""
    pixels = mask.pixels // (BRIDGED_PX + 1)
    blocks = np.zeros(pixels.max(axis=0, initial=0) + 1, np.uint8)
    blocks[tuple(pixels.T)] = 1
    count, labels = cv2.connectedComponents(blocks, connectivity=8)
    part = labels[tuple(pixels.T)]
    return [SparseMask(mask.shape, mask.places[part == index]) for index in range(1, count)]


def _bridged(mask: SparseMask) -> list[Places]:
    if len(mask) < MIN_COMPONENT_PX:
        return []
    rows, cols = (slice(side.start - BRIDGED_PX, side.stop + BRIDGED_PX) for side in mask.box)
    inside = mask.within((rows, cols))
    closed = cv2.morphologyEx(inside.dense().view(np.uint8), cv2.MORPH_CLOSE, _disc(BRIDGED_PX // 2))
    count, labels = cv2.connectedComponents(closed, connectivity=8)
    label = labels.reshape(-1)[inside.places]
    sizes = np.bincount(label, minlength=count)
    return [mask.places[label == index] for index in range(1, count) if sizes[index] >= MIN_COMPONENT_PX]


class _Labelled:
    """Which label each pixel of a frame bears, and which one it is near to."""

    def __init__(self, shape: tuple[int, int]) -> None:
        self._shape = shape
        self._own: Labels = np.zeros(shape, np.int32)
        self._near: Labels = np.zeros(shape, np.int32)
        alone = np.ones((2 * TOLERANCE_PX + 1,) * 2, np.uint8)
        alone[TOLERANCE_PX, TOLERANCE_PX] = 0
        around = np.argwhere(cv2.distanceTransform(alone, cv2.DIST_L2, cv2.DIST_MASK_5) <= TOLERANCE_PX)
        self._disc = ((around - TOLERANCE_PX) @ (shape[1], 1)).astype(np.int32)
        self._next = np.array([1, -1, shape[1], -shape[1]], np.int32)

    def add(self, places: Places, label: int) -> None:
        """Label those of the places that have none yet."""
        own, near = self._own.reshape(-1), self._near.reshape(-1)
        new = places[own[places] == 0]
        own[new] = label
        rim = new[(own[new[:, None] + self._next] != label).any(axis=1)]
        reached = np.concatenate([new, *(rim + step for step in self._disc)])
        before = near[reached]
        near[reached] = np.where((before == 0) | (before == label), label, _SEVERAL)

    def beyond(self, places: Places, label: int) -> bool:
        """Whether some of the places are not near to that label."""
        return bool((~np.isin(self._near.reshape(-1)[places], (label, _SEVERAL))).any())

    def parts(self, piece: Places) -> dict[int, Places]:
        """The piece by the labels it lies on or near to; each of its pixels goes to the nearest of these."""
        near = set(map(int, np.unique(self._near.reshape(-1)[piece]))) - {0}
        if _SEVERAL in near or len(near) > 1:
            return self._divided(piece)
        return dict.fromkeys(near, piece)

    def _divided(self, piece: Places) -> dict[int, Places]:
        box = SparseMask(self._shape, piece).box
        rows, cols = (slice(side.start - TOLERANCE_PX, side.stop + TOLERANCE_PX) for side in box)
        around, inside = self._own[rows, cols], SparseMask(self._shape, piece).within((rows, cols)).places
        nearest, distance = (part.reshape(-1)[inside] for part in _nearest_label(around))
        labels = np.unique(nearest[distance <= TOLERANCE_PX])
        if len(labels) > 1 and not np.isin(nearest, labels).all():
            nearest = _nearest_label(np.where(np.isin(around, labels), around, 0))[0].reshape(-1)[inside]
        return {int(label): piece if len(labels) == 1 else piece[nearest == label] for label in labels}


def _nearest_label(labels: Labels) -> tuple[Labels, NDArray[np.float32]]:
    """The label nearest to each pixel and how far off it is, where there is one at all."""
    distance, place = cv2.distanceTransformWithLabels(
        (labels == 0).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    lookup = np.zeros(int(place.max()) + 1, np.int32)
    lookup[place[labels > 0]] = labels[labels > 0]
    return lookup[place], np.asarray(distance, np.float32)


@dataclass(frozen=True)
class _Capture:
    """What one capture shows: its places by label, and the sets of labels that share one piece."""

    regions: dict[int, Places]
    joined: tuple[frozenset[int], ...]


def _labelled(masks: Sequence[SparseMask]) -> list[_Capture]:
    """Each capture's pieces, under the label of the earlier piece that they lie on, or under a new one."""
    known, count, captures = _Labelled(masks[0].shape), 0, []
    for mask in masks:
        found: dict[int, Places] = {}
        joined = []
        for piece in _pieces(mask):
            parts = known.parts(piece)
            if not parts:
                count += 1
                parts = {count: piece}
            for label, part in parts.items():
                found[label] = np.union1d(found[label], part) if label in found else part
            if len(parts) > 1:
                joined.append(frozenset(parts))
        for label, region in found.items():
            known.add(region, label)
        captures.append(_Capture(found, tuple(joined)))
    return captures


def _cracks_of_labels(captures: Sequence[_Capture], shape: tuple[int, int], one_crack_px: float) -> dict[int, int]:
    """Which labels are one crack (named by the smallest of them): pieces near to each other that later proved to
    be connected, or that go on from one another. Cracks that meet from further away have merged, and stay two.
    """
    first: dict[int, SparseMask] = {}
    for capture in captures:
        for label, region in capture.regions.items():
            first.setdefault(label, SparseMask(shape, region))
    crack = {label: label for label in first}
    proved = {pair for capture in captures for group in capture.joined for pair in combinations(sorted(group), 2)}
    pieces = {label: _Piece(region.pixels) for label, region in first.items()}
    one_crack = [(one, two) for one, two in sorted(proved) if pieces[one].facing(pieces[two])[0] <= one_crack_px]
    one_crack += [
        (one, two) for one, two in combinations(sorted(pieces), 2) if pieces[one].goes_on(pieces[two], one_crack_px)
    ]
    for one, two in one_crack:
        smaller, larger = sorted((crack[one], crack[two]))
        crack = {label: smaller if root == larger else root for label, root in crack.items()}
    return crack


class _Piece:
    """A piece of crack as the first capture to show it has it: its `pixels` (n, 2), (row, col)."""

    def __init__(self, pixels: NDArray[np.int64]) -> None:
        self._pixels = pixels.astype(np.float64)
        self._tree = cKDTree(self._pixels)
        self._box = self._pixels.min(axis=0), self._pixels.max(axis=0)

    def facing(self, other: "_Piece") -> tuple[float, Floats, Floats]:
        """How far the two are apart (px), and the pixels of this one and of the other one that are nearest."""
        distances, nearest = self._tree.query(other._pixels)
        there = int(distances.argmin())
        return float(distances[there]), self._pixels[nearest[there]], other._pixels[there]

    def goes_on(self, other: "_Piece", most_px: float) -> bool:
        """Whether the other one begins where this one ends, over a gap no longer than either."""
        apart = np.maximum(self._box[0] - other._box[1], other._box[0] - self._box[1])
        if apart.max() > most_px:
            return False
        gap_px, own, others = self.facing(other)
        if not 0 < gap_px <= min(most_px, self._reach_px(own), other._reach_px(others)):
            return False
        link = (others - own) / gap_px
        return self._towards(own, link, gap_px) and other._towards(others, -link, gap_px)

    def _reach_px(self, tip: Floats) -> float:
        return float(np.hypot(*(self._pixels - tip).T).max())

    def _towards(self, tip: Floats, link: Floats, gap_px: float) -> bool:
        """Whether it ends at the tip, and goes the way of the unit vector `link` there."""
        way_px = max(gap_px, _WAY_PX)
        behind = self._pixels[self._tree.query_ball_point(tip, way_px)]
        way = tip - behind.mean(axis=0)
        length = float(np.hypot(*way))
        return length > way_px / 4 and float(way @ link) > _TOWARDS * length


def _through_time(
    captures: Sequence[_Capture],
    crack_of: dict[int, int],
    shape: tuple[int, int],
    seen: Callable[[int, Places], BoolArray],
) -> tuple[list[dict[int, Places]], list[dict[int, CrackState]]]:
    """Each capture's region and state by crack."""
    own: Labels = np.zeros(shape[0] * shape[1], np.int32)
    reach = _Labelled(shape)
    known: dict[int, _Grown] = {}
    regions: list[dict[int, Places]] = []
    states: list[dict[int, CrackState]] = []
    for index, capture in enumerate(captures):
        found: dict[int, Places] = {}
        for label, region in capture.regions.items():
            crack = crack_of[label]
            found[crack] = np.union1d(found[crack], region) if crack in found else region
        groups = [{crack_of[label] for label in group} for group in capture.joined]
        merged = {crack for group in groups if len(group) > 1 for crack in group}
        now: dict[int, CrackState] = {}
        for crack in known.keys() - found.keys():
            share = float(seen(index, known[crack].places).mean())
            now[crack] = CrackState.GONE_DARK if share > 0.5 else CrackState.NOT_SHOWN
        for crack, region in found.items():
            new = region[own[region] == 0]
            own[new] = crack
            if crack not in known:
                known[crack], now[crack] = _Grown(shape, reach, crack, new), CrackState.NEW
            else:
                branched = known[crack].add(new)
                now[crack] = CrackState.BRANCHED if branched else CrackState.CONTINUED
            if crack in merged and now[crack] is not CrackState.NEW:
                now[crack] = CrackState.MERGED
        regions.append(found)
        states.append(now)
    return regions, states


class _Grown:
    """All that captures up to one have shown of a crack: its `places`.

    Counting branches takes long, and mostly what is new lies along the rim: only once something lies further off than
    masks of the same crack do can there be another branch. `reach` knows what was there when all cracks' were counted.
    """

    def __init__(self, shape: tuple[int, int], reach: _Labelled, crack: int, places: Places) -> None:
        self._shape, self._reach, self._crack = shape, reach, crack
        self._parts, self._counted = [places], 1
        self._branches: int | None = None
        reach.add(places, crack)

    @property
    def places(self) -> Places:
        """All of them, in no order."""
        return np.concatenate(self._parts)

    def add(self, new: Places) -> bool:
        """What one more capture shows beside it; whether that makes it a branched crack, or one with more branches."""
        self._parts.append(new)
        if not self._reach.beyond(new, self._crack):
            return False
        before = self._count(self._counted) if self._branches is None else self._branches
        for part in self._parts[self._counted :]:
            self._reach.add(part, self._crack)
        self._counted = len(self._parts)
        self._branches = self._count(self._counted)
        return self._branches > max(before, 1)

    def _count(self, parts: int) -> int:
        region = SparseMask(self._shape, np.sort(np.concatenate(self._parts[:parts])))
        own = region.within(region.box).dense()
        return sum(float(arc_px(branch.points)[-1]) >= _BRANCH_PX for branch in centreline(own).branches)


def name_of(index: int) -> str:
    """A, B, ... Z, AA, AB, ... for 0, 1, ..."""
    letters = ""
    index += 1
    while index:
        index, rest = divmod(index - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters
