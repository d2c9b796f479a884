"""Where the heavy work is done, and how the networks are built: from settings, or from a recipe that is in force."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import torch

from monitor.analysis import Analyser, AnalysisOptions
from monitor.errors import CrackmonitorError, RecipeError, WeightsError
from monitor.networks.adaptation import with_head
from monitor.networks.devices import choose_device
from monitor.networks.weights import SHIPPED, Classifier, Segmenter, load_classifier, load_segmenter, manifest
from monitor.records import Analysis, BoolArray, ByteArray, Recipe
from monitor.settings import AnalysisSettings, Settings

#: What torch chose, before anything here told it otherwise.
_CHOSEN_THREADS = torch.get_num_threads()


def chosen_threads() -> int:
    """How many threads a recipe has that leaves them to torch."""
    return _CHOSEN_THREADS


class ThreadedAnalyser(Analyser):
    """An analyser that sets torch's threads before every capture: they are part of the recipe, but torch has only
    one number of them for all.
    """

    def analyse(
        self, image: ByteArray, reference: ByteArray | None = None, reference_mask: BoolArray | None = None
    ) -> Analysis:
        """As `Analyser.analyse`."""
        torch.set_num_threads(self.options.threads or _CHOSEN_THREADS)
        return super().analyse(image, reference, reference_mask)


def build_analyser(settings: AnalysisSettings) -> Analyser:
    """Load the networks and set torch up as the settings say.

    Raises `WeightsError`, `UnknownNameError` or `MisuseError` with a sentence when that is impossible.
    """
    device = choose_device(settings.device)
    options = AnalysisOptions(
        attribution=settings.attribution,
        thresholder=settings.thresholder,
        mask=settings.mask,
        width_method=settings.width_method,
        batch_size=settings.batch_size,
        threads=settings.threads,
        threshold_probability=settings.threshold_probability,
        least_confidence=settings.least_confidence,
        least_crack_confidence=settings.least_crack_confidence,
        sizes=settings.sizes,
    )
    segmenter = load_segmenter(settings.segmenter, device=device) if settings.mask == "taught" else None
    return ThreadedAnalyser(load_classifier(settings.weights, device=device), options, segmenter)


def analyser_of(recipe: Recipe, settings: Settings) -> Analyser:
    """An analyser that reads captures exactly as that recipe says.

    Its weights are looked for among the shipped ones, beside those of the settings, and in the workspace and its
    folder `weights`. Raises `RecipeError` with the reason where none can be had, or its recipe is another.
    """
    try:
        classifier, segmenter = _networks(recipe, settings)
        analyser = ThreadedAnalyser(classifier, _restored(AnalysisOptions(), recipe.options), segmenter)
        found = analyser.recipe
    except (RecipeError, WeightsError) as error:
        raise RecipeError(str(error)) from error
    except (CrackmonitorError, KeyError, TypeError, ValueError) as error:
        why = str(error).rstrip(".")
        raise RecipeError(f"this version, with these settings, cannot follow it ({why}). {_GO_BACK}") from error
    if found.fingerprint != recipe.fingerprint:
        named = ", ".join(recipe.differences(found))
        raise RecipeError(f"this version gives other numbers (it differs in {named}). {_GO_BACK}")
    return analyser


_GO_BACK = "Install the version of crackmonitor that made it, or switch."


def _restored(model: Any, stored: Any) -> Any:
    """What was stored as JSON, with the parts that `model` has: records within records, tuples."""
    if is_dataclass(model) and isinstance(stored, Mapping):
        made: Any = type(model)
        if unknown := [repr(part.name) for part in fields(model) if part.name not in stored]:
            raise RecipeError(f"it was made before there was {' and '.join(unknown)}. {_GO_BACK}")
        return made(**{part.name: _restored(getattr(model, part.name), stored[part.name]) for part in fields(model)})
    return tuple(stored) if isinstance(stored, list) else stored


def _networks(recipe: Recipe, settings: Settings) -> tuple[Classifier, Segmenter | None]:
    device, options = choose_device(settings.analysis.device), recipe.options
    name, other = str(options["weights"]), options.get("segmenter")
    classifier = load_classifier(name, _folder_with(name, options["weights_sha256"], settings), device)
    if (head := options.get("head_sha256")) is not None:
        classifier = with_head(classifier, settings.heads, head)
    if other is None:
        return classifier, None
    return classifier, load_segmenter(other, _folder_with(other, options["segmenter_sha256"], settings), device)


def _folder_with(name: str, sha256: str, settings: Settings) -> Path:
    """Where the weights of that name and content are. Raises `RecipeError` when they are nowhere."""
    own = settings.workspace / "weights"
    named = (Path(path).parent for path in (settings.analysis.weights, settings.analysis.segmenter))
    for folder in (SHIPPED, *named, settings.workspace, own):
        if manifest(folder).get(name, {}).get("sha256") == sha256:
            return folder
    raise RecipeError(
        f"its weights '{name}' (sha256 {sha256[:12]}...) are gone. Put their file with its weights.toml into {own} and"
        " start the worker again, or switch."
    )
