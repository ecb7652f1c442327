"""A whole split decoded or classified: metrics, submission files, figures and reports; sweeps of trainings."""
