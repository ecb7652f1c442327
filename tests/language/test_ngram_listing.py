from __future__ import annotations

import pytest

from neurolect.errors import DataError
from neurolect.language.ngram_conversion import convert
from neurolect.language.ngram_listing import list_ngrams

# The trigrams need 'b a', which is not listed, and 'c b', which is listed with the weights that it would get anyway.
ARPA = r"""
\data\
ngram 1=5
ngram 2=3
ngram 3=2

\1-grams:
-99	<s>	-0.5
-1	</s>
-0.5	a	-0.25
-0.75	b	-0
-1.5	c	-0.5

\2-grams:
-0.25	<s> b	-0.125
-1.25	c b	-0
-0.5	a c	0.5

\3-grams:
-0.125	<s> b a
-0.25	a c b

\end\
"""


@pytest.fixture
def model(tmp_path):
    (tmp_path / "lm.arpa").write_text(ARPA)
    return convert(tmp_path / "lm.arpa", tmp_path / "lm.nlm")


def listed(model):
    """(words, log10, back-off, added) of all n-grams."""
    return {
        (" ".join(model.vocabulary[word] for word in words), log10, back_off, added)
        for order in range(1, model.order + 1)
        for some in list_ngrams(model, order)
        for words, log10, back_off, added in zip(some.words, some.log10, some.back_off, some.added, strict=True)
    }


def test_every_ngram_comes_with_its_weights_and_what_was_added_is_marked(model):
    assert model.added == (0, 1, 0)
    lines = [line.split("\t") for line in ARPA.splitlines() if "\t" in line]
    expected = {(words, float(log10), float(rest[0]) if rest else 0.0, False) for log10, words, *rest in lines}
    assert listed(model) == expected | {("b a", -0.5, 0.0, True)}


def test_marks_survive_a_large_model_in_pieces(tmp_path):
    n = 70_000
    words = "".join(f"-1\tw{number}\t-0.5\n" for number in range(n))
    trigrams = "".join(f"-1\tw{number} w{number + 1} w{number + 2}\n" for number in range(n - 2))
    header = f"\\data\\\nngram 1={n}\nngram 2=1\nngram 3={n - 2}\n"
    text = f"{header}\\1-grams:\n{words}\\2-grams:\n-0.5\tw5 w6\n\\3-grams:\n{trigrams}\\end\\\n"
    (tmp_path / "lm.arpa").write_text(text)
    model = convert(tmp_path / "lm.arpa", tmp_path / "lm.nlm")
    pieces = list(list_ngrams(model, 2))
    assert len(pieces) > 1
    given = [piece.words[place].tolist() for piece in pieces for place in (~piece.added).nonzero()[0]]
    assert given == [[5, 6]]
    assert sum(map(len, (piece.words for piece in pieces))) == model.counts[1] == n - 1


def test_there_are_no_longer_ngrams_than_the_model_has(model):
    with pytest.raises(DataError, match="no n-grams of 4 words"):
        next(list_ngrams(model, 4))
