"""Stereo-EEG and other field potentials: recordings, their preparation, and batches of segments."""
