"""Alphabets, lexicon, normalisation and error rates: text without neural data and without torch."""
