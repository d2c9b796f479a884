"""The mean of the weights of two classifiers of one descent, calibrated anew: one network in the place of two, meant to
keep what each of them learnt (Wortsman et al. 2022, doi:10.48550/arXiv.2203.05482).
"""

import copy
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.progress import Progress

from monitor.errors import MisuseError
from monitor.networks.training import TrainedClassifier, fitted_temperature, logits_of
from monitor.networks.weights import load_classifier, save_classifier
from simulations.teaching import Drawing, check_name, judged, told
from simulations.teaching_data import check_data


def mean_of_classifiers(data: Path, out: Path, name: str, start: str, mean_with: str, quiet: bool) -> dict[str, Any]:
    """The classifiers `start` and `mean_with`, names or files of weights, as one; it goes to `out / "weights"`.

    Nothing is trained: temperature and threshold are those that the validation patches in `data` ask for. Raises
    `MisuseError` where the two differ in their layout.
    """
    parents = [load_classifier(each) for each in (start, mean_with)]
    one, other = (parent.network for parent in parents)
    if one.layout != other.layout:
        raise MisuseError(
            f"Only classifiers of one layout have a mean, and '{parents[0].name}' is of {one.layout}, "
            f"'{parents[1].name}' of {other.layout}. Name two of one descent."
        )
    check_name(name, out / "weights", "vgg11")
    check_data(data, one.layout.patch_px)
    network = copy.deepcopy(one)
    others = other.state_dict()
    network.load_state_dict({key: (value + others[key]) / 2 for key, value in one.state_dict().items()})
    with Progress(console=Console(stderr=True), disable=quiet) as bar:
        validation = Drawing(data, out, one.layout.patch_px, bar).validation()
    logits = logits_of(network, validation.images)
    temperature = fitted_temperature(logits, torch.from_numpy(validation.labels))
    threshold, scores = judged(TrainedClassifier(network, temperature, []), validation)
    story = {
        "data": told(data),
        "recipe": {
            "means_of": [parent.name for parent in parents],
            "means_of_sha256": [parent.sha256 for parent in parents],
        },
        "scores": scores,
    }
    path = save_classifier(network, name, out / "weights", temperature, threshold, story)
    return {"weights": str(path), "threshold": threshold, "temperature": temperature, "scores": scores}
