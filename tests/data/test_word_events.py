from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.data.seeg.raw_recording import Event
from neurolect.data.seeg.word_events import WordEvents, plan_trials, read_event_table
from neurolect.errors import ConfigError, DataError


@given(
    st.lists(st.floats(-5, 65), max_size=30),
    st.floats(-1, 0),
    st.floats(0.1, 3),
    st.sampled_from([100.0, 999.0]),
)
def test_trials_lie_within_the_recording_and_the_rest_is_counted(onsets, start, stop, rate):
    settings = WordEvents(start, stop)
    words = settings.words([Event(onset, "word") for onset in onsets])
    n_samples = round(60 * rate)
    plan = plan_trials(words, settings, rate, n_samples)
    length = settings.n_samples(rate)
    assert all(first >= 0 and first + length <= n_samples for first in plan.first_samples)
    assert plan.first_samples == sorted(plan.first_samples)
    assert all(
        abs(first / rate - (onset + start)) <= 0.51 / rate
        for first, onset in zip(plan.first_samples, plan.onsets, strict=True)
    )
    lost = len(onsets) - len(plan.words)
    expected = f"{lost} of {len(onsets)} trials reach beyond the recording: left out"
    assert (expected in plan.notes) == (lost > 0)


def test_no_trial_touches_a_stretch_marked_bad():
    spoilt = [Event(10.0, "BAD_movement", 2.0), Event(30.0, "hello", 2.0)]
    words = [Event(onset, "word") for onset in (7.4, 8.0, 11.0, 12.4, 12.6, 30.0)]
    plan = plan_trials(words, WordEvents(), 100.0, 6000, spoilt)
    assert plan.onsets == [7.4, 12.6, 30.0]
    assert "3 of 6 trials touch a stretch marked bad: left out" in plan.notes


def test_overlapping_trials_are_told_of():
    plan = plan_trials([Event(1.0, "a"), Event(3.0, "b"), Event(9.0, "c")], WordEvents(), 100.0, 6000)
    assert any(note.startswith("1 of 3 trials overlap the one before") for note in plan.notes)


def test_prefix_and_vocabulary_say_which_events_are_words(tmp_path):
    vocabulary = tmp_path / "words.txt"
    vocabulary.write_text("水\n hello \ngood morning\n", encoding="utf-8")
    assert [event.text for event in WordEvents(vocabulary=vocabulary).words([Event(0.0, "good morning")])] == [
        "good morning"
    ]
    events = [Event(3.0, "word/水"), Event(1.0, "word/hello"), Event(2.0, "word/cough"), Event(0.0, "hello")]
    assert [event.text for event in WordEvents(prefix="word/").words(events)] == ["hello", "cough", "水"]
    assert [event.text for event in WordEvents(prefix="word/", vocabulary=vocabulary).words(events)] == ["hello", "水"]
    assert [event.text for event in WordEvents(vocabulary=vocabulary).words(events)] == ["hello"]


def test_a_table_gives_each_run_its_words(tmp_path):
    table = tmp_path / "words.csv"
    table.write_text("run,onset,word\nday1,1.5,hello\nday2,2,world\nday1,0.5,you\n")
    events = read_event_table(table, ["day1", "day2", "day3"])
    assert events == {"day1": [Event(1.5, "hello"), Event(0.5, "you")], "day2": [Event(2.0, "world")], "day3": []}
    table.write_text("onset,word\n1.5,hello\n")
    assert read_event_table(table, ["day1"]) == {"day1": [Event(1.5, "hello")]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("onset,word\n1,hello\n", "line 2: run is '', the recordings are day1, day2"),
        ("onset,word,run\n1,hello,day1\n1,hello,day7\n", "line 3: run is 'day7'"),
        ("onset,word,run\nsoon,hello,day1\n", "line 2: onset is 'soon'"),
        ("onset,word,run\nnan,hello,day1\n", "line 2: onset is 'nan'"),
        ("time,word\n1,hello\n", "has no column 'onset', it has time, word"),
        ("onset,word,run\n1,,day1\n", "line 2: onset and word must both be filled"),
    ],
)
def test_a_wrong_table_is_refused_by_its_line(tmp_path, text, message):
    table = tmp_path / "words.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=message):
        read_event_table(table, ["day1", "day2"])


def test_a_vocabulary_that_is_no_text_is_refused(tmp_path):
    (tmp_path / "words.txt").write_bytes("é".encode("latin-1"))
    with pytest.raises(DataError, match=r"words\.txt: cannot read the vocabulary: not UTF-8 text"):
        WordEvents(vocabulary=tmp_path / "words.txt").words([Event(1.0, "hello")])


def test_a_window_without_length_is_refused():
    with pytest.raises(ConfigError, match="have no length"):
        WordEvents(1.0, 1.0)
    with pytest.raises(ConfigError, match="have no length"):
        WordEvents(stop=float("nan"))
