"""Where in patches a crack gapes, pixel by pixel, in batches of one fixed size."""

import numpy as np
import torch
from numpy.typing import NDArray

from monitor.networks.classification import padded
from monitor.networks.training import as_batch
from monitor.networks.weights import Segmenter
from monitor.records import ByteArray


def crack_pixels(segmenter: Segmenter, patches: ByteArray, batch_size: int) -> NDArray[np.float32]:
    """Crack probability float32 (n, side, side) of uint8 patches (n, side, side, 3); the side a multiple of 16.

    The last batch is padded, as in `crack_probability` and for the same reason.
    """
    device = next(segmenter.network.parameters()).device
    found = [np.zeros((0, *patches.shape[1:3]), np.float32)]
    with torch.inference_mode():
        for start in range(0, len(patches), batch_size):
            chunk = patches[start : start + batch_size]
            batch = as_batch(padded(chunk, batch_size)).to(device, memory_format=torch.channels_last)
            found.append(torch.sigmoid(segmenter.network(batch))[: len(chunk), 0].cpu().numpy())
    return np.concatenate(found)
