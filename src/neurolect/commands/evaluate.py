"""`neurolect evaluate`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from neurolect.data.smoothing import Padding
from neurolect.data.t15 import MissingValues, Split
from neurolect.decoding.delayed_fusion import DelayedFusion
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.second_pass import Rescoring
from neurolect.decoding.words import LexiconNetworkFactory
from neurolect.online.redis_server import RedisServer


def evaluate(
    run: Path,
    split: Split = "val",
    data: Path | None = None,
    lm: str = "english",
    lexicon: Path | None = None,
    graph: Path | None = None,
    lattice_lm: Path | None = None,
    lattice_graph_lm: Path | None = None,
    network: LexiconNetworkFactory = LexiconNetwork,
    decoder: DecoderOptions = DecoderOptions(),
    fusion: DelayedFusion = DelayedFusion(),
    rescoring: Rescoring = Rescoring(),
    out: Path | None = None,
    protocol: Literal["clean", "reference"] = "clean",
    sessions: list[str] | None = None,
    missing: MissingValues | None = None,
    device: str = "auto",
    limit: int | None = None,
    keep_logits: bool = False,
    over: Literal["process", "redis"] = "process",
    redis: RedisServer = RedisServer(),
    prefix: str = "",
) -> None:
    """Decode a split with a trained run and report error rates.

    Writes predictions.csv, submission.csv (the competition's `id,text`), scores.json and report.html.

    Args:
        run: run folder.
        split: `train`, `val` or `test`; test files have no labels, so they give predictions only.
        data: folder of sessions; by default the one the run was trained on.
        lm: an n-gram model of `lm build` or `lm convert`; `english` is the trigram of the pocketsphinx package,
            `uniform` prefers no word, `none` stops at phonemes.
        lexicon: file of further words, `word PH PH …` a line, or just `word` to have it pronounced from its letters;
            they come before the English dictionary's.
        graph: search this TLG.fst or LG.fst, with words.txt beside it, instead of a lexicon and an n-gram model.
        lattice_lm: a larger n-gram model that has the last word on all sentences in the lattice, as for `decode`.
        lattice_graph_lm: the n-gram model that the graph was built of, where lattice_lm is given with one.
        network: weights of the lexicon and the n-gram model.
        decoder: settings of the search.
        fusion: a large language model that takes part in the search, and how.
        rescoring: settings of the second pass over its n-best lists, as for `neurolect rescore`.
        out: folder to write to; by default `evaluation/<split>` in the run folder.
        protocol: `reference` smooths without padding, as the published evaluation does.
        sessions: only these; by default all the run knows that have the split.
        missing: refuse NaN and infinite features, or put zero in their place; by default as in training.
        device: `auto`, `cpu`, `cuda:0`, …
        limit: decode only the first so many trials.
        keep_logits: also write logits.npz and sentences.txt, for `neurolect decode` and `neurolect lm tune`.
        over: have words searched in this process, or by a language-model server over Redis: the one that listens at a
            server named below, under its own settings, or, with none named, one that is started for this.
        redis: where the language-model server listens.
        prefix: of the keys of the session there; the reference's server has none.

    Examples:
        neurolect evaluate runs/t15 --split val
        neurolect evaluate runs/t15 --split test --data data/hdf5_data_final --decoder.acoustic_scale 0.4
        neurolect evaluate runs/t15 --lm 5gram.nlm --decoder.max_active 500
        neurolect evaluate runs/t15 --lm 5gram.nlm --rescoring.llm smollm2 --rescoring.alpha 0.4
        neurolect evaluate runs/t15 --lm none --device cpu
        neurolect evaluate runs/t15 --over redis --host 192.168.150.2
    """
    from collections.abc import Iterator
    from contextlib import ExitStack
    from dataclasses import replace
    from itertools import islice

    import torch
    from rich.console import Console
    from rich.progress import track

    from neurolect import __version__
    from neurolect.commands.plain_console import plain_console
    from neurolect.commands.tables import print_scores
    from neurolect.decoding.delayed_fusion import with_fusion
    from neurolect.decoding.lattice_rescoring import read_lattice_rescoring
    from neurolect.decoding.second_pass import SecondPass
    from neurolect.decoding.words import describe_network, stops_at_phonemes, word_decoder
    from neurolect.errors import require_at_least
    from neurolect.evaluation.decode import DecodedTrial, UtteranceDecoder, decode_split
    from neurolect.evaluation.evaluate import Evaluation, recordings_of, sessions_left_out
    from neurolect.evaluation.pages import SIMULATED
    from neurolect.online.remote_search import SearchSettings, remote_search, require_use
    from neurolect.training.runs import load_decoder

    require_at_least(1, "limit", 1 if limit is None else limit)
    fused = None if fusion == DelayedFusion() else fusion
    rescored = None if rescoring == Rescoring() else rescoring
    phonemes_only = stops_at_phonemes(
        lm,
        lexicon=lexicon,
        graph=graph,
        lattice_lm=lattice_lm,
        fusion=fused,
        rescoring=rescored,
        over=None if over == "process" else over,
    )
    require_use(over, redis, prefix, fusion)
    console = plain_console()
    trained = load_decoder(run, device)
    recordings = recordings_of(trained, data, split, sessions, missing)
    padding: Padding = "valid" if protocol == "reference" else "same"
    n_trials = sum(len(day or ()) for day in recordings.open(split))
    search: UtteranceDecoder | None = None
    second_pass = None
    told: dict[str, str] = {}
    ending = ExitStack()
    if over == "redis":
        settings = SearchSettings(lm, lexicon, graph, lattice_lm, lattice_graph_lm, network, decoder, rescoring)
        search, told = ending.enter_context(
            remote_search(redis, prefix, settings, trained.alphabet, lambda line: console.print(line, soft_wrap=True))
        )
    elif not phonemes_only:
        lattice = read_lattice_rescoring(lattice_lm, lattice_graph_lm, rescoring.lm)
        plain = word_decoder(lm, lexicon, graph, trained.alphabet, network, decoder, lattice_rescoring=lattice)
        search = with_fusion(plain, fusion, rescoring)
        second_pass = None if rescoring == Rescoring() else SecondPass(rescoring)
    decoded: Iterator[DecodedTrial] = islice(decode_split(trained, recordings, split, search, padding), limit)
    if second_pass is not None:
        decoded = (replace(trial, hypotheses=second_pass(trial.hypotheses)) for trial in decoded)
    total = n_trials if limit is None else min(limit, n_trials)
    shown = track(decoded, "decoding", total, console=Console(stderr=True))
    with ending:
        evaluation = Evaluation.of(shown)
    simulated = recordings.simulated
    facts = {
        "run": f"{run}, weights of step {trained.metrics.get('step', 0):.0f}",
        "recordings": f"{recordings.root}{' (simulated)' if simulated else ''}",
        "split": split,
        "language model": lm if graph is None else f"in the graph {graph}",
        "n-grams over the lattice": str(lattice_lm or "none"),
        "protocol": f"{protocol}: smoothing with {padding} padding",
        "search": str(decoder) if search else "none",
        "network": describe_network(network) if search and graph is None else "none",
        "fusion": str(fusion) if search and fusion.llm else "none",
        "second pass": str(rescoring) if search and rescoring != Rescoring() else "none",
        "further words": str(lexicon or "none"),
        "trials": f"{len(evaluation.trials)} of {n_trials}",
        "neurolect": __version__,
        "words compared": "after the reference's evaluation normalisation (A)",
    } | told
    notes = [SIMULATED] if simulated else []
    if over == "redis" and redis.address is not None:
        notes.append(f"Searched by {facts['searched by']}: {facts['search']}.")
    used = next(trained.model.parameters()).device
    if device != "auto" and torch.device(device).type != used.type:
        notes.append(f"This machine has no {device}; {used} was used.")
    left_out = [] if sessions else sessions_left_out(trained, recordings.root, split)
    if left_out:
        notes.append(f"Left out, since the run has no day layer for them: {', '.join(left_out)}.")
    folder = out or run / "evaluation" / (split if limit is None else f"{split}_first_{limit}")
    evaluation.write(folder, trained, f"{run.name}: {split}", facts, notes)
    if keep_logits:
        evaluation.write_logits(folder)
    print_scores(evaluation.scores, console)
    if search and over == "process":
        console.print(f"word search: {evaluation.search_milliseconds:.0f} CPU ms a sentence (median)")
    for note in notes:
        console.print(f"note: {note}", soft_wrap=True)
    console.print(f"report: {folder / 'report.html'}", soft_wrap=True)
