"""From logits to words: greedy collapse and the search over a lexicon and a language model."""
