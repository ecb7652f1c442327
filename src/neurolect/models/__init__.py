"""Neural networks as plain modules, one architecture a file, without training and without files."""
