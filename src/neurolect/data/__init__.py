"""Recordings on disk, batches in memory, augmentation and simulation: data without models."""
