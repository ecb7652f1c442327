"""The models of a language-model server, in memory once and searched under each session's settings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from neurolect.decoding.decoder import Decoder, DecoderStream
from neurolect.decoding.lattice_rescoring import read_lattice_rescoring
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.decoding.second_pass import Rescoring, SecondPass
from neurolect.decoding.words import LexiconNetworkFactory, word_decoder
from neurolect.errors import ConfigError
from neurolect.online.lm_parameters import LmParameters
from neurolect.online.lm_protocol import SEPARATOR
from neurolect.text.alphabet import PHONEMES, PHONEMES_LANGUAGE_MODEL_ORDER

MOST_SENTENCES = 1000
"""That a client can ask for, or have trade words: lists of many more fill the memory of the server and of Redis."""


class LmModels:
    """A search and a second pass whose settings change from session to session.

    Args:
        search: takes logits in the models' order of classes, as every other verb's search does, so that answers are
            the same to the last bit.
        second_pass: with the settings at the start.
        lm_path: what the language model is called.

    Raises:
        ConfigError: a word holds the sign that parts the fields of the protocol.
    """

    def __init__(self, search: Decoder, second_pass: SecondPass, lm_path: str) -> None:
        barred = next((word for word in search.network.words if SEPARATOR in word), None)
        if barred is not None:
            raise ConfigError(f"the word '{barred}' holds '{SEPARATOR}', which parts the fields of 'scoring'")
        self._options = search.options
        self._second_pass = second_pass
        self._rescored = None if search.lattice_rescoring is None else search
        self._plain = Decoder(search.network, search.options, search.alphabet)
        self._can_rescore = self._rescored is not None or second_pass.rescoring.lm is not None
        self.parameters = LmParameters.of(lm_path, search.options, second_pass.rescoring, self._can_rescore)

    @property
    def context(self) -> str:
        """What was said before where no client says it."""
        return self._second_pass.rescoring.context

    def in_order_of_search(self, logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Logits (frames, 41) in the protocol's order of classes → in the search's."""
        ordered: npt.NDArray[np.float32] = PHONEMES_LANGUAGE_MODEL_ORDER.reorder(logits, PHONEMES)
        return ordered

    def require(self, parameters: LmParameters) -> None:
        """Refuse settings that are out of their ranges, ask for too much, or switch on a model that is not loaded.

        Raises:
            ConfigError: says which.
        """
        if parameters.do_opt and self._second_pass.rescoring.llm is None:
            raise ConfigError("do_opt is 1, but the server was started without a large language model")
        if parameters.rescore and not self._can_rescore:
            raise ConfigError("rescore is 1, but the server was started without a larger n-gram model")
        parameters.options(self._options)
        for name in ("nbest", "top_candidates_to_augment"):
            most = max(MOST_SENTENCES, getattr(self.parameters, name))
            if getattr(parameters, name) > most:
                raise ConfigError(f"{name} is {getattr(parameters, name)}, it must be at most {most}")
        # Ranges are looked at even where the model that they are for is switched off.
        if not 0 <= parameters.alpha <= 1:
            raise ConfigError(f"alpha is {parameters.alpha}, it must be from 0 to 1")
        self.second_pass(parameters)

    def stream(self, parameters: LmParameters) -> DecoderStream:
        """Begin an utterance.

        Raises:
            ConfigError: a setting is out of its range.
        """
        search = self._rescored if parameters.rescore and self._rescored is not None else self._plain
        search.options = parameters.options(self._options)
        return search.stream()

    def second_pass(self, parameters: LmParameters) -> SecondPass:
        """The second pass under these settings.

        Raises:
            ConfigError: a setting is out of its range.
        """
        started = self._second_pass.rescoring
        settings = parameters.rescoring(started)
        if parameters.do_opt and parameters.length_penalty == self.parameters.length_penalty:
            # At the start the two penalties may differ, though the protocol has one name for both.
            settings = parameters.rescoring(started, started.length_penalty)
        return self._second_pass.under(settings)


def read_models(
    lm: str = "english",
    lexicon: Path | None = None,
    graph: Path | None = None,
    lattice_lm: Path | None = None,
    lattice_graph_lm: Path | None = None,
    network: LexiconNetworkFactory = LexiconNetwork,
    decoder: DecoderOptions = DecoderOptions(),
    rescoring: Rescoring = Rescoring(),
) -> LmModels:
    """The models that a verb's settings name, as for `neurolect decode`.

    Raises:
        ConfigError: settings contradict each other, or a large language model is not on this machine.
        DataError: a file is not what it should be.
    """
    lattice = read_lattice_rescoring(lattice_lm, lattice_graph_lm, rescoring.lm)
    search = word_decoder(lm, lexicon, graph, PHONEMES, network, decoder, lattice_rescoring=lattice)
    return LmModels(search, SecondPass(rescoring), lm if graph is None else str(graph))
