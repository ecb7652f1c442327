"""Language models: what they know about words, without any search."""
