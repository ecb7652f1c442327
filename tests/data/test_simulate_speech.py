from dataclasses import replace
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neurolect.data.articulation import articulatory_targets
from neurolect.data.simulate_speech import SpeechSimulator
from neurolect.data.simulated_dataset import everyday_sentences
from neurolect.data.simulated_electrodes import Drift
from neurolect.data.simulated_kinematics import N_STATES, speak
from neurolect.data.t15 import ARRAYS, BIN_SECONDS
from neurolect.errors import ConfigError
from neurolect.text.alphabet import ARPABET, PHONEMES
from neurolect.text.lexicon import Lexicon

GATE = 24
SMALL = SpeechSimulator(n_electrodes=32)


@pytest.fixture(scope="module")
def lexicon():
    return Lexicon.english()


@pytest.fixture(scope="module")
def sentences():
    everyday = everyday_sentences()
    return [everyday[index] for index in np.random.default_rng(0).permutation(len(everyday))]


@given(st.lists(st.sampled_from(ARPABET), min_size=1, max_size=12, unique=True), st.integers(0, 2**32))
def test_an_utterance_goes_through_its_phonemes_in_order_between_silences(word, seed):
    utterance = speak([*word, "SIL"], np.random.default_rng(seed))
    runs = utterance.phonemes[np.flatnonzero(np.diff(utterance.phonemes, prepend=-1))]
    assert PHONEMES.decode(runs) == ["SIL", *word, "SIL"]
    assert utterance.states.shape == (len(utterance.phonemes), N_STATES)


def test_a_sentence_of_six_words_takes_four_to_seven_seconds_on_average(lexicon, sentences, rng):
    six = [sentence for sentence in sentences if len(sentence.split()) == 6]
    seconds = [len(speak(lexicon.phonemes(sentence), rng).phonemes) * BIN_SECONDS for sentence in six]
    assert 4 < np.mean(seconds) < 7
    assert min(seconds) > 2


def test_a_faster_speaker_takes_less_time(rng):
    word = ["M", "AA", "N", "SIL"] * 5
    slow, fast = (speak(word, np.random.default_rng(0), speaking_rate=rate) for rate in (0.5, 1.0))
    assert len(fast.phonemes) < len(slow.phonemes)


def test_motor_cortex_leads_the_articulators_by_100_ms(rng):
    utterance = speak(["M", "AA", "M", "SIL"], rng)
    spoken = np.flatnonzero(utterance.phonemes != PHONEMES.silence)[0]
    represented = np.flatnonzero(utterance.states[:, GATE] > 0.5)[0]
    assert spoken - represented == pytest.approx(0.1 / BIN_SECONDS, abs=1)


def test_velocity_is_the_slope_of_position(rng):
    utterance = speak(["B", "AY", "T", "SIL"], rng, speaking_rate=0.2)
    position, velocity = utterance.states[:, :GATE], utterance.states[:, GATE + 1 :]
    smoothing = 0.035 / 0.2
    slope = np.gradient(position, BIN_SECONDS, axis=0) * smoothing * np.sqrt(2 * np.pi)
    np.testing.assert_allclose(velocity[1:-1], slope[1:-1], atol=0.02)


def test_a_phoneme_in_the_middle_of_its_length_is_near_its_target_and_its_neighbours_blend_at_the_edges(rng):
    utterance = speak(["M", "IY", "S", "SIL"], rng)
    lead = round(0.1 / BIN_SECONDS)
    held = np.flatnonzero(utterance.phonemes == PHONEMES.index("IY")) - lead
    target = articulatory_targets("IY")[0]
    middle, edge = (abs(utterance.states[bin_, :GATE] - target).max() for bin_ in (held[len(held) // 2], held[0]))
    assert middle < 0.3 < 0.5 < edge


def test_a_trial_has_the_t15_width_and_the_labels_of_its_sentence(lexicon, sentences):
    (trial,) = SpeechSimulator().day(0).record("sim.2030.01.05", 3, sentences[:1], lexicon)
    assert trial.features.shape == (trial.n_bins, 512)
    assert trial.features.dtype == np.float32
    assert np.isfinite(trial.features).all()
    assert PHONEMES.decode(trial.labels) == lexicon.phonemes(sentences[0])
    assert (trial.session, trial.block, trial.number) == ("sim.2030.01.05", 3, 0)
    assert (trial.sentence, trial.corpus) == (sentences[0], "Simulated")


def test_features_are_z_scored_over_their_block(lexicon, sentences):
    block = np.concatenate([trial.features for trial in SMALL.day(0).record("s", 1, sentences[:10], lexicon)])
    np.testing.assert_allclose(block.mean(axis=0), 0, atol=1e-3)
    np.testing.assert_allclose(block.std(axis=0), 1, atol=1e-3)


def test_the_first_half_of_the_columns_are_counts_and_the_second_half_are_continuous(lexicon, sentences):
    block = np.concatenate([trial.features for trial in SMALL.day(0).record("s", 1, sentences[:10], lexicon)])
    values = [len(np.unique(column)) for column in block.T]
    assert max(values[:32]) < 30
    assert min(values[32:]) > len(block) / 2


def test_the_same_seed_gives_the_same_recordings_and_another_seed_others(lexicon, sentences):
    def first_trial(seed: int) -> np.ndarray:
        return replace(SMALL, seed=seed).day(1).record("s", 1, sentences[:2], lexicon)[0].features

    assert np.array_equal(first_trial(5), first_trial(5))
    assert not np.array_equal(first_trial(5)[:50], first_trial(6)[:50])


def test_blocks_and_days_draw_noise_of_their_own(lexicon, sentences):
    days = list(islice(SMALL.days(), 2))
    recorded = [day.record("s", block, sentences[:1], lexicon)[0].features[:40] for day in days for block in (1, 2)]
    correlations = np.corrcoef([features[:, :32].ravel() for features in recorded])
    assert abs(correlations[np.triu_indices(4, 1)]).max() < 0.3


def test_what_a_day_records_does_not_depend_on_other_days_and_blocks(lexicon, sentences):
    days = list(islice(SMALL.days(), 4))
    days[3].record("s", 1, sentences[20:30], lexicon)
    later = days[3].record("s", 2, sentences[:3], lexicon)
    alone = SMALL.day(3).record("s", 2, sentences[:3], lexicon)
    assert all(np.array_equal(one.features, other.features) for one, other in zip(later, alone, strict=True))


def test_the_utterances_of_a_block_are_those_that_were_recorded(lexicon, sentences):
    day = SMALL.day(0)
    trials = day.record("s", 1, sentences[:5], lexicon)
    utterances = day.utterances(1, [lexicon.phonemes(sentence) for sentence in sentences[:5]])
    assert [trial.n_bins for trial in trials] == [len(utterance.phonemes) for utterance in utterances]


def test_an_empty_block_is_no_trials(lexicon):
    assert SMALL.day(0).record("s", 1, [], lexicon) == []


def test_tuning_correlates_less_the_more_days_lie_between():
    days = list(islice(SpeechSimulator().days(), 21))
    first, *later = (days[index].electrodes.tuning.ravel() for index in (0, 1, 10, 20))
    correlations = [np.corrcoef(first, tuning)[0, 1] for tuning in later]
    assert correlations[0] > 0.95
    assert correlations[0] > correlations[1] + 0.1 > correlations[2] + 0.2


def test_tuning_drift_keeps_the_depth_of_tuning():
    simulator = SpeechSimulator(drift=Drift(tuning=0.5, lost_electrodes=0))
    spreads = [day.electrodes.tuning.std() for day in islice(simulator.days(), 30)]
    assert max(spreads) / min(spreads) < 1.3


def test_without_drift_every_day_is_the_first():
    first, second = islice(SpeechSimulator(drift=Drift(0, 0, 0)).days(), 2)
    assert np.array_equal(first.electrodes.tuning, second.electrodes.tuning)
    assert np.array_equal(first.electrodes.baseline, second.electrodes.baseline)


def test_the_stated_share_of_electrodes_loses_its_neurons_each_day():
    simulator = SpeechSimulator(drift=Drift(tuning=0, baseline=0, lost_electrodes=0.02))
    days = [day.electrodes for day in islice(simulator.days(), 61)]
    changed = [(one.tuning != other.tuning).any(axis=(0, 2)).sum() for one, other in pairwise(days)]
    expected = 60 * 256 * 0.02
    assert sum(changed) == pytest.approx(expected, abs=4 * np.sqrt(expected))
    assert 0 < days[-1].silent.sum() < sum(changed)


def test_an_electrode_without_neurons_has_no_crossings_and_only_noise_in_its_power(lexicon, sentences):
    day = replace(SMALL, drift=Drift(lost_electrodes=0.5)).day(3)
    silent = day.electrodes.silent
    block = np.concatenate([trial.features for trial in day.record("s", 1, sentences[:20], lexicon)])
    crossings, power = block[:, :32], block[:, 32:]
    assert silent.any()
    assert not silent.all()
    assert not crossings[:, silent].any()
    assert crossings[:, ~silent].any(axis=0).all()
    assert (power.std(axis=0) > 0.9).all()


def test_power_and_crossings_of_an_electrode_are_tuned_alike_but_not_the_same():
    crossings, power = SpeechSimulator().day(0).electrodes.tuning
    assert 0.6 < np.corrcoef(crossings.ravel(), power.ravel())[0, 1] < 0.95


def test_area_6v_is_tuned_most_and_55b_least():
    tuning = SpeechSimulator().day(0).electrodes.tuning
    depth = dict(zip(ARRAYS, np.split(tuning, 4, axis=1), strict=True))
    assert np.std(depth["55b"]) < np.std(depth["area 4"]) < np.std(depth["ventral 6v"])
    assert np.std(depth["55b"]) < np.std(depth["dorsal 6v"])


def readout_accuracy(difficulty: float, lexicon: Lexicon, sentences: list[str]) -> tuple[float, float]:
    """Share of held-out speech bins whose phoneme a linear readout of nine bins names, and the best constant guess."""
    day = SpeechSimulator(difficulty=difficulty, n_electrodes=64).day(0)

    def bins(block: int, cues: list[str]) -> tuple[np.ndarray, np.ndarray]:
        utterances = day.utterances(block, [lexicon.phonemes(cue) for cue in cues])
        # Activity leads by five bins; the trial ends in silence.
        phonemes = [np.append(utterance.phonemes[5:], [PHONEMES.silence] * 5) for utterance in utterances]
        contexts = []
        for trial in day.record("s", block, cues, lexicon):
            padded = np.pad(trial.features, ((4, 4), (0, 0)))
            contexts.append(np.concatenate([padded[shift : shift + trial.n_bins] for shift in range(9)], axis=1))
        return np.concatenate(contexts), np.concatenate(phonemes)

    inputs, classes = bins(1, sentences[:80])
    gram = inputs.T @ inputs + 300 * np.eye(inputs.shape[1], dtype=np.float32)
    weights = np.linalg.solve(gram, inputs.T @ np.eye(41, dtype=np.float32)[classes])
    inputs, classes = bins(2, sentences[80:110])
    speech = classes != PHONEMES.silence
    correct = (inputs @ weights).argmax(axis=1)[speech] == classes[speech]
    return correct.mean(), np.bincount(classes[speech]).max() / speech.sum()


def test_a_linear_readout_names_phonemes_above_chance_and_worse_where_it_is_difficult(lexicon, sentences):
    accuracy, chance = readout_accuracy(0.5, lexicon, sentences)
    harder, _ = readout_accuracy(2.0, lexicon, sentences)
    assert accuracy > 3 * chance
    assert harder < accuracy - 0.1


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"seed": -1}, "seed"),
        ({"difficulty": 0.0}, "difficulty"),
        ({"difficulty": float("nan")}, "difficulty"),
        ({"speaking_rate": -1.0}, "speaking_rate"),
        ({"n_electrodes": 30}, "n_electrodes"),
        ({"n_electrodes": 0}, "n_electrodes"),
    ],
)
def test_a_simulator_refuses_settings_out_of_range_by_name(settings, named):
    with pytest.raises(ConfigError, match=named):
        SpeechSimulator(**settings)


@pytest.mark.parametrize(
    "drift",
    [{"tuning": 1.5}, {"baseline": -0.1}, {"lost_electrodes": float("nan")}],
    ids=lambda drift: next(iter(drift)),
)
def test_drift_refuses_settings_out_of_range_by_name(drift):
    with pytest.raises(ConfigError, match=next(iter(drift))):
        Drift(**drift)
