import numpy as np
import pytest

from neurolect.commands.main import main
from neurolect.data.seeg.channel_selection import ChannelSelection, read_regions
from neurolect.data.seeg.conversion_plan import plan_subject
from neurolect.data.seeg.layout import find_subjects
from neurolect.data.seeg.mandarin import mandarin_words
from neurolect.data.seeg.raw_sources import open_sources
from neurolect.data.seeg.signal_preparation import Preparation
from neurolect.data.seeg.simulate import SeegSimulator
from neurolect.data.seeg.simulated_potentials import MAINS_HZ
from neurolect.data.seeg.simulated_raw import write_raw_session
from neurolect.data.seeg.simulated_subjects import n_sessions, write_simulated_seeg
from neurolect.errors import ConfigError, DataError

WORDS = mandarin_words()[:4]


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    out = tmp_path_factory.mktemp("simulated") / "small"
    sessions = []
    write_simulated_seeg(out, 2, 2, 2, 0.5, 11, WORDS, on_session=sessions.append)
    return out, sessions


def test_a_dataset_reads_back_in_the_packed_layout(small):
    out, sessions = small
    subjects = find_subjects(out)
    assert [subject.info.name for subject in subjects] == ["sim01", "sim02"]
    assert sessions[:3] == ["sim01 run01", "sim01 run02", "sim01 talk01"]
    assert len(sessions) == n_sessions(2, 2, 0.5)
    for subject in subjects:
        assert subject.trials.signals.shape == (16, 11, 3000)
        assert np.isfinite(subject.trials.signals).all()
        assert sorted(subject.trials.words) == sorted(4 * [word.word for word in WORDS])
        assert subject.trials.runs == 8 * ["run01"] + 8 * ["run02"]
        assert (np.diff(subject.trials.onsets[:8]) > 3).all()
        assert [recording.signal.shape for recording in subject.recordings] == [(11, 30_000)]
        assert subject.info.epoch_start == -0.5
        assert set(subject.info.positions) == set(subject.info.regions) == set(subject.info.channels)


def test_everything_says_that_it_is_simulated(small):
    out, _ = small
    assert "No person was recorded" in (out / "SIMULATED.txt").read_text(encoding="utf-8")
    for subject in find_subjects(out):
        assert subject.info.simulated
        assert "simulated" in subject.info.source
        assert sorted(path.name for path in subject.folder.iterdir()) == [
            "recordings",
            "subject.json",
            "trials.csv",
            "trials.npy",
        ]
    assert sorted(path.name for path in out.iterdir()) == ["SIMULATED.txt", "sim01", "sim02"]


def test_regions_name_the_channels_that_carry_speech(small):
    for subject in find_subjects(small[0]):
        regions = list(subject.info.regions.values())
        assert (regions.count("vSMC"), regions.count("STG"), regions.count("other")) == (5, 4, 2)


def test_trials_are_cut_at_their_onsets_from_prepared_channels(small):
    (subject, _), simulated = find_subjects(small[0]), SeegSimulator().subject(0)
    session = simulated.word_run(1, WORDS, 2)
    start = round(subject.trials.onsets[8] * 1000) - 500
    channel = next(session.bipolar(simulated.implant.chosen_pairs(11))).astype(np.float64)
    prepared = Preparation()(channel, 1000.0, MAINS_HZ).astype(np.float32)
    assert np.array_equal(subject.trials.signals[8, 0], prepared[start : start + 3000])


def test_more_of_everything_leaves_the_first_ones_as_they_are(small, tmp_path):
    write_simulated_seeg(tmp_path / "more", 1, 3, 2, 1.0, 14, WORDS)
    less, more = find_subjects(small[0])[0], find_subjects(tmp_path / "more")[0]
    shared = [channel for channel in less.info.channels if channel in more.info.channels]
    assert len(shared) >= 9
    rows = more.rows(shared)
    assert np.array_equal(more.trials.signals[:16, rows], less.trials.signals[:, less.rows(shared)])
    assert more.trials.words[:16] == less.trials.words
    first, longer = less.recordings[0].signal, more.recordings[0].signal
    assert np.array_equal(longer[rows, :30_000], first[less.rows(shared)])


def test_runs_or_recordings_may_be_left_out(tmp_path):
    write_simulated_seeg(tmp_path / "runs", runs=1, repetitions=1, minutes=0, channels=2, words=WORDS)
    write_simulated_seeg(tmp_path / "talk", runs=0, minutes=0.2, channels=2, words=WORDS)
    (runs,), (talk,) = find_subjects(tmp_path / "runs"), find_subjects(tmp_path / "talk")
    assert (len(runs.trials), runs.recordings) == (4, [])
    assert (talk.trials, len(talk.recordings)) == (None, 1)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"subjects": 0}, "subjects is 0"),
        ({"runs": -1}, "runs is -1"),
        ({"repetitions": 0}, "repetitions is 0"),
        ({"channels": 0}, "channels is 0"),
        ({"minutes": -1.0}, "minutes is -1"),
        ({"minutes": float("nan")}, "minutes is nan"),
        ({"runs": 0, "minutes": 0.1}, "nothing to simulate"),
    ],
)
def test_numbers_out_of_range_are_refused_by_name_and_nothing_is_written(tmp_path, settings, named):
    with pytest.raises(ConfigError, match=named):
        write_simulated_seeg(tmp_path / "out", **settings)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_holds_something_is_refused(tmp_path):
    (tmp_path / "recording.npy").touch()
    with pytest.raises(DataError, match=str(tmp_path)):
        write_simulated_seeg(tmp_path, runs=1)


def test_a_killed_simulation_leaves_nothing(tmp_path):
    def stop(session: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_simulated_seeg(tmp_path / "out", runs=1, repetitions=1, words=WORDS, channels=1, on_session=stop)
    assert not list(tmp_path.iterdir())


def test_the_verb_writes_words_of_ones_own_list(tmp_path, capsys):
    (tmp_path / "words.csv").write_text("word,initials,finals,tones\n一,-,i,1\n二,-,er,4\n", encoding="utf-8")
    small = ["--runs", "1", "--repetitions", "2", "--minutes", "0", "--channels", "3"]
    assert main(["simulate", "seeg", str(tmp_path / "out"), "--words", str(tmp_path / "words.csv"), *small]) == 0
    assert str(tmp_path / "out") in capsys.readouterr().out
    (subject,) = find_subjects(tmp_path / "out")
    assert set(subject.trials.words) == {"一", "二"}


def test_the_verb_writes_all_channels_when_asked(tmp_path):
    (tmp_path / "words.csv").write_text("word,initials,finals,tones\n一,-,i,1\n", encoding="utf-8")
    small = ["--runs=1", "--repetitions=1", "--minutes=0", "--channels=all", f"--words={tmp_path / 'words.csv'}"]
    assert main(["simulate", "seeg", str(tmp_path / "out"), *small]) == 0
    (subject,) = find_subjects(tmp_path / "out")
    assert len(subject.info.channels) == len(SeegSimulator().subject(0).implant.bipolar_pairs)


def test_a_raw_run_is_the_packed_one_before_it_is_prepared(tmp_path):
    pytest.importorskip("edfio")
    pytest.importorskip("mne")
    sessions = []
    write_simulated_seeg(tmp_path / "out", 1, 1, 1, 0, 3, WORDS, raw=True, on_session=sessions.append)
    assert sessions == ["sim01 run01", "sim01 sim01_run01.edf"]
    assert len(sessions) == n_sessions(1, 1, 0, raw=True)
    (subject,) = find_subjects(tmp_path / "out")
    regions = read_regions(tmp_path / "out" / "raw" / "sim01_regions.csv")
    assert subject.info.regions.items() <= regions.items()
    (raw,) = open_sources([tmp_path / "out" / "raw" / "sim01_run01.edf"], "sim01")["sim01"]
    assert list(raw.channels) == [contact.name for contact in SeegSimulator().subject(0).implant.contacts]
    assert [event.text for event in raw.events] == subject.trials.words
    np.testing.assert_allclose([event.onset for event in raw.events], subject.trials.onsets, atol=1e-4)
    contact = raw.channels.index(subject.info.channels[0])
    start = round(subject.trials.onsets[1] * 1000) - 500
    first, second = raw.read_block([contact, contact + 1], 0, raw.n_samples)
    prepared = Preparation()(first - second, raw.sample_rate, MAINS_HZ)
    # The file has 16 bits for the largest artefact, and ends at a whole second.
    np.testing.assert_allclose(prepared[start : start + 3000], subject.trials.signals[1, 0], atol=0.1)


def test_a_raw_run_that_is_converted_says_that_it_is_simulated(tmp_path):
    pytest.importorskip("edfio")
    pytest.importorskip("mne")
    path = tmp_path / "run.edf"
    write_raw_session(path, SeegSimulator().subject(0).recording(0, WORDS, 12.0))
    (raw,) = open_sources([path], "sim01")["sim01"]
    assert plan_subject("sim01", [raw], Preparation(mains=50), ChannelSelection()).info.simulated


def test_raw_recordings_without_runs_are_refused(tmp_path):
    pytest.importorskip("edfio")
    with pytest.raises(ConfigError, match="runs is 0: raw"):
        write_simulated_seeg(tmp_path / "out", runs=0, raw=True)
