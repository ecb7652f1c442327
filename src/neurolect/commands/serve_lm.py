"""`neurolect serve lm`."""

from __future__ import annotations

from pathlib import Path

from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.second_pass import Rescoring
from neurolect.decoding.words import LexiconNetworkFactory
from neurolect.online.redis_server import RedisServer


def serve_lm(
    lm: str = "english",
    lexicon: Path | None = None,
    graph: Path | None = None,
    lattice_lm: Path | None = None,
    lattice_graph_lm: Path | None = None,
    network: LexiconNetworkFactory = LexiconNetwork,
    decoder: DecoderOptions = DecoderOptions(),
    rescoring: Rescoring = Rescoring(augment=20),
    redis: RedisServer = RedisServer(),
    prefix: list[str] = [""],  # noqa: B006
    input_stream: str = "remote_lm_input",
    partial_output_stream: str = "remote_lm_output_partial",
    final_output_stream: str = "remote_lm_output_final",
    take_over_after: float = 5.0,
) -> None:
    """Turn logits into sentences for clients over Redis, as the reference's language-model server does.

    The clients of Card et al. 2024 need no change. Several servers on one Redis share the sessions, and others stand in
    for one that dies.

    Args:
        lm: an n-gram model, as for `neurolect decode`.
        lexicon: file of further words, as for `neurolect decode`.
        graph: search this TLG.fst or LG.fst, with words.txt beside it, instead of a lexicon and an n-gram model.
        lattice_lm: a larger n-gram model that has the last word on all sentences in the lattice; clients switch it off
            and on as `rescore`.
        lattice_graph_lm: the n-gram model that the graph was built of, where lattice_lm is given with one.
        network: weights of the lexicon and the n-gram model.
        decoder: settings of the search, which clients may change.
        rescoring: settings of the second pass; clients switch its large language model off and on as `do_opt`.
        redis: the server to meet clients at.
        prefix: of the keys of the sessions to serve from the start; clients can ask for others.
        input_stream: name of the stream of logits.
        partial_output_stream: name of the stream of partial sentences.
        final_output_stream: name of the stream of finished utterances.
        take_over_after: seconds without a sign of life after which another server's sessions are taken over.

    Examples:
        neurolect serve lm --host 192.168.150.2 --lm 5gram.nlm --rescoring.llm facebook/opt-6.7b --rescoring.alpha 0.55
        neurolect serve lm --url redis://localhost:6379 --graph languageModel/TLG.fst
        neurolect serve lm --unix_socket /run/valkey.sock --prefix bed1: bed2:
    """
    from neurolect.commands.plain_console import plain_console
    from neurolect.errors import require_at_least
    from neurolect.online.lm_models import read_models
    from neurolect.online.lm_protocol import LmStreams
    from neurolect.online.lm_server import LmServer
    from neurolect.online.redis_server import reached

    require_at_least(0.1, "take_over_after", take_over_after)
    console = plain_console()

    def say(line: str) -> None:
        console.print(line, soft_wrap=True)

    models = read_models(lm, lexicon, graph, lattice_lm, lattice_graph_lm, network, decoder, rescoring)
    streams = LmStreams("", input_stream, partial_output_stream, final_output_stream)
    with reached(redis, say) as client:
        LmServer(client, models, say, streams, take_over_after).run(prefix)
