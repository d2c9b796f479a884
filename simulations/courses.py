"""Every network that can be taught here, by name: who teaches it, and which options that one takes."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from monitor.errors import MisuseError, UnknownNameError
from monitor.networks.segmenter_training import SegmenterOptions
from simulations.lessons import teach_autoencoder, teach_explainer, teach_oracle
from simulations.segmenter_teaching import teach_segmenter
from simulations.teaching import teach_classifier
from simulations.teaching_data import whole
from simulations.weight_means import mean_of_classifiers


def _classifier(
    data: Path,
    out: Path,
    name: str,
    seed: int,
    device: str,
    quiet: bool,
    mean_with: str | None = None,
    **options: Any,
) -> dict[str, Any]:
    if mean_with is None:
        how = options.pop("preset_name", "quarter"), name, options.pop("patches", 60000)
        return teach_classifier(data, out, *how, seed, device, quiet, **options)
    if options.keys() != {"start"}:
        raise MisuseError("--mean-with takes the mean with a --start and trains nothing: give no other option.")
    return mean_of_classifiers(data, out, name, options["start"], mean_with, quiet)


def _bcos(
    data: Path,
    out: Path,
    name: str,
    seed: int,
    device: str,
    quiet: bool,
    preset_name: str = "twin",
    patches: int = 20000,
    epochs: int | None = None,
) -> dict[str, Any]:
    return teach_classifier(data, out, preset_name, name, patches, seed, device, quiet, kind="bcos", epochs=epochs)


def _segmenter(
    data: Path,
    out: Path,
    name: str,
    seed: int,
    device: str,
    quiet: bool,
    teacher: str | None = None,
    patches: int = 24000,
    start: str | None = None,
    **steps: int,
) -> dict[str, Any]:
    if teacher is not None and start is not None:
        raise MisuseError("A segmenter that goes on from a --start learns from that. Leave --teacher out.")
    options = SegmenterOptions(seed=seed, **steps)
    return teach_segmenter(data, out, name, teacher or "default", patches, options, device, quiet, start)


@dataclass(frozen=True)
class Course:
    """How a network is taught: `teach` takes (data, out, name, seed, device, quiet) and these `options`; `name` is that
    of the weights where no other is given.
    """

    teach: Callable[..., dict[str, Any]]
    name: str
    options: frozenset[str]


def _course(teach: Callable[..., dict[str, Any]], name: str, *options: str) -> Course:
    return Course(teach, name, frozenset(options))


NETWORKS: dict[str, Course] = {
    "classifier": _course(
        _classifier, "default", "patches", "preset_name", "epochs", "start", "dense_by", "with_val", "mean_with"
    ),
    "segmenter": _course(_segmenter, "segmenter", "patches", "teacher", "steps", "start"),
    "bcos": _course(_bcos, "bcos", "patches", "preset_name", "epochs"),
    "explainer": _course(teach_explainer, "explainer", "patches", "preset_name", "epochs", "teacher", "entropy"),
    "autoencoder": _course(teach_autoencoder, "autoencoder", "patches", "preset_name", "epochs"),
    "oracle": _course(teach_oracle, "oracle", "patches", "preset_name", "epochs", "start"),
}


def teach(
    network: str,
    data: Path,
    out: Path,
    name: str | None,
    seed: int,
    device: str,
    quiet: bool,
    options: dict[str, Any],
) -> dict[str, Any]:
    """Teach a network of that name with those `options` that are not None; what its weights are called and scored.

    Raises `UnknownNameError` for another network, and `MisuseError` when one of the options is not among its own.
    """
    if network not in NETWORKS:
        raise UnknownNameError("network", network, NETWORKS)
    course = NETWORKS[network]
    given = {option: value for option, value in options.items() if value is not None}
    foreign = [_FLAGS[option] for option in given if option not in course.options]
    if foreign:
        article = "An" if network[0] in "aeiou" else "A"
        raise MisuseError(
            f"{article} {network} has no {' or '.join(foreign)}. Leave it out, or choose another --network."
        )
    if "patches" in given and whole(data):
        raise MisuseError(f"{data} holds patches that are taken as they are. Leave --patches out.")
    return course.teach(data, out, name or course.name, seed, device, quiet, **given)


_FLAGS = {
    "patches": "--patches",
    "preset_name": "--preset",
    "start": "--start",
    "dense_by": "--dense-by",
    "with_val": "--with-val",
    "mean_with": "--mean-with",
    "epochs": "--epochs",
    "entropy": "--entropy",
    "teacher": "--teacher",
    "steps": "--steps",
}
