"""How fast the costly parts of the analysis are, against a reference timed in the same process, turn and turn about.

Seconds depend on the machine and on what else it does; their ratio hardly does.
"""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

from monitor.attribution import lean, lrp
from monitor.errors import UnknownNameError
from monitor.networks.vgg import Vgg11, Vgg11Layout
from monitor.networks.weights import Classifier

_BATCH = 16


def random_classifier(width: float, patch_px: int, seed: int) -> Classifier:
    """A `Vgg11` whose weights are drawn so that no layer fades or swells (doi:10.1109/ICCV.2015.123)."""
    network = Vgg11(Vgg11Layout(width=width, patch_px=patch_px)).eval()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            spread = np.sqrt(2 / parameter[0].numel()) if parameter.ndim > 1 else 0.05
            parameter.copy_(torch.from_numpy(spread * rng.standard_normal(parameter.shape, np.float32)))
    return Classifier("random", network, temperature=1.0, threshold=0.5, sha256="")


def benchmark_lrp(width: float, patch_px: int, rounds: int, seed: int) -> dict[str, Any]:
    """LRP of a patch, the way forward included: zennit patch by patch, the lean engine in batches of its own size.

    Median seconds over `rounds`, after one that does not count; `pearson` and `relative_l2` are those of the patch
    whose two maps differ most.
    """
    classifier = random_classifier(width, patch_px, seed)
    engines = {"zennit": lrp.crack_lrp(classifier, 1), "lean": lean.crack_lrp(classifier, _BATCH)}
    sizes = {name: engine.batch_size for name, engine in engines.items()}
    shape = (max(sizes.values()), patch_px, patch_px, 3)
    patches = np.random.default_rng(seed).integers(0, 256, shape, np.uint8)
    seconds, found = np.zeros((rounds + 1, len(engines))), {}
    for row in seconds:
        for place, (name, engine) in enumerate(engines.items()):
            started = time.perf_counter()
            found[name] = engine.explain(patches).astype(np.float64)
            row[place] = (time.perf_counter() - started) / len(patches)
    medians = dict(zip(engines, np.median(seconds[1:], axis=0).tolist(), strict=True))
    pairs = list(zip(found["lean"], found["zennit"], strict=True))
    return {
        "lrp_ratio_vs_zennit": medians["zennit"] / medians["lean"],
        "pearson": min(float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) for one, other in pairs),
        "relative_l2": max(float(np.linalg.norm(one - other) / np.linalg.norm(other)) for one, other in pairs),
        "threads": torch.get_num_threads(),
        "width": width,
        "patch_px": patch_px,
        "batch_sizes": sizes,
        "rounds": rounds,
        "seconds_per_patch": medians,
    }


BENCHMARKS: dict[str, Callable[[float, int, int, int], dict[str, Any]]] = {"lrp": benchmark_lrp}


def benchmark(name: str, width: float, patch_px: int, rounds: int, seed: int) -> dict[str, Any]:
    """The figures of the benchmark of that name; `UnknownNameError` lists the known ones."""
    if name not in BENCHMARKS:
        raise UnknownNameError("benchmark", name, BENCHMARKS)
    return BENCHMARKS[name](width, patch_px, rounds, seed)
