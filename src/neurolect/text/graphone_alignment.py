"""Which phonemes each letter of a word stands for, learnt from a lexicon that does not say."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from neurolect.text.pronunciation_file import Pronunciation

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

Graphone = tuple[str, Pronunciation]
"""A letter and the phonemes it stands for; none where it is silent."""

_PHONEMES_PER_LETTER = 2
_ITERATIONS = 8


def align(entries: Sequence[tuple[str, Pronunciation]]) -> tuple[list[Graphone], list[Integers]]:
    """Cut every pronunciation into one piece of zero, one or two phonemes per letter, as in `x` → `K S`.

    Graphones are taken for independent of each other; their probabilities come from expectation maximisation over all
    cuts (Bisani & Ney 2008), and each entry then gets its best cut. Entries with more than two phonemes a
    letter, such as abbreviations, are left out.

    Args:
        entries: words and their pronunciations.

    Returns:
        The graphones in use, and for each aligned entry the positions of its graphones in that list (letters,).
    """
    letters = sorted({letter for word, _ in entries for letter in word})
    phonemes = ["", *sorted({phoneme for _, pronunciation in entries for phoneme in pronunciation})]
    groups = _groups(entries, letters, phonemes)
    probabilities = np.ones(len(letters) * len(phonemes) ** _PHONEMES_PER_LETTER)
    for _ in range(_ITERATIONS):
        counts = np.zeros_like(probabilities)
        for group in groups:
            group.count(probabilities, counts)
        # Given the letter: that gives the same cuts as joint probabilities and does not underflow in long words.
        of_letter = counts.reshape(len(letters), len(phonemes) ** _PHONEMES_PER_LETTER)
        probabilities = (of_letter / np.maximum(of_letter.sum(axis=1, keepdims=True), 1e-9)).ravel()
    cuts = [cut for group in groups for cut in group.best_cuts(probabilities)]
    codes, positions = np.unique(np.concatenate([np.zeros(0, dtype=np.int64), *cuts]), return_inverse=True)
    ends = np.cumsum([len(cut) for cut in cuts])
    return [_graphone(code, letters, phonemes) for code in codes.tolist()], np.split(positions, ends)[:-1]


@dataclass(frozen=True)
class _Group:
    """Entries of equal lengths, in graphone codes: (letter · phonemes + first phoneme) · phonemes + second phoneme.

    Args:
        letters: code of each letter without phonemes (entries, letters).
        pieces: code of the piece of 0, 1 or 2 phonemes that ends before each place (3, entries, phonemes + 1).
    """

    letters: Integers
    pieces: Integers

    def count(self, probabilities: Floats, counts: Floats) -> None:
        """Add the expected counts of all graphones to `counts`."""
        n_letters, places = self.letters.shape[1], self.pieces.shape[2]
        codes = [list(self._codes(letter)) for letter in range(n_letters)]
        weights = [[probabilities[code] for code in each] for each in codes]
        forward, backward = (np.zeros((n_letters + 1, len(self.letters), places)) for _ in range(2))
        forward[0, :, 0] = backward[-1, :, -1] = 1
        for letter in range(n_letters):
            for size, weight in enumerate(weights[letter]):
                forward[letter + 1, :, size:] += forward[letter, :, : places - size] * weight
        for letter in reversed(range(n_letters)):
            for size, weight in enumerate(weights[letter]):
                backward[letter, :, : places - size] += backward[letter + 1, :, size:] * weight
        forward /= forward[-1, :, -1:]
        for letter in range(n_letters):
            for size, weight in enumerate(weights[letter]):
                expected = forward[letter, :, : places - size] * weight * backward[letter + 1, :, size:]
                np.add.at(counts, codes[letter][size], expected)

    def best_cuts(self, probabilities: Floats) -> Integers:
        """The graphone codes of each entry's likeliest cut (entries, letters)."""
        n_entries, n_letters = self.letters.shape
        places = self.pieces.shape[2]
        best = np.zeros((n_entries, places))
        best[:, 0] = 1
        sizes = np.empty((n_letters, n_entries, places), dtype=np.int64)
        for letter in range(n_letters):
            scores = np.zeros((_PHONEMES_PER_LETTER + 1, n_entries, places))
            for size, code in enumerate(self._codes(letter)):
                scores[size, :, size:] = best[:, : places - size] * probabilities[code]
            sizes[letter], best = scores.argmax(axis=0), scores.max(axis=0)
        entries, place = np.arange(n_entries), np.full(n_entries, places - 1)
        cuts = self.letters.copy()
        for letter in reversed(range(n_letters)):
            size = sizes[letter, entries, place]
            cuts[:, letter] += self.pieces[size, entries, place]
            place -= size
        return cuts

    def _codes(self, letter: int) -> Iterable[Integers]:
        """For pieces of 0, 1 and 2 phonemes: the codes of a letter with each piece (entries, phonemes + 1 − size)."""
        for size in range(min(_PHONEMES_PER_LETTER + 1, self.pieces.shape[2])):
            yield self.letters[:, letter, None] + self.pieces[size, :, size:]


def _groups(entries: Sequence[tuple[str, Pronunciation]], letters: list[str], phonemes: list[str]) -> list[_Group]:
    letter_codes = {letter: index * len(phonemes) ** _PHONEMES_PER_LETTER for index, letter in enumerate(letters)}
    phoneme_codes = {phoneme: index for index, phoneme in enumerate(phonemes)}
    by_lengths: dict[tuple[int, int], list[tuple[str, Pronunciation]]] = defaultdict(list)
    for word, pronunciation in entries:
        if len(pronunciation) <= _PHONEMES_PER_LETTER * len(word):
            by_lengths[len(word), len(pronunciation)].append((word, pronunciation))
    groups = []
    for (_, n_phonemes), alike in sorted(by_lengths.items()):
        spoken = np.array([[phoneme_codes[phoneme] for phoneme in pronunciation] for _, pronunciation in alike])
        pieces = np.zeros((_PHONEMES_PER_LETTER + 1, len(alike), n_phonemes + 1), dtype=np.int64)
        pieces[1, :, 1:] = spoken
        pieces[2, :, 2:] = spoken[:, :-1] * len(phonemes) + spoken[:, 1:]
        groups.append(_Group(np.array([[letter_codes[letter] for letter in word] for word, _ in alike]), pieces))
    return groups


def _graphone(code: int, letters: list[str], phonemes: list[str]) -> Graphone:
    code, second = divmod(code, len(phonemes))
    letter, first = divmod(code, len(phonemes))
    return letters[letter], tuple(phonemes[index] for index in (first, second) if index)
