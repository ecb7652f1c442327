"""`neurolect serve live`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from neurolect.decoding.delayed_fusion import DelayedFusion
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.second_pass import Rescoring
from neurolect.decoding.words import LexiconNetworkFactory
from neurolect.online.day_adaptation import DayAdaptation
from neurolect.online.end_of_speech import EndOfSpeech
from neurolect.online.redis_server import RedisServer


def serve_live(
    run: Path,
    session: str | None = None,
    lm: str = "english",
    lexicon: Path | None = None,
    graph: Path | None = None,
    lattice_lm: Path | None = None,
    lattice_graph_lm: Path | None = None,
    network: LexiconNetworkFactory = LexiconNetwork,
    decoder: DecoderOptions = DecoderOptions(),
    fusion: DelayedFusion = DelayedFusion(),
    rescoring: Rescoring = Rescoring(),
    phrases: Path | None = None,
    phrase_bonus: float = 3.0,
    boundaries: Literal["events", "silence"] = "events",
    end_of_speech: EndOfSpeech = EndOfSpeech(),
    normalisation: Literal["none", "running"] = "none",
    statistics: Path | None = None,
    weights: Literal["int8", "float32"] = "int8",
    context: Literal["none", "said"] = "none",
    adapt: bool = False,
    adaptation: DayAdaptation = DayAdaptation(),
    longest_seconds: float = 120.0,
    behind_seconds: float = 1.0,
    record: Path | None = None,
    threads: int = 1,
    prefix: str = "neurolect:",
    redis: RedisServer = RedisServer(),
) -> None:
    """Turn bins into sentences while they are recorded.

    Reads bins and events from a stream, and publishes phoneme probabilities, the words so far, and each finished
    sentence once, whatever dies in between. Ctrl-C ends it; started again, it goes on where it was.

    Args:
        run: run folder of `neurolect train`.
        session: whose day layer to use, until an event names another; by default the run's latest. One that the run
            does not know begins with the layer of its latest.
        lm: an n-gram model, as for `neurolect decode`.
        lexicon: file of further words, as for `neurolect decode`.
        graph: search this TLG.fst or LG.fst, with words.txt beside it, instead of a lexicon and an n-gram model.
        lattice_lm: a larger n-gram model that has the last word on all sentences in the lattice, as for `decode`.
        lattice_graph_lm: the n-gram model that the graph was built of, where lattice_lm is given with one.
        network: weights of the lexicon and the n-gram model.
        decoder: settings of the search.
        fusion: a large language model that takes part in the search, and how.
        rescoring: settings of the second pass, as for `neurolect rescore`.
        phrases: text file of likely phrases, as for `neurolect decode`, until an event tells others.
        phrase_bonus: of phrases without one of their own.
        boundaries: utterances begin and end by `events` in the stream, or end by `silence` after speech.
        end_of_speech: thresholds, for silence.
        normalisation: `running` z-scores raw features with the block so far; features that are scored already need
            `none`.
        statistics: .npz file with the `mean` and `std` of every feature that the first block begins with.
        weights: `int8` is four times as fast as `float32` and errs as little.
        context: give the large language model the sentences `said` before, beside what events tell.
        adapt: let the session's day layer learn from confident sentences; the run folder stays as it is.
        adaptation: how, and from which.
        longest_seconds: an utterance without an end ends when it is so long.
        behind_seconds: a lag of so much is said aloud.
        record: folder that gets a file of every utterance, as from `neurolect record`.
        threads: of the encoder.
        prefix: of the keys; several decoders share a server under several prefixes.
        redis: the server where bins come.

    Examples:
        neurolect serve live runs/t15 --session t15.2023.08.13 --lm 5gram.nlm --unix_socket streams/valkey.sock
        neurolect serve live runs/t15 --boundaries silence --normalisation running --host 127.0.0.1
        neurolect serve live runs/t15 --rescoring.llm smollm2 --context said --record recordings
    """
    import torch

    from neurolect.commands.plain_console import plain_console
    from neurolect.data.normalisation import RunningNormalisation, read_statistics
    from neurolect.decoding.delayed_fusion import with_fusion
    from neurolect.decoding.lattice_rescoring import read_lattice_rescoring
    from neurolect.decoding.phrase_file import read_phrases
    from neurolect.decoding.second_pass import SecondPass
    from neurolect.decoding.words import read_lexicon, word_decoder
    from neurolect.errors import ConfigError
    from neurolect.online.live_encoder import LiveEncoder
    from neurolect.online.live_service import serve
    from neurolect.online.live_settings import LiveSettings
    from neurolect.online.live_state import Held
    from neurolect.online.live_streams import LiveStreams
    from neurolect.online.redis_server import reached
    from neurolect.online.utterance_keeper import Tools
    from neurolect.training.runs import load_decoder

    if statistics is not None and normalisation == "none":
        raise ConfigError("statistics are where running normalisation begins: set normalisation to running")
    if not adapt and adaptation != DayAdaptation():
        raise ConfigError("adaptation decides nothing without adapt")
    console = plain_console()

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    torch.set_num_threads(threads)
    settings = LiveSettings(
        boundaries=boundaries,
        end_of_speech=end_of_speech,
        normalisation=RunningNormalisation() if normalisation == "running" else None,
        start=None if statistics is None else read_statistics(statistics),
        context=context,
        adapt=adaptation if adapt else None,
        longest_seconds=longest_seconds,
    )
    with reached(redis, say) as client:
        encoder = LiveEncoder(load_decoder(run, "cpu"), weights)
        lattice = read_lattice_rescoring(lattice_lm, lattice_graph_lm, rescoring.lm)
        plain = word_decoder(lm, lexicon, graph, encoder.run.alphabet, network, decoder, lattice_rescoring=lattice)
        given = Held(
            session=session or encoder.latest_session,
            context=fusion.context or rescoring.context,
            phrases={} if phrases is None else read_phrases(phrases, phrase_bonus),
        )
        tools = Tools(
            encoder,
            with_fusion(plain, fusion, rescoring),
            settings,
            second_pass=None if rescoring == Rescoring() else SecondPass(rescoring),
            phonemes=read_lexicon(lexicon, encoder.run.alphabet).phonemes if adapt else None,
            simpler_search=plain,
        )
        facts = {"run": str(run), "lm": str(graph or lm)}
        serve(client, LiveStreams(prefix), tools, given, say, facts, behind_seconds, record)
