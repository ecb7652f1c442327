"""One Lightning module a task, optimisers, checkpoints and runs: training without decoding."""
