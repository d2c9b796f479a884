"""From relevance to mask: thresholds, the post-processing of the paper, and refinement to crack pixels."""
