"""Where the heavy work is done, and how the networks are built from settings."""

import torch

from monitor.analysis import Analyser, AnalysisOptions
from monitor.networks.devices import choose_device
from monitor.networks.weights import load_classifier
from monitor.settings import AnalysisSettings


def build_analyser(settings: AnalysisSettings) -> Analyser:
    """Load the classifier and set torch up as the settings say.

    Raises `WeightsError`, `UnknownNameError` or `MisuseError` with a sentence when that is impossible.
    """
    if settings.threads:
        torch.set_num_threads(settings.threads)
    classifier = load_classifier(settings.weights, device=choose_device(settings.device))
    options = AnalysisOptions(
        attribution=settings.attribution,
        thresholder=settings.thresholder,
        width_method=settings.width_method,
        batch_size=settings.batch_size,
        threads=settings.threads,
        threshold_probability=settings.threshold_probability,
    )
    return Analyser(classifier, options)
