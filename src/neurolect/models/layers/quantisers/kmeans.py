"""k-means of unit vectors, from which a codebook begins."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from neurolect.models.layers.quantisers.quantiser import count_codes


@torch.no_grad()
def spherical_kmeans(vectors: Tensor, n_clusters: int, n_iterations: int = 10) -> tuple[Tensor, Tensor]:
    """Cluster by cosine similarity, beginning from random vectors of the set (drawn from torch's global generator).

    Args:
        vectors: (n, width) of unit length; with fewer than `n_clusters` of them, some means begin alike.
        n_clusters: number of means; one without members stays where it was.
        n_iterations: of assigning and averaging.

    Returns:
        Means (n_clusters, width) of unit length, and the number of members of each (n_clusters,).
    """
    n = len(vectors)
    few = n < n_clusters
    chosen = torch.randint(0, n, (n_clusters,)) if few else torch.randperm(n)[:n_clusters]
    means = vectors[chosen.to(vectors.device)]
    members = vectors.new_zeros(n_clusters)
    for _ in range(n_iterations):
        nearest = (vectors @ means.T).argmax(-1)
        members = count_codes(nearest, n_clusters)
        sums = sum_by_code(vectors, nearest, n_clusters)
        averages = F.normalize(sums / members.clamp(min=1).unsqueeze(1), dim=-1)
        means = torch.where(members.unsqueeze(1) > 0, averages, means)
    return means, members


def sum_by_code(vectors: Tensor, codes: Tensor, n_codes: int) -> Tensor:
    """Sum of the vectors (n, width) that have each code (n,): (n_codes, width)."""
    sums = vectors.new_zeros(n_codes, vectors.shape[1])
    return sums.scatter_add_(0, codes.unsqueeze(1).expand_as(vectors), vectors)
