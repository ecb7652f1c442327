"""Du-IN (Zheng et al., NeurIPS 2024) and what is built on its encoder: field potentials in, words out."""
