from __future__ import annotations

import pytest
import test_golden_decoder as golden

from neurolect.commands.main import main
from neurolect.decoding import Decoder, GraphNetwork

# Fixtures that the comparison without the topology uses, too.
utterances, reference = golden.utterances, golden.reference

pytestmark = [golden.pytestmark, pytest.mark.slow]


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    """A search over TLG.fst as the verb builds it, with the settings that the reference was run with."""
    pytest.importorskip("kaldifst", reason="needs the extra 'graph'")
    out = tmp_path_factory.mktemp("golden") / "graph"
    assert main(["lm", "graph", str(golden.ARPA), "--out", str(out), "--with_topology"]) == 0
    return Decoder(GraphNetwork(out / "TLG.fst"), golden.REFERENCE, golden.CLASSES)


def test_a_graph_with_the_topology_gives_all_answers_of_the_reference(decoder, utterances, reference):
    ours = [decoder.decode(logits) for logits in utterances]
    assert len(ours) == 200
    assert [answers[0].text for answers in ours] == [listed[0].text for listed in reference]
    pairs, missing = golden.compare(ours, reference, golden.LATTICE_BEAM)
    assert (len(pairs), missing) == (11_861, [])
    for answer, listed in pairs:
        assert answer.acoustic == pytest.approx(listed.acoustic, abs=1e-3)
        # Both graphs round their costs to 1/1024 an arc, each from its own n-gram costs.
        assert answer.ngram == pytest.approx(listed.graph, abs=0.002)
        assert answer.total == pytest.approx(listed.total, abs=0.002)
