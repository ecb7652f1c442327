from __future__ import annotations

from collections import Counter
from dataclasses import replace
from itertools import pairwise

import matplotlib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from matplotlib import pyplot
from matplotlib.figure import Figure
from matplotlib.text import Text
from PIL import Image

from neurolect.data.frames import Patching
from neurolect.data.trial import Trial
from neurolect.decoding.greedy import greedy_decode
from neurolect.decoding.hypotheses import Hypothesis
from neurolect.evaluation.decode import DecodedTrial
from neurolect.evaluation.figure_style import inline_svg
from neurolect.evaluation.figures import (
    confusion_figure,
    emissions,
    example_figure,
    ranked,
    rates_figure,
    save_example_figure,
    search_time_figure,
)
from neurolect.evaluation.scores import Scores
from neurolect.text.alphabet import CHARACTERS, PHONEMES, diphones
from neurolect.text.error_rates import ErrorRate

NAN = float("nan")


def decoded(symbols: list[str], alphabet=PHONEMES, patching: Patching | None = None) -> DecodedTrial:
    """A trial in which each symbol is the best class of one frame, blanks between."""
    patching = patching or Patching()
    classes = [index for symbol in symbols for index in (alphabet.index(symbol), alphabet.blank)]
    logits = np.full((len(classes), len(alphabet)), -4.0, dtype=np.float32)
    logits[np.arange(len(classes)), classes] = 4
    n_bins = patching.stride * max(len(classes) - 1, 0) + patching.size
    trial = Trial("t15.2030.01.01", 3, 7, np.zeros((n_bins, 2), np.float32), sentence="Costs $5 or $6.")
    hypotheses = [Hypothesis(("costs", "five"), -1.0, -1.0, 0.0, 0.0, -2.0)]
    return DecodedTrial(trial, logits, list(symbols), list(symbols), hypotheses, 0.01)


def rate(value: float, half: float = 0.02) -> ErrorRate:
    return ErrorRate(value, max(value - half, 0), value + half, 3, 2, 1, 100, 10)


def scores(n_sessions: int, name: str = "phoneme error rate") -> Scores:
    rates = {f"t15.2030.{day // 28 + 1:02d}.{day % 28 + 1:02d}": rate(0.1 + 0.002 * day) for day in range(n_sessions)}
    return Scores(name, rate(0.12, 0.005), rates)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.findobj(Text)]


def boxes(figure: Figure, artists):
    figure.draw_without_rendering()
    return [artist.get_window_extent() for artist in artists]


@pytest.mark.parametrize("n_sessions", [1, 6, 45])
def test_every_session_is_labelled_and_no_label_covers_another(n_sessions):
    figure = rates_figure([scores(n_sessions), scores(n_sessions, "word error rate")])
    labels = figure.axes[-1].get_xticklabels()
    assert [label.get_text() for label in labels] == list(scores(n_sessions).by_session)
    extents = boxes(figure, labels)
    assert all(left.x1 <= right.x0 for left, right in pairwise(extents))


def test_each_kind_of_error_rate_has_a_panel_of_its_own():
    figure = rates_figure([scores(3), scores(3, "word error rate")])
    assert [axes.get_title("left") for axes in figure.axes] == ["Phoneme error rate (%)", "Word error rate (%)"]


def test_points_and_intervals_stand_at_the_rates_in_per_cent():
    (axes,) = rates_figure([scores(2)]).axes
    points, _, (bars,) = axes.containers[0]
    np.testing.assert_allclose(points.get_ydata(), [10.0, 10.2])
    np.testing.assert_allclose([segment[:, 1] for segment in bars.get_segments()], [[8, 12], [8.2, 12.2]])


def test_a_session_without_a_rate_keeps_its_place():
    broken = scores(3)
    day = list(broken.by_session)[1]
    broken.by_session[day] = ErrorRate(NAN, NAN, NAN, 0, 0, 0, 0, 1)
    (axes,) = rates_figure([broken]).axes
    assert list(axes.containers[0][0].get_xdata()) == [0, 2]
    assert len(axes.get_xticklabels()) == 3


@pytest.mark.filterwarnings("error")
def test_rates_that_are_not_numbers_still_give_a_figure():
    nothing = ErrorRate(NAN, NAN, NAN, 0, 0, 0, 0, 1)
    assert "</svg>" in inline_svg(rates_figure([Scores("word error rate", nothing, {"day": nothing})]), "a", "b")


@given(arrays(np.float32, st.tuples(st.integers(0, 12), st.just(41)), elements=st.floats(-3, 3, width=32)))
def test_emissions_spell_the_greedy_answer_in_order_of_time(logits):
    frames = [frame for frame, _ in emissions(logits, PHONEMES)]
    assert [index for _, index in emissions(logits, PHONEMES)] == greedy_decode(logits, PHONEMES)
    assert frames == sorted(set(frames))


@pytest.mark.parametrize(
    ("patching", "first_centre", "step"),
    [(Patching(14, 4), 0.14, 0.08), (Patching(4, 2), 0.04, 0.04), (Patching(0, 4), 0.01, 0.02)],
)
def test_a_frame_stands_at_the_middle_of_the_bins_it_saw(patching, first_centre, step):
    axes = example_figure(decoded(["AA", "B"], patching=patching), PHONEMES, patching).axes[0]
    left, right, _, _ = axes.images[0].get_extent()
    assert left == pytest.approx(first_centre - step / 2)
    assert right - left == pytest.approx(4 * step)
    emitted = [text for text in axes.texts if text.get_text() in ("AA", "B")]
    np.testing.assert_allclose([text.get_position()[0] for text in emitted], [first_centre, first_centre + 2 * step])


def test_the_image_holds_the_probability_of_each_class():
    trial = decoded(["AA", "B", "SIL"])
    drawn = example_figure(trial, PHONEMES, Patching()).axes[0].images[0].get_array()
    expected = np.exp(trial.logits) / np.exp(trial.logits).sum(axis=1, keepdims=True)
    np.testing.assert_allclose(drawn, expected.T, rtol=1e-5)


def test_classes_that_are_impossible_have_no_probability():
    trial = decoded(["AA"])
    trial.logits[:, 5] = -np.inf
    drawn = example_figure(trial, PHONEMES, Patching()).axes[0].images[0].get_array()
    assert np.all(drawn[5] == 0)
    assert np.isfinite(drawn).all()


def test_emitted_phonemes_never_cover_each_other():
    symbols = [PHONEMES.symbols[1 + number % 40] for number in range(80)]
    figure = example_figure(decoded(symbols), PHONEMES, Patching())
    labels = [text for text in figure.axes[0].texts if text.get_text() in PHONEMES.symbols]
    assert [label.get_text() for label in labels] == symbols
    figure.draw_without_rendering()
    extents = [label.get_window_extent() for label in labels]
    assert not any(a.overlaps(b) for n, a in enumerate(extents) for b in extents[n + 1 :])


def test_a_trial_without_frames_says_so():
    assert any("no frames" in text for text in texts(example_figure(decoded([]), PHONEMES, Patching())))


def test_a_large_alphabet_shows_only_the_most_probable_classes():
    alphabet = diphones()
    figure = example_figure(decoded(["AA-B", "B-SIL"], alphabet), alphabet, Patching())
    labels = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert len(labels) == 60
    assert {"BLANK", "AA-B", "B-SIL"} <= set(labels)


def test_the_space_between_words_has_a_name():
    assert "space" in texts(example_figure(decoded(["a", " ", "b"], CHARACTERS), CHARACTERS, Patching()))


def test_the_titled_example_says_what_was_said_and_decoded():
    (title,) = [
        text for text in texts(example_figure(decoded(["AA"]), PHONEMES, Patching(), titled=True)) if "said" in text
    ]
    assert title.splitlines() == ["said: Costs $5 or $6.", "decoded: costs five", "spoken phonemes: AA"]


@pytest.mark.parametrize("symbols", [["HH", "AH"], []])
def test_the_saved_example_is_an_image_and_nothing_else_is_left(tmp_path, symbols):
    save_example_figure(tmp_path / "figures" / "example.png", decoded(symbols), PHONEMES, Patching())
    (path,) = (tmp_path / "figures").iterdir()
    with Image.open(path) as image:
        assert image.format == "PNG"
        assert image.width == 1500


def test_confusions_are_ranked_by_count_and_then_by_symbol():
    confusions = Counter({("B", "P"): 2, ("", "T"): 2, ("AA", "AO"): 5, ("T", ""): 1})
    assert ranked(confusions) == [(("AA", "AO"), 5), (("", "T"), 2), (("B", "P"), 2), (("T", ""), 1)]


def test_the_confusion_figure_counts_substitutions_insertions_and_deletions():
    axes = confusion_figure(Counter({("B", "P"): 12, ("", "T"): 34, ("T", ""): 56})).axes[0]
    columns = [label.get_text() for label in axes.get_xticklabels()]
    rows = [label.get_text() for label in axes.get_yticklabels()]
    cells = {
        (rows[round(text.get_position()[1])], columns[round(text.get_position()[0])]): text.get_text()
        for text in axes.texts
    }
    assert cells["B", "P"] == "12"
    assert cells["inserted", "T"] == "34"
    assert cells["T", "deleted"] == "56"
    assert cells["P", "B"] == "·"


def test_the_confusion_figure_keeps_to_the_most_frequent_symbols():
    confusions = Counter({(first, "SIL"): 100 - n for n, first in enumerate(PHONEMES.symbols[1:-1])})
    axes = confusion_figure(confusions).axes[0]
    expected = [*sorted([*PHONEMES.symbols[1:12], "SIL"]), "inserted"]
    assert [label.get_text() for label in axes.get_yticklabels()] == expected


@pytest.mark.parametrize("milliseconds", [[0.0], [3.5], [2.0] * 50, list(np.geomspace(0.1, 900, 2_000))])
def test_search_times_of_any_spread_give_a_histogram_with_its_median(milliseconds):
    figure = search_time_figure(milliseconds)
    assert f"median {np.median(milliseconds):.1f} ms" in texts(figure)
    assert sum(bar.get_height() for bar in figure.axes[0].patches) == len(milliseconds)


def test_an_inlined_figure_takes_its_colours_from_the_page_and_keeps_its_identifiers_to_itself():
    svg = inline_svg(search_time_figure([1.0, 2.0]), "times", 'says "hello" <b>')
    assert svg.startswith("<svg ")
    assert "var(--ink" in svg
    assert 'aria-label="says &quot;hello&quot; &lt;b&gt;"' in svg
    assert "http" not in svg
    assert svg.count('id="') == svg.count('id="times-') > 0
    assert svg.count('href="#') == svg.count('href="#times-') > 0


@settings(max_examples=10, deadline=None)
@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), max_size=20))
def test_any_session_name_stays_text_in_the_figure(session):
    svg = inline_svg(rates_figure([replace(scores(0), by_session={f"<script>{session}": rate(0.1)})]), "rates", session)
    assert "<script" not in svg


def test_figures_leave_the_settings_of_matplotlib_alone():
    before = dict(matplotlib.rcParams)
    inline_svg(rates_figure([scores(2)]), "rates", "")
    assert dict(matplotlib.rcParams) == before


def test_a_personal_matplotlibrc_changes_nothing():
    expected = inline_svg(rates_figure([scores(2)]), "rates", "")
    with matplotlib.rc_context({"font.size": 30, "axes.grid": True, "svg.fonttype": "path"}):
        assert inline_svg(rates_figure([scores(2)]), "rates", "") == expected


def test_figures_are_unknown_to_pyplot():
    rates_figure([scores(2)])
    assert pyplot.get_fignums() == []
