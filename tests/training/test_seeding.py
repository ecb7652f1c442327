from __future__ import annotations

import torch

from neurolect.training.seeding import step_seed


def test_every_seed_however_large_gives_steps_and_processes_seeds_of_their_own():
    for seed in (0, 42, 10**12):
        drawn = {torch.Generator().manual_seed(step_seed(seed, step, rank)).initial_seed()
                 for step in range(5) for rank in range(3)}  # fmt: skip
        assert len(drawn) == 15
