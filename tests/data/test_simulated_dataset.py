from pathlib import Path

import numpy as np
import pytest

from neurolect.commands.main import main
from neurolect.data.blocks import BlockTable, read_block_table
from neurolect.data.simulate_speech import SpeechSimulator
from neurolect.data.simulated_dataset import everyday_sentences, read_sentences, write_simulated_speech
from neurolect.data.t15 import find_sessions, read_split
from neurolect.errors import ConfigError, DataError
from neurolect.text.alphabet import PHONEMES
from neurolect.text.lexicon import Lexicon
from neurolect.text.normalise import normalise_for_evaluation

SMALL = SpeechSimulator(n_electrodes=8)


@pytest.fixture(scope="module")
def lexicon():
    return Lexicon.english()


def trials_of(out: Path, split: str) -> dict[str, list]:
    sessions = find_sessions(out / "hdf5_data_final")
    return {session.name: list(read_split(session.path(split), n_features=None)) for session in sessions}


def sentences_of(out: Path, split: str) -> set[str]:
    return {normalise_for_evaluation(t.sentence) for trials in trials_of(out, split).values() for t in trials}


def test_the_everyday_sentences_are_640_different_ones_of_known_words(lexicon):
    normalised = [normalise_for_evaluation(sentence) for sentence in everyday_sentences()]
    assert len(set(normalised)) == len(normalised) == 640
    assert all(3 <= len(sentence.split()) <= 10 for sentence in normalised)
    assert {word for sentence in normalised for word in sentence.split()} <= set(lexicon)


def test_the_everyday_sentences_use_every_phoneme(lexicon):
    used = {phoneme for sentence in everyday_sentences() for phoneme in lexicon.phonemes(sentence)}
    assert used == set(PHONEMES.symbols) - {"BLANK"}


def test_a_dataset_reads_back_as_t15_recordings_with_their_corpus(tmp_path, lexicon):
    out = tmp_path / "simulated"
    written = []
    write_simulated_speech(out, everyday_sentences(), lexicon, 3, 20, 0.2, simulator=SMALL, on_session=written.append)
    train, val = trials_of(out, "train"), trials_of(out, "val")
    assert written == list(train) == ["sim.2030.01.05", "sim.2030.01.07", "sim.2030.01.12"]
    assert [len(trials) for trials in (*train.values(), *val.values())] == [16, 16, 16, 4, 4, 4]
    table = BlockTable.near(out / "hdf5_data_final")
    for name, trials in (*train.items(), *val.items()):
        for trial in trials:
            assert trial.session == name
            assert trial.features.shape[1] == 16
            assert PHONEMES.decode(trial.labels) == lexicon.phonemes(trial.sentence)
            assert table.with_corpus(trial).corpus == "Simulated"


def test_the_block_table_counts_what_is_there_and_keeps_training_apart(tmp_path, lexicon):
    write_simulated_speech(tmp_path / "out", everyday_sentences(), lexicon, 2, 130, 0.1, 0.1, SMALL)
    rows = read_block_table(tmp_path / "out" / "blocks.csv")
    assert [(row.block, row.n_sentences, row.split) for row in rows[:4]] == [
        (1, 34, "Train"),
        (2, 35, "Train"),
        (3, 35, "Train"),
        (4, 26, "Val/Test"),
    ]
    assert rows[4].post_implant_day - rows[0].post_implant_day == 2
    for split, blocks in (("train", {1, 2, 3}), ("val", {4}), ("test", {4})):
        for trials in trials_of(tmp_path / "out", split).values():
            assert {trial.block for trial in trials} == blocks


def test_validation_sentences_never_occur_in_training_even_when_sentences_repeat(tmp_path, lexicon):
    cues = [*everyday_sentences()[:20], *(cue.upper() for cue in everyday_sentences()[:20])]
    write_simulated_speech(tmp_path / "out", cues, lexicon, 4, 25, 0.2, simulator=SMALL)
    train, val = sentences_of(tmp_path / "out", "train"), sentences_of(tmp_path / "out", "val")
    assert not train & val
    assert (len(train), len(val)) == (16, 4)


def test_test_trials_carry_no_labels(tmp_path, lexicon):
    write_simulated_speech(tmp_path / "out", everyday_sentences(), lexicon, 1, 10, 0.0, 0.3, SMALL)
    (trials,) = trials_of(tmp_path / "out", "test").values()
    assert [(trial.labels, trial.sentence) for trial in trials] == [(None, None)] * 3
    assert not (tmp_path / "out" / "hdf5_data_final" / "sim.2030.01.05" / "data_val.hdf5").exists()


def test_a_longer_dataset_begins_with_the_same_days(tmp_path, lexicon):
    for n_sessions in (2, 5):
        write_simulated_speech(
            tmp_path / str(n_sessions), everyday_sentences(), lexicon, n_sessions, 6, simulator=SMALL
        )
    longer = trials_of(tmp_path / "5", "train")
    for name, trials in trials_of(tmp_path / "2", "train").items():
        for one, other in zip(trials, longer[name], strict=True):
            assert one.sentence == other.sentence
            assert np.array_equal(one.features, other.features)


def test_the_folder_says_that_it_is_simulated_and_how(tmp_path, lexicon):
    simulator = SpeechSimulator(seed=17, difficulty=1.5, n_electrodes=8)
    write_simulated_speech(tmp_path / "out", everyday_sentences(), lexicon, 1, 5, simulator=simulator)
    statement = (tmp_path / "out" / "SIMULATED.txt").read_text()
    assert "simulated" in statement
    assert "seed=17, difficulty=1.5" in statement


def test_a_folder_that_holds_something_is_refused_and_left_alone(tmp_path, lexicon):
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(DataError, match="not an empty folder"):
        write_simulated_speech(tmp_path, everyday_sentences(), lexicon, simulator=SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_an_empty_folder_is_filled(tmp_path, lexicon):
    write_simulated_speech(tmp_path, everyday_sentences(), lexicon, 1, 4, simulator=SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["SIMULATED.txt", "blocks.csv", "hdf5_data_final"]


def test_a_failure_halfway_leaves_nothing_behind(tmp_path, lexicon):
    with pytest.raises(ConfigError, match="xyzzyq"):
        write_simulated_speech(tmp_path / "out", ["come in", "say xyzzyq"], lexicon, 3, 4, simulator=SMALL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"sessions": 0}, "sessions"),
        ({"trials_per_session": 1}, "trials_per_session"),
        ({"validation_fraction": 1.0}, "validation_fraction"),
        ({"test_fraction": -0.1}, "test_fraction"),
        ({"validation_fraction": 0.6, "test_fraction": 0.6}, "trials_per_session"),
        ({"sentences": ["Come in.", "come in!"]}, "sentences"),
    ],
)
def test_settings_that_leave_a_split_empty_are_refused_by_name(tmp_path, lexicon, settings, named):
    arguments = {"sentences": everyday_sentences(), "trials_per_session": 10, **settings}
    with pytest.raises(ConfigError, match=named):
        write_simulated_speech(tmp_path / "out", lexicon=lexicon, simulator=SMALL, **arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "no sentences"),
        ("\n  \n", "no sentences"),
        ("Come in.\n\nSay xyzzyq.\n", "line 3: 'xyzzyq' is not in the lexicon"),
        ("I have 5 cats.\n", "line 1: write numbers as words"),
        ("Come in.\n...\n", "line 2: no word"),
    ],
)
def test_a_file_of_sentences_is_refused_with_the_line_that_is_wrong(tmp_path, lexicon, text, complaint):
    path = tmp_path / "sentences.txt"
    path.write_text(text)
    with pytest.raises(DataError, match=complaint) as refusal:
        read_sentences(path, lexicon)
    assert str(path) in str(refusal.value)


def test_a_missing_file_of_sentences_is_refused(tmp_path, lexicon):
    with pytest.raises(DataError, match=r"nowhere\.txt: cannot read the sentences"):
        read_sentences(tmp_path / "nowhere.txt", lexicon)


def test_a_file_of_sentences_that_is_not_text_is_refused(tmp_path, lexicon):
    (tmp_path / "sentences.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="cannot read the sentences: not UTF-8 text"):
        read_sentences(tmp_path / "sentences.txt", lexicon)


def test_the_command_takes_extra_words_from_a_lexicon_and_names_the_line_of_an_unknown_word(tmp_path, capsys):
    (tmp_path / "sentences.txt").write_text("Come in.\nThe xyzzyq sleeps.\nThank you.\n")
    (tmp_path / "extra.dict").write_text("xyzzyq Z IH Z IY K\n")
    out = tmp_path / "out"
    arguments = ["simulate", "speech", str(out), "--sentences", str(tmp_path / "sentences.txt"), "--sessions", "1"]
    assert main(arguments) == 2
    assert "sentences.txt: line 2: 'xyzzyq' is not in the lexicon" in capsys.readouterr().err
    assert not out.exists()
    extra = ["--lexicon", str(tmp_path / "extra.dict"), "--trials_per_session", "3"]
    assert main([*arguments, *extra]) == 0
    assert sentences_of(out, "train") | sentences_of(out, "val") == {"come in", "the xyzzyq sleeps", "thank you"}
