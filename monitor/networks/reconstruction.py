"""How badly an autoencoder of sound walls rebuilds each pixel, in batches of one fixed size."""

import numpy as np
import torch
from numpy.typing import NDArray

from monitor.networks.classification import padded
from monitor.networks.training import as_batch
from monitor.networks.weights import Reconstructor
from monitor.records import ByteArray


def reconstruction_error(reconstructor: Reconstructor, patches: ByteArray, batch_size: int) -> NDArray[np.float32]:
    """Squared error float32 (n, side, side) of uint8 patches (n, side, side, 3), mean over the colours, in [0, 1].

    The last batch is padded, as in `crack_probability` and for the same reason.
    """
    device = next(reconstructor.network.parameters()).device
    found = [np.zeros((0, *patches.shape[1:3]), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(patches), batch_size):
            chunk = patches[start : start + batch_size]
            batch = as_batch(padded(chunk, batch_size)).to(device)
            error = (reconstructor.network(batch) - batch).square().mean(1)
            found.append(error[: len(chunk)].cpu().numpy())
    return np.concatenate(found)
