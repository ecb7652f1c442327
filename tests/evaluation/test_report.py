from __future__ import annotations

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from html_page import Page
from neurolect.data.frames import Patching
from neurolect.data.trial import Trial
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.evaluation.decode import DecodedTrial
from neurolect.evaluation.report import compare, median_trial, write_report
from neurolect.evaluation.scores import phoneme_scores, word_scores, word_scores_keeping_hyphens
from neurolect.text.alphabet import PHONEMES
from neurolect.text.error_rates import count_errors, count_word_errors

SENTENCES = ["Good morning, everyone.", "See you soon!", "I do not know.", "Well-- come in"]


def decoded(
    number: int = 0, session: str = "t15.2030.01.01", words: str | None = "good morning", labels: bool = True
) -> DecodedTrial:
    rng = np.random.default_rng(number)
    classes = rng.integers(1, 41, 8)
    logits = rng.normal(size=(16, 41)).astype(np.float32)
    logits[np.arange(0, 16, 2), classes] += 6
    logits[np.arange(1, 16, 2), 0] += 6
    heard = PHONEMES.decode(classes)
    spoken = [*heard[:3], "ZH", *heard[5 - number % 3 :]] if labels else None
    trial = Trial(
        session=session,
        block=1,
        number=number,
        features=np.zeros((74, 2), np.float32),
        labels=np.array(PHONEMES.encode(spoken), np.int32) if spoken else None,
        sentence=SENTENCES[number % len(SENTENCES)] if labels else None,
        corpus=("Switchboard", None)[number % 2],
    )
    hypotheses = [] if words is None else [Hypothesis(tuple(words.split()), -3.0, -2.0, 0.0, 0.0, -5.0)]
    return DecodedTrial(trial, logits, heard, spoken, hypotheses, 0.001 * (number + 1))


def split(n_sessions: int = 2, n_trials: int = 4, **options) -> list[DecodedTrial]:
    return [
        decoded(number, f"t15.2030.01.{day + 1:02d}", **options)
        for day in range(n_sessions)
        for number in range(n_trials)
    ]


def scores_of(trials):
    found = (phoneme_scores(trials), word_scores(trials), word_scores_keeping_hyphens(trials))
    return [scores for scores in found if scores is not None]


def report(path: Path, trials, title="A run", facts=None, notes=()) -> str:
    write_report(path, title, facts or {}, scores_of(trials), trials, PHONEMES, Patching(), notes)
    return path.read_text(encoding="utf-8")


EMPTY = replace(decoded(), logits=np.zeros((0, 41), np.float32), phonemes=[])
CASES = {
    "validation": split(),
    "one trial": [decoded()],
    "phonemes only": split(words=None),
    "no labels": split(labels=False),
    "no labels and phonemes only": split(labels=False, words=None),
    "no frames": [EMPTY],
    "no frames in one trial": [EMPTY, *split()],
    "nothing recorded": [replace(EMPTY, trial=replace(EMPTY.trial, features=np.zeros((0, 2), np.float32)))],
    "nothing decoded": [decoded(words="")],
    "nothing said": [replace(decoded(), trial=replace(decoded().trial, sentence=""), spoken_phonemes=[])],
    "no errors": [replace(decoded(words="good morning everyone"), spoken_phonemes=decoded().phonemes)],
    "labels in some trials": [decoded(0), decoded(1, labels=False)],
    "no trials": [],
    "45 sessions": split(45, 1),
}


@pytest.fixture(scope="module", params=CASES)
def page(request, tmp_path_factory) -> Page:
    return Page(report(tmp_path_factory.mktemp("report") / "report.html", CASES[request.param]))


@pytest.fixture(scope="module")
def validation(tmp_path_factory) -> str:
    """A report of 12 trials in 3 sessions."""
    facts = {"Language model": "trigram of 64,001 words", "Protocol": "clean"}
    notes = ["These recordings are simulated."]
    return report(tmp_path_factory.mktemp("validation") / "report.html", split(3, 4), facts=facts, notes=notes)


def test_the_page_needs_nothing_beside_it_and_runs_nothing(page):
    assert page.is_self_contained


def test_identifiers_are_unique_and_references_find_them(page):
    identifiers = Counter(page.attributes("id"))
    assert not [name for name, count in identifiers.items() if count > 1]
    styles = " ".join(page.attributes("style", "clip-path"))
    referred = {link[1:] for link in page.attributes("xlink:href") if link.startswith("#")}
    referred |= set(re.findall(r"url\(#([^)]*)\)", styles))
    assert referred <= set(identifiers)


def test_figures_are_described_and_tables_have_headers(page):
    assert all(attrs.get("aria-label") for tag, attrs in page.elements if tag == "svg")
    assert all(attrs.get("scope") in ("col", "row") for tag, attrs in page.elements if tag == "th")
    assert ("html", {"lang": "en"}) in page.elements


def test_no_address_of_another_machine_is_in_the_file(validation):
    assert not re.search(r"https?:|[\"'(]//|@import", validation)


def test_the_page_says_every_headline_number(validation):
    text = Page(validation).text
    for scores in scores_of(split(3, 4)):
        overall = scores.overall
        assert f"{100 * overall.rate:.2f} %" in text
        assert f"95 % interval {100 * overall.low:.2f} to {100 * overall.high:.2f} %" in text
        assert f"{overall.length} {scores.name.split()[0]}s in 12 trials" in text
    assert "12 trials in 3 sessions" in text


def test_every_session_and_corpus_has_its_row(validation):
    text = Page(validation).text
    for scores in scores_of(split(3, 4)):
        for name, rate in {**scores.by_session, **scores.by_corpus}.items():
            interval = f"{100 * rate.low:.2f} to {100 * rate.high:.2f}"
            edits = f"{rate.substitutions} {rate.insertions} {rate.deletions}"
            assert f"{name} {100 * rate.rate:.2f} {interval} {edits} {rate.length} {rate.trials}" in text


def test_facts_and_notes_are_shown(validation):
    text = Page(validation).text
    assert "Language model trigram of 64,001 words Protocol clean" in text
    assert "Note: These recordings are simulated." in text


def test_markup_in_anything_that_is_written_stays_text(tmp_path):
    evil = '<script>alert("x")</script>'
    trial = decoded(words=f"{evil} & more")
    recorded = replace(trial.trial, sentence=f"Said {evil}", session=f"day {evil}", corpus=f"corpus {evil}")
    trial = replace(trial, trial=recorded, phonemes=[evil], spoken_phonemes=["AA", evil])
    written = report(tmp_path / "report.html", [trial], title=evil, facts={evil: evil}, notes=[evil])
    assert "<script" not in written
    text = Page(written).text
    for shown in (f"Said {evil}", f"day {evil}", f"corpus {evil}", f"Note: {evil}"):
        assert shown in text


def test_trials_without_labels_have_sentences_but_no_rates(tmp_path):
    text = Page(report(tmp_path / "report.html", CASES["no labels"])).text
    assert "nothing was scored" in text
    assert "good morning" in text
    assert "Error rate by session" not in text
    assert "Confusions" not in text


def test_search_times_are_shown_only_if_words_were_searched(tmp_path):
    with_words = Page(report(tmp_path / "words.html", split(1, 3))).text
    assert "median 2.0 ms, 95th percentile 2.9 ms, longest 3.0 ms" in with_words
    assert "Time of the word search" not in Page(report(tmp_path / "phonemes.html", CASES["phonemes only"])).text


def test_a_single_trial_has_no_interval(tmp_path):
    text = Page(report(tmp_path / "report.html", [decoded()])).text
    assert "no interval" in text
    assert "95 % interval 0" not in text


def test_differences_are_told_apart_by_element_and_not_by_colour_alone(tmp_path):
    trial = decoded(words="oh god morning")
    written = report(
        tmp_path / "report.html", [replace(trial, trial=replace(trial.trial, sentence="good morning all"))]
    )
    assert "<ins>oh</ins>" in written
    assert "<mark>good</mark>" in written
    assert "<mark>god</mark>" in written
    assert "<del>all</del>" in written


def test_the_worst_sentences_come_first(tmp_path):
    trials = [
        replace(decoded(words=words), trial=replace(decoded().trial, sentence="one two three four", number=number))
        for number, words in enumerate(["one two three four", "one two three", "one", "one two"])
    ]
    text = Page(report(tmp_path / "report.html", trials)).text
    worst = text[text.index("The 3 worst") : text.index("All sentences")]
    assert re.findall(r"trial (\d)", worst) == ["2", "3", "1"]


def test_two_thousand_sentences_are_written_and_no_more(tmp_path):
    trial = decoded(words="good evening every one")
    trials = [replace(trial, trial=replace(trial.trial, number=number)) for number in range(2_001)]
    write_report(tmp_path / "report.html", "Long", {}, [], trials, PHONEMES, Patching())
    written = (tmp_path / "report.html").read_text(encoding="utf-8")
    text = Page(written).text
    assert "The first 2,000 of 2,001 sentences" in text
    assert "trial 1999" in text
    assert "trial 2000" not in text
    assert len(written) < 2_000_000


def test_the_same_trials_give_the_same_file(tmp_path, validation):
    assert without_heading(report(tmp_path / "report.html", split(3, 4))) == without_heading(validation)


def without_heading(page: str) -> str:
    return page[page.index("<h2>Summary") :]


def test_a_report_that_cannot_be_written_leaves_the_old_one_and_nothing_else(tmp_path):
    path = tmp_path / "report.html"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(UnicodeEncodeError):
        report(path, [decoded()], title="not text: \ud800")
    assert list(tmp_path.iterdir()) == [path]
    assert path.read_text(encoding="utf-8") == "old"


def test_the_example_is_the_trial_of_median_phoneme_error_rate():
    trials = split(1, 3)
    trials = [replace(trials[0], spoken_phonemes=[*trials[0].phonemes[: 8 - n], *["ZH"] * n]) for n in (5, 0, 2, 8, 1)]
    assert median_trial(trials) is trials[2]


def test_the_example_of_a_split_without_labels_has_the_median_length():
    trial = decoded(labels=False)
    trials = [replace(trial, logits=trial.logits[:n_frames]) for n_frames in (9, 0, 3, 5)]
    assert median_trial(trials) is trials[3]
    assert median_trial(trials[1:2]) is None


words = st.lists(st.sampled_from(["a", "b", "c", "d"]), max_size=8)


@given(words, words)
def test_pieces_spell_both_sides_and_agree_with_the_word_error_rate(said, heard):
    trial = replace(decoded(words=" ".join(heard)), trial=replace(decoded().trial, sentence=" ".join(said)))
    comparison = compare(trial, "word")
    assert " ".join(piece.text for piece in comparison.said).split() == said
    assert " ".join(piece.text for piece in comparison.decoded).split() == heard
    counts = count_word_errors([" ".join(said)], [" ".join(heard)])
    assert (comparison.errors, comparison.length) == (counts.errors[0], len(said))
    lengths = Counter()
    for piece in comparison.said:
        lengths[piece.edit] += len(piece.text.split())
    assert (lengths["replace"], lengths["delete"]) == (counts.substitutions[0], counts.deletions[0])
    inserted = sum(len(piece.text.split()) for piece in comparison.decoded if piece.edit == "insert")
    assert inserted == counts.insertions[0]


def test_phonemes_are_compared_as_they_are():
    trial = decoded(1)
    comparison = compare(trial, "phoneme")
    assert comparison.errors == count_errors([trial.spoken_phonemes], [trial.phonemes]).errors[0]
    assert comparison.rate == comparison.errors / len(trial.spoken_phonemes)
