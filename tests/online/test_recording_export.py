from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from neurolect.commands.main import main
from neurolect.data.dataset import SpeechData
from neurolect.data.t15 import read_split, write_split
from neurolect.data.trial import Trial
from neurolect.errors import ConfigError, DataError
from neurolect.online.live_answers import Correction, Sentence
from neurolect.online.recorded_trials import RecordedTrial, read_recorded, recorded_name, write_recorded
from neurolect.online.recording_export import export_recordings
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon

N_FEATURES = 6
LEXICON = Lexicon(
    {
        "good": (("G", "UH", "D"),), "morning": (("M", "AO", "R", "N", "IH", "NG"),), "see": (("S", "IY"),),
        "you": (("Y", "UW"),), "two": (("T", "UW"),), "at": (("AE", "T"),),
    }
)  # fmt: skip


@pytest.fixture
def record(tmp_path):
    """Write a recorded utterance and return its features."""
    rng = np.random.default_rng(0)

    def write(number, text, corrections=(), session="t99.2030.01.05", n_bins=80, lost=0, simulated=False, **fields):
        features = rng.standard_normal((n_bins - lost, N_FEATURES), dtype=np.float32)
        sentence = Sentence(
            number, text, (), (), 0.0, session, 2, "event", n_bins, n_bins // 4, 0, "source", f"{1000 - number}-0",
            f"{2000 - number}-0", "", {}, (), 1.0,
        )  # fmt: skip
        sentence = Sentence(**{**sentence.__dict__, **fields})
        said = tuple(Correction(number, text, 1.0) for text in corrections)
        folder = tmp_path / "recorded"
        folder.mkdir(exist_ok=True)
        write_recorded(folder / recorded_name(sentence), RecordedTrial(features, sentence, said, simulated))
        return features

    return write


def spoken(trial):
    return [PHONEMES.symbols[label] for label in trial.labels]


def test_what_persons_corrected_or_confirmed_becomes_trials_that_training_reads(record, tmp_path, capsys):
    record(1, "god morning", ["good"])
    second = record(2, "god morning", ["god morning", "Good morning."], notes={"trial": 17})
    first = record(3, "see you", ["see you"])
    record(4, "see you")
    other = record(5, "see you", ["See you at 2!"], session="t99.2030.01.07", block=None)
    assert export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON).total() == 4
    days = SpeechData(tmp_path / "out").open("train")
    trials = [trial for day in days for trial in day]
    # In the order in which they began: the first entries of the earlier numbers are later here.
    assert [trial.sentence for trial in trials] == ["see you", "Good morning.", "good", "See you at 2!"]
    assert np.array_equal(trials[0].features, first)
    assert np.array_equal(trials[1].features, second)
    assert np.array_equal(trials[3].features, other)
    assert [(trial.session, trial.block, trial.number) for trial in trials[1:]] == [
        ("t99.2030.01.05", 2, 17),
        ("t99.2030.01.05", 2, 1),
        ("t99.2030.01.07", 0, 5),
    ]
    assert spoken(trials[0]) == "S IY SIL Y UW SIL".split()
    assert spoken(trials[3]) == "S IY SIL Y UW SIL AE T SIL T UW SIL".split()
    assert main(["data", "check", str(tmp_path / "out")]) == 0
    assert "no problems found" in capsys.readouterr().out
    assert not (tmp_path / "out" / "SIMULATED.txt").exists()


def test_a_model_can_be_trained_on_an_export(record, tmp_path, capsys):
    for number in range(6):
        record(number, "x", ["good morning"], n_bins=100)
    export = ["export", "recordings", str(tmp_path / "recorded"), "--out", str(tmp_path / "out")]
    assert main([*export, "--validation_share", "0.2"]) == 0
    assert f"6 trials (5 train, 1 val): {tmp_path / 'out'}" in capsys.readouterr().out
    arguments = [
        "train",
        "--data.root",
        str(tmp_path / "out"),
        "--data.batch_size",
        "2",
        "--out",
        str(tmp_path / "run"),
    ]
    arguments += ["--model", "GRUDecoder", "--model.n_units", "8", "--model.n_layers", "1", "--trainer.steps", "2"]
    assert main([*arguments, "--trainer.validate_every", "2"]) == 0
    assert (tmp_path / "run" / "model.safetensors").exists()


def held(out):
    """Numbers of the trials of each session and split."""
    return {
        (path.parent.name, path.stem[5:]): [trial.number for trial in read_split(path, None)]
        for path in sorted(out.glob("*/data_*.hdf5"))
    }


def test_validation_gets_the_last_whole_blocks_or_of_one_block_the_last_utterances(record, tmp_path):
    # What has a lower number began later.
    for number, block in enumerate([3, 3, 2, 2, 2, 1, 1, 1, 1, 1]):
        record(number, "good", ["good"], block=block, session="t99.2030.01.05")
    for number in range(20, 26):
        record(number, "good", ["good"], session="t99.2030.01.07")
    record(30, "good", ["good"], session="t99.2030.01.09")
    for _ in range(2):
        counts = export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON, validation_share=0.2)
        assert counts == {"train": 8 + 5 + 1, "val": 2 + 1}
        assert held(tmp_path / "out") == {
            ("t99.2030.01.05", "train"): [9, 8, 7, 6, 5, 4, 3, 2],
            ("t99.2030.01.05", "val"): [1, 0],
            ("t99.2030.01.07", "train"): [25, 24, 23, 22, 21],
            ("t99.2030.01.07", "val"): [20],
            ("t99.2030.01.09", "train"): [30],
        }


@pytest.mark.parametrize("share", [0.01, 0.3, 0.5, 0.8, 0.99])
def test_whatever_the_share_no_utterance_is_in_both_files_and_none_is_lost(record, tmp_path, share):
    for number, block in enumerate([4, 4, 4, 3, 2, 2, 1]):
        record(number, "good", ["good"], block=block)
    export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON, validation_share=share)
    splits = held(tmp_path / "out")
    assert sorted(number for numbers in splits.values() for number in numbers) == list(range(7))
    assert len(splits) == 2


def test_what_was_played_twice_is_on_one_side_only(record, tmp_path):
    for number in range(6):
        record(number, "good", ["good"])
    paths = sorted((tmp_path / "recorded").iterdir())
    trial = read_recorded(paths[0])
    sentence = replace(trial.sentence, utterance=9, source="again", first_input="1-0", last_input="2-0")
    write_recorded(tmp_path / "recorded" / recorded_name(sentence), replace(trial, sentence=sentence))
    export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON, validation_share=0.2)
    assert held(tmp_path / "out") == {("t99.2030.01.05", "train"): [5, 4, 3, 2, 1], ("t99.2030.01.05", "val"): [0]}


def test_an_utterance_that_another_split_has_is_refused_and_both_files_are_named(record, tmp_path):
    recorded, out = tmp_path / "recorded", tmp_path / "out"
    record(1, "good", ["good"])
    record(2, "good", ["good"])
    export_recordings(recorded, out, lexicon=LEXICON)
    before = held(out)
    for options in ({"split": "val"}, {"split": "test"}):
        with pytest.raises(DataError, match=rf"data_{options['split']}\.hdf5: would hold .*data_train\.hdf5 already"):
            export_recordings(recorded, out, lexicon=LEXICON, **options)
    assert held(out) == before
    # Dividing writes both anew.
    export_recordings(recorded, out, lexicon=LEXICON, validation_share=0.5)
    assert held(out) == {("t99.2030.01.05", "train"): [2], ("t99.2030.01.05", "val"): [1]}


@pytest.mark.parametrize("options", [{"validation_share": 1.0}, {"validation_share": 0.2, "split": "val"}])
def test_a_share_that_cannot_be_meant_is_refused(record, tmp_path, options):
    record(1, "good", ["good"])
    with pytest.raises(ConfigError, match="validation_share"):
        export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON, **options)


def test_the_same_features_in_two_splits_are_a_problem_of_the_dataset(tmp_path, capsys):
    rng = np.random.default_rng(0)
    trials = [
        Trial("t99.2030.01.05", 1, n, rng.standard_normal((40, N_FEATURES), np.float32), np.array([n, 5]), "good")
        for n in (1, 2, 3)
    ]
    folder = tmp_path / "t99.2030.01.05"
    write_split(folder / "data_train.hdf5", trials[:2])
    write_split(folder / "data_val.hdf5", trials[1:])
    assert main(["data", "check", str(tmp_path)]) == 2
    out = capsys.readouterr().out
    assert f"{folder}/data_val.hdf5: trial_0000: the same features as {folder}/data_train.hdf5: trial_0001" in out
    assert out.count("problem: ") == 1


def test_words_that_no_lexicon_lists_are_pronounced_from_their_letters(record, tmp_path):
    record(1, "x", ["good moon"])
    export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON)
    [trial] = read_split(tmp_path / "out" / "t99.2030.01.05" / "data_train.hdf5", None)
    assert spoken(trial)[:5] == "G UH D SIL M".split()
    assert spoken(trial)[-1] == "SIL"


def test_what_was_corrected_to_nothing_or_lacks_bins_is_left_out(record, tmp_path):
    record(1, "x", ["good", " "])
    record(2, "x", ["good"], lost=3)
    with pytest.raises(DataError, match="no utterance that a person corrected or confirmed"):
        export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON)
    assert not (tmp_path / "out").exists()


def test_an_export_takes_the_place_of_an_earlier_one_and_of_nothing_else(record, tmp_path):
    record(1, "x", ["good"])
    for _ in range(2):
        assert export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON).total() == 1
    record(2, "x", ["see"])
    assert export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON).total() == 2
    original = tmp_path / "original" / "t99.2030.01.05" / "data_train.hdf5"
    write_split(original, [Trial("t99.2030.01.05", 1, 1, np.zeros((4, N_FEATURES), np.float32))])
    before = original.read_bytes()
    with pytest.raises(DataError, match="not exported from recordings"):
        export_recordings(tmp_path / "recorded", tmp_path / "original", lexicon=LEXICON)
    assert original.read_bytes() == before


def test_a_session_without_corrected_utterances_any_more_leaves_the_export(record, tmp_path):
    recorded, out = tmp_path / "recorded", tmp_path / "out"
    record(1, "good", ["good"], session="t99.2030.01.05")
    record(2, "see you", ["see you"], session="t99.2030.01.07")
    export_recordings(recorded, out, lexicon=LEXICON)
    max(recorded.iterdir()).unlink()
    assert export_recordings(recorded, out, lexicon=LEXICON).total() == 1
    (day,) = SpeechData(out).open("train")
    assert [trial.sentence for trial in day] == ["good"]


def test_what_a_decoder_of_simulated_recordings_heard_is_marked_as_simulated(record, tmp_path):
    record(1, "x", ["good"], simulated=True)
    export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON)
    assert (tmp_path / "out" / "SIMULATED.txt").is_file()


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"corrections": ["Привет"]}, "'Привет' has no word that can be pronounced"),
        ({"corrections": ["good"], "session": "../elsewhere"}, "no utterance that a person corrected or confirmed"),
        ({"corrections": ["good " * 200]}, "800 entries, the T15 layout holds 500"),
    ],
)
def test_what_cannot_be_a_trial_is_one_line_that_names_it(record, tmp_path, settings, said):
    record(1, "x", **settings)
    with pytest.raises(DataError) as raised:
        export_recordings(tmp_path / "recorded", tmp_path / "out", lexicon=LEXICON)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("session", ["../../evil", "a/b", "a\\b", "..", ".hidden", "", "a\0b", "é" * 200])
def test_utterances_of_a_session_that_could_be_no_folder_are_left_out_and_named(record, tmp_path, session, capsys):
    record(1, "x", ["good"], session=session)
    record(2, "x", ["see"])
    assert main(["export", "recordings", str(tmp_path / "recorded"), "--out", str(tmp_path / "out")]) == 0
    assert held(tmp_path / "out") == {("t99.2030.01.05", "train"): [2]}
    said = capsys.readouterr().out
    assert f"left out, since session {session!r} cannot be" in said
    assert "utterance_000001_source_999-0.hdf5" in said
    assert sorted(each.name for each in tmp_path.iterdir()) == ["out", "recorded"]


def test_a_file_that_is_no_utterance_is_named(tmp_path):
    (tmp_path / "utterance_000001_source_1-0.hdf5").write_bytes(b"no HDF5")
    with pytest.raises(DataError, match=r"utterance_000001_source_1-0\.hdf5: not a recorded utterance"):
        export_recordings(tmp_path, tmp_path / "out", lexicon=LEXICON)
    with pytest.raises(DataError, match="no such folder"):
        export_recordings(tmp_path / "nowhere", tmp_path / "out", lexicon=LEXICON)
