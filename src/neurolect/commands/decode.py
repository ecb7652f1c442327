"""`neurolect decode`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal

from neurolect.decoding.delayed_fusion import DelayedFusion
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.second_pass import Rescoring
from neurolect.decoding.words import LexiconNetworkFactory
from neurolect.text.alphabet import Alphabet


def decode(
    logits: Path,
    out: Path,
    lm: str = "english",
    lexicon: Path | None = None,
    graph: Path | None = None,
    lattice_lm: Path | None = None,
    lattice_graph_lm: Path | None = None,
    order: Literal["model", "lm"] = "model",
    alphabet: Alphabet | None = None,
    network: LexiconNetworkFactory = LexiconNetwork,
    decoder: DecoderOptions = DecoderOptions(),
    fusion: DelayedFusion = DelayedFusion(),
    rescoring: Rescoring = Rescoring(),
    phrases: Path | None = None,
    phrase_bonus: float = 3.0,
    vocabulary: Path | None = None,
    prefix: str = "",
    ensemble: list[Path] | None = None,
    mean: Literal["arithmetic", "geometric"] = "arithmetic",
    truth: Path | None = None,
    threads: int = 1,
) -> None:
    """Turn logits into sentences.

    Writes one JSON line an utterance (sentence, n-best, scores, times, confidences) and beside it a CSV table.

    Args:
        logits: .npz file with `logits` (frames of all utterances, classes) and `lengths` (frames of each).
        out: JSON lines to write; the table gets the same name with .csv.
        lm: an n-gram model of `lm build` or `lm convert`; `english` is the trigram of the pocketsphinx package,
            `uniform` prefers no word.
        lexicon: file of further words, `word PH PH …` a line, or just `word` to have it pronounced from its letters.
        graph: search this TLG.fst or LG.fst, with words.txt beside it, instead of a lexicon and an n-gram model.
        lattice_lm: a larger n-gram model, whose scores take the place of the search's when an utterance ends, for all
            sentences in the lattice; `--rescoring.lm` does so for those of the n-best list alone.
        lattice_graph_lm: the n-gram model that the graph was built of, where lattice_lm is given with one.
        order: of the 41 phoneme classes: `model` is BLANK AA … ZH SIL, as `evaluate` writes them, `lm` is BLANK SIL
            AA … ZH, as the reference's server takes them.
        alphabet: classes that are not those phonemes: their `symbols`, and the index of the `blank` and, if there is
            one, of the `silence`. The words are then those of the lexicon file alone, in these symbols; one that stands
            alone on its line is spelled with its letters.
        network: weights of the lexicon and the n-gram model.
        decoder: settings of the search.
        fusion: a large language model that takes part in the search, and how.
        rescoring: settings of the second pass over its n-best lists, as for `neurolect rescore`.
        phrases: text file of phrases that are likely to be said, one a line, each with a bonus after a tab if it has
            one of its own.
        phrase_bonus: of the other phrases; 3 makes one 20 times as likely.
        vocabulary: text file of the only words allowed, one a line.
        prefix: words that every sentence begins with.
        ensemble: files with other models' logits of the same utterances.
        mean: of the models' probabilities, with an ensemble.
        truth: text file of what was said, one sentence a line; error rates are printed.
        threads: utterances decoded at a time.

    Examples:
        neurolect decode logits.npz --out decoded.jsonl
        neurolect decode logits.npz --lm 5gram.nlm --decoder.max_active 500 --out decoded.jsonl --threads 2
        neurolect decode logits.npz --lm small.nlm --lattice_lm 5gram.nlm --out decoded.jsonl
        neurolect decode logits.npz --rescoring.llm smollm2 --rescoring.augment 20 --out decoded.jsonl
        neurolect decode logits.npz --fusion.llm smollm2 --fusion.every 25 --out decoded.jsonl
        neurolect decode logits.npz --graph languageModel/TLG.fst --out decoded.jsonl
    """
    import time

    from rich.console import Console
    from rich.progress import track

    from neurolect.commands.plain_console import plain_console
    from neurolect.decoding.delayed_fusion import with_fusion
    from neurolect.decoding.ensembles import read_models
    from neurolect.decoding.guidance import Guidance
    from neurolect.decoding.hypothesis_files import write_hypotheses
    from neurolect.decoding.lattice_rescoring import read_lattice_rescoring
    from neurolect.decoding.phrase_file import read_phrases
    from neurolect.decoding.second_pass import SecondPass
    from neurolect.decoding.words import alphabet_of, word_decoder
    from neurolect.evaluation.sentences import read_truth, word_error_rate

    console = plain_console()
    utterances = read_models(logits, ensemble or [], mean)
    spoken = None if truth is None else read_truth(truth, len(utterances))
    lattice = read_lattice_rescoring(lattice_lm, lattice_graph_lm, rescoring.lm)
    plain = word_decoder(lm, lexicon, graph, alphabet_of(order, alphabet), network, decoder, threads, lattice)
    search = with_fusion(plain, fusion, rescoring)
    guidance = Guidance(
        phrases={} if phrases is None else read_phrases(phrases, phrase_bonus),
        vocabulary=None if vocabulary is None else frozenset(read_phrases(vocabulary, 0.0)),
        prefix=tuple(prefix.lower().split()),
    )
    second_pass = SecondPass(rescoring)
    started = time.process_time()
    decoded = map(second_pass, search.decode_each(utterances, None if guidance == Guidance() else guidance))
    sentences: list[str] = []
    shown = track(decoded, "decoding", len(utterances), console=Console(stderr=True))
    table = write_hypotheses(out, _noting_best(shown, sentences))
    milliseconds = 1000 * (time.process_time() - started) / max(1, len(utterances))
    console.print(f"{len(utterances)} utterances, {milliseconds:.0f} CPU ms each: {out}, {table}", soft_wrap=True)
    if spoken is not None:
        console.print(f"word error rate {word_error_rate(spoken, sentences)}")


def _noting_best(decoded: Iterable[list[Hypothesis]], sentences: list[str]) -> Iterator[list[Hypothesis]]:
    for hypotheses in decoded:
        sentences.append(hypotheses[0].text)
        yield hypotheses
