import pytest
from small_search import ALPHABET

from neurolect.decoding import LexiconNetwork
from neurolect.errors import ConfigError
from neurolect.text.lexicon import Lexicon


@pytest.mark.parametrize("pronunciation", ["A SIL B", "A SIL", "SIL A", "SIL"])
def test_a_pronunciation_with_the_silence_in_it_is_refused_with_its_word(pronunciation):
    lexicon = Lexicon({"b": (("B",),), "tv": (("A", "B"), tuple(pronunciation.split()))})
    with pytest.raises(ConfigError, match="a pronunciation of 'tv' holds the silence SIL"):
        LexiconNetwork(lexicon, alphabet=ALPHABET)
