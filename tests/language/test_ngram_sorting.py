from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from small_arpa import files_in

from backoff_ngrams import END, START
from neurolect import _core
from neurolect.data.simulated_dataset import everyday_sentences
from neurolect.language.ngram_conversion import convert
from neurolect.language.ngram_model import NgramModel
from neurolect.text.normalise import normalise_for_evaluation

GOLDEN_ARPA = Path(__file__).parents[3] / "shared" / "golden" / "decoder" / "trigram_pruned.arpa.gz"


def test_a_small_sort_buffer_gives_the_same_bytes_as_a_large_one(tmp_path):
    text = random_text(n_words=20_000, n_each=500_000)
    stores = []
    for name, buffer_bytes in (("small", 1 << 20), ("large", 1 << 28)):
        reader = _core.ArpaReader(folder=str(tmp_path), buffer_bytes=buffer_bytes, lower_case=False)
        reader.push(text)
        reader.write(str(tmp_path / name), 32)
        stores.append((tmp_path / name).read_bytes())
    assert stores[0] == stores[1]
    model = NgramModel(tmp_path / "small")
    assert model.counts[2] > 450_000
    assert model.added[1] > 100_000
    model.verify()
    assert files_in(tmp_path) == ["large", "small"]


def random_text(n_words, n_each):
    """ARPA text of random bigrams and trigrams, out of order; few trigrams begin and end with a listed bigram."""
    rng = np.random.default_rng(0)
    words = np.array([START, END, *(f"w{number}" for number in range(n_words - 2))])
    sections = [[f"{-0.001 * number:.3f}\t{word}\t-0.5" for number, word in enumerate(words)]]
    for length in (2, 3):
        keys = np.unique(rng.integers(n_words**length, size=n_each))
        rng.shuffle(keys)
        columns = [words[keys // n_words**place % n_words].tolist() for place in range(length)]
        scores = rng.uniform(-3, 0, len(keys)).round(3).tolist()
        sections.append([f"{log10}\t{' '.join(ngram)}" for log10, *ngram in zip(scores, *columns, strict=True)])
    text = "\\data\\\n"
    for length, lines in enumerate(sections, start=1):
        text += f"ngram {length}={len(lines)}\n"
    for length, lines in enumerate(sections, start=1):
        text += f"\n\\{length}-grams:\n" + "\n".join(lines) + "\n"
    return f"{text}\n\\end\\\n".encode()


@pytest.mark.slow
@pytest.mark.skipif(not GOLDEN_ARPA.exists(), reason="needs the golden decoder outputs in ../shared")
def test_a_real_pruned_trigram_scores_as_kenlm_has_it(tmp_path, rng):
    kenlm = pytest.importorskip("kenlm", reason="needs the wheel ufal.kenlm")
    model = convert(GOLDEN_ARPA, tmp_path / "lm.nlm")
    plain = tmp_path / "lm.arpa"
    plain.write_bytes(gzip.decompress(GOLDEN_ARPA.read_bytes()))
    judge = kenlm.Model(str(plain))
    sentences = [normalise_for_evaluation(sentence) for sentence in everyday_sentences()]
    sentences += [" ".join(rng.choice(model.vocabulary[2:], 8)) for _ in range(1000)]
    for sentence in sentences:
        found, expected = model.score_sentence(sentence), list(judge.full_scores(sentence))
        np.testing.assert_allclose([each.log10 for each in found], [log10 for log10, _, _ in expected], atol=1e-5)
        assert [each.order for each in found] == [0 if unknown else order for _, order, unknown in expected]
