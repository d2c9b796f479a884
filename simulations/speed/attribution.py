"""LRP of one patch: zennit against the lean engine; and how its cost grows with the number of cracked patches."""

import numpy as np
import torch

from monitor.attribution import lean, lrp
from monitor.networks.vgg import Vgg11, Vgg11Layout
from monitor.networks.weights import Classifier
from simulations.speed.options import BenchOptions
from simulations.speed.timing import Comparison, Result, by_turns, threads

BATCH = 16


def random_classifier(width: float, patch_px: int, seed: int) -> Classifier:
    """A `Vgg11` whose weights are drawn so that no layer fades or swells (doi:10.1109/ICCV.2015.123)."""
    network = Vgg11(Vgg11Layout(width=width, patch_px=patch_px)).eval()
    rng = np.random.default_rng(seed)
    with torch.no_grad():
        for parameter in network.parameters():
            spread = np.sqrt(2 / parameter[0].numel()) if parameter.ndim > 1 else 0.05
            parameter.copy_(torch.from_numpy(spread * rng.standard_normal(parameter.shape, np.float32)))
    return Classifier("random", network, temperature=1.0, threshold=0.5, sha256="")


def benchmark_lrp(options: BenchOptions) -> Result:
    """LRP of a patch, the way forward included: zennit patch by patch, the lean engine in batches of its own size.

    `pearson` and `relative_l2` are those of the patch whose two maps differ most.
    """
    classifier = random_classifier(options.width, options.patch_px, options.seed)
    engines = {"theirs": lrp.crack_lrp(classifier, 1), "ours": lean.crack_lrp(classifier, BATCH)}
    sizes = {name: engine.batch_size for name, engine in engines.items()}
    shape = (max(sizes.values()), options.patch_px, options.patch_px, 3)
    patches = np.random.default_rng(options.seed).integers(0, 256, shape, np.uint8)
    count, maps = threads(), {}

    def explain(name: str) -> None:
        maps[name] = engines[name].explain(patches).astype(np.float64)

    found = by_turns({name: lambda name=name: explain(name) for name in engines}, options.rounds)
    pairs = list(zip(maps["ours"], maps["theirs"], strict=True))
    setting = {
        "threads": count,
        "width": options.width,
        "patch_px": options.patch_px,
        "batch_sizes": sizes,
        "rounds": options.rounds,
    }
    same = {
        "pearson": min(float(np.corrcoef(one.ravel(), other.ravel())[0, 1]) for one, other in pairs),
        "relative_l2": max(float(np.linalg.norm(one - other) / np.linalg.norm(other)) for one, other in pairs),
    }
    theirs, ours = (found[name] * (1 / len(patches)) for name in ("theirs", "ours"))
    row = Comparison("lrp", "LRP per patch, forward included", "zennit, batch 1", 3.5, theirs, ours, same, setting)
    return Result([row], figures={"lrp_ratio_vs_zennit": theirs.wall / ours.wall, **same, **setting})
