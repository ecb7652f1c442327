from itertools import pairwise

import numpy as np
import pytest
from scipy.signal import butter, sosfiltfilt, welch

from neurolect.data.seeg.mandarin import mandarin_words
from neurolect.data.seeg.simulate import SeegSimulator, Session
from neurolect.data.seeg.simulated_implant import OTHER, STG, VSMC
from neurolect.data.seeg.simulated_words import GATE, TICKS_PER_SECOND
from neurolect.errors import ConfigError

WORDS = mandarin_words()
RATE = 1000
LEAD_TICKS = {VSMC: 10, STG: -10}


@pytest.fixture(scope="module")
def subject():
    return SeegSimulator().subject(0)


@pytest.fixture(scope="module")
def run(subject):
    return subject.word_run(0, WORDS, 1)


@pytest.fixture(scope="module")
def high_gamma(subject, run):
    """Logarithm of high-gamma power in bins of 100 ms, by region of the channel."""
    pairs = subject.implant.chosen_pairs(14)
    power = {region: [] for region in (VSMC, STG, OTHER)}
    for pair, signal in zip(pairs, run.bipolar(pairs), strict=True):
        power[subject.implant.region_of(pair)].append((pair, log_power(signal)))
    return power


def log_power(signal: np.ndarray) -> np.ndarray:
    band = sosfiltfilt(butter(4, (70, 150), "bandpass", fs=RATE, output="sos"), signal)
    return np.log((band[: len(band) // 100 * 100].reshape(-1, 100) ** 2).mean(axis=1))


def in_bins(states: np.ndarray, lead: int, n_bins: int) -> np.ndarray:
    """States (ticks, …) as a region that leads by so many ticks sees them, averaged over 100 ms."""
    led = np.roll(states, -lead, axis=0)
    return led[: n_bins * 10].reshape(n_bins, 10, *led.shape[1:]).mean(axis=1)


def test_an_implant_has_the_shafts_and_contacts_of_real_ones():
    implants = [SeegSimulator(seed=seed).subject(index).implant for seed in range(10) for index in range(2)]
    for implant in implants:
        assert 7 <= len({contact.shaft for contact in implant.contacts}) <= 13
        assert 72 <= len(implant.contacts) <= 158
        assert len({contact.name for contact in implant.contacts}) == len(implant.contacts)
        tuned = [contact for contact in implant.contacts if contact.tuning.any()]
        assert [contact.region for contact in tuned].count(VSMC) == 4
        assert [contact.region for contact in tuned].count(STG) == 3
        assert all(contact.region != OTHER for contact in tuned)
    assert len({len(implant.contacts) for implant in implants}) > 5


def test_channels_are_differences_of_neighbours_on_one_shaft(subject):
    contacts = subject.implant.contacts
    for first, second in subject.implant.bipolar_pairs:
        assert contacts[first].shaft == contacts[second].shaft
        assert contacts[second].number == contacts[first].number + 1


@pytest.mark.parametrize("n_channels", [1, 5, 9, 10, 30, 1000])
def test_channels_of_speech_cortex_are_chosen_first(subject, n_channels):
    implant = subject.implant
    chosen = implant.chosen_pairs(n_channels)
    speech = [pair for pair in implant.bipolar_pairs if implant.region_of(pair) != OTHER]
    assert len(set(chosen)) == len(chosen) == min(n_channels, len(implant.bipolar_pairs))
    assert chosen == sorted(chosen)
    assert len(set(chosen) & set(speech)) == min(n_channels, len(speech))


def test_a_run_says_every_word_in_rounds_and_leaves_room_for_epochs(subject):
    speaking = subject.word_run(3, WORDS[:9], 4).speaking
    rounds = [speaking.words[start : start + 9] for start in range(0, 36, 9)]
    assert all(sorted(each) == sorted(word.word for word in WORDS[:9]) for each in rounds)
    assert rounds[0] != rounds[1]
    assert min(later - earlier for earlier, later in pairwise(speaking.onsets)) > 3
    assert speaking.onsets[0] > 0.5
    assert speaking.onsets[-1] + 2.5 < speaking.seconds


def test_two_syllables_take_between_three_and_twelve_tenths_of_a_second(run):
    spoken = run.speaking.states[:, GATE] > 0.5
    seconds = np.diff(np.flatnonzero(np.diff(spoken, prepend=False, append=False))).astype(float)[::2] / 100
    assert len(seconds) == len(WORDS)
    assert 0.3 < seconds.min() < seconds.max() < 1.2


def test_repetitions_of_a_word_differ_in_length(subject):
    states = subject.word_run(0, WORDS[:1], 8).speaking.states
    spoken = states[:, GATE] > 0.5
    lengths = np.diff(np.flatnonzero(np.diff(spoken, prepend=False, append=False)))[::2]
    assert len(set(lengths.tolist())) > 3


def test_a_recording_without_labels_holds_talk_and_rest(subject):
    speaking = subject.recording(0, WORDS, 300.0).speaking
    talks = (speaking.states[:, GATE] > 0.5).mean()
    pauses = np.diff(np.flatnonzero(np.append(True, speaking.states[:, GATE] > 0.5))) / TICKS_PER_SECOND
    assert speaking.words == []
    assert 0.2 < talks < 0.8
    assert pauses.max() > 5


def test_background_falls_with_the_square_of_frequency(subject):
    (signal,) = subject.recording(0, WORDS, 120.0).potentials([3])
    hz, power = welch(signal, RATE, nperseg=4096)
    band = (hz > 1) & (hz < 11)
    slope = np.polyfit(np.log(hz[band]), np.log(power[band]), 1)[0]
    assert -2.6 < slope < -1.6


def test_the_mains_stand_out_at_50_hz_and_less_so_after_bipolar_referencing(subject):
    session = subject.recording(0, WORDS, 60.0)
    pair = subject.implant.bipolar_pairs[2]

    def mains(signal: np.ndarray) -> tuple[float, float]:
        hz, power = welch(signal, RATE, nperseg=1000)
        return power[hz == 50][0], np.median(power[(hz > 40) & (hz < 60)])

    (contact,), (channel,) = session.potentials([pair[0]]), session.bipolar([pair])
    assert mains(contact)[0] > 100 * mains(contact)[1]
    assert mains(channel)[0] > 3 * mains(channel)[1]
    assert mains(contact)[0] > 10 * mains(channel)[0]


def test_neighbours_on_a_shaft_share_more_than_distant_contacts_do(subject):
    signals = np.array(list(subject.recording(1, WORDS, 60.0).potentials(range(8))))
    shared = np.corrcoef(np.diff(signals, axis=1) - np.diff(signals, axis=1).mean(axis=0))
    assert np.diag(shared, 1).mean() > np.diag(shared, 5).mean() + 0.1


def test_high_gamma_follows_the_articulation_on_tuned_channels(subject, run, high_gamma):
    contacts = subject.implant.contacts
    followed = []
    for region in (VSMC, STG):
        for pair, power in high_gamma[region]:
            drives = np.stack([run.speaking.states @ contacts[index].tuning for index in pair], axis=1)
            expected = in_bins(np.log(np.exp(2 * drives).mean(axis=1)), LEAD_TICKS[region], len(power))
            followed.append(np.corrcoef(expected, power)[0, 1])
    assert len(followed) == 9
    assert min(followed) > 0.2
    assert np.mean(followed) > 0.4


def test_motor_cortex_is_ahead_of_the_articulation_and_auditory_cortex_behind(subject, run):
    for region, lead in LEAD_TICKS.items():
        index = next(index for index, each in enumerate(subject.implant.contacts) if each.region == region)
        (signal,) = run.potentials([index])
        power = log_power(signal)
        drive = run.speaking.states @ subject.implant.contacts[index].tuning
        correlations = {at: np.corrcoef(in_bins(drive, at, len(power)), power)[0, 1] for at in range(-40, 41, 5)}
        assert abs(max(correlations, key=lambda at: correlations[at]) - lead) <= 5


def test_nothing_on_other_channels_follows_the_articulation(run, high_gamma):
    for pair, power in high_gamma[OTHER]:
        states = in_bins(run.speaking.states, 0, len(power))
        correlations = [np.corrcoef(state, power)[0, 1] for state in states.T if state.std() > 0]
        # Speech is slow, so that a few hundred of the bins are independent.
        assert np.abs(correlations).max() < 0.16, pair


def test_beta_is_weaker_in_speech_on_tuned_channels_alone(subject, run):
    pairs = subject.implant.chosen_pairs(13)
    spoken = in_bins(run.speaking.states[:, GATE], 0, run.n_samples // 100) > 0.8
    for pair, signal in zip(pairs, run.bipolar(pairs), strict=True):
        beta = sosfiltfilt(butter(4, (15, 28), "bandpass", fs=RATE, output="sos"), signal)
        power = np.log((beta[: len(spoken) * 100].reshape(-1, 100) ** 2).mean(axis=1))
        fall = power[~spoken].mean() - power[spoken].mean()
        assert (fall > 0.15) == (subject.implant.region_of(pair) != OTHER)


def features(session: Session, pairs: list[tuple[int, int]]) -> np.ndarray:
    """Logarithm of high-gamma power of each trial, (trials, bins × channels)."""
    starts = [round(onset * RATE) - 500 for onset in session.speaking.onsets]
    trials = [[log_power(signal[start : start + 3000]) for start in starts] for signal in session.bipolar(pairs)]
    return np.moveaxis(np.array(trials), 0, 1).reshape(len(starts), -1)


def named_right(difficulty: float, in_speech_cortex: bool) -> float:
    """Share of 32 held-out trials of eight words that a ridge regression on high gamma names."""
    subject = SeegSimulator(difficulty=difficulty).subject(0)
    pairs = [
        each
        for each in subject.implant.chosen_pairs(18)
        if (subject.implant.region_of(each) != OTHER) == in_speech_cortex
    ]
    runs = [subject.word_run(number, WORDS[:8], 8) for number in range(2)]
    (inputs, words), (held_out, said) = (
        (features(each, pairs), np.unique(each.speaking.words, return_inverse=True)[1]) for each in runs
    )
    mean, std = inputs.mean(axis=0), inputs.std(axis=0)
    inputs, held_out = ((each - mean) / std for each in (inputs, held_out))
    weights = np.linalg.solve(inputs.T @ inputs + 300 * np.eye(inputs.shape[1]), inputs.T @ np.eye(8)[words])
    return float(((held_out @ weights).argmax(axis=1) == said).mean())


def test_a_linear_readout_names_words_from_speech_cortex_worse_where_it_is_difficult_and_from_elsewhere_never():
    easy, hard = (named_right(difficulty, in_speech_cortex=True) for difficulty in (1.0, 4.0))
    assert easy > 0.5
    assert hard < easy - 0.1
    # 64 guesses among eight words: four standard deviations above chance.
    assert named_right(0.5, in_speech_cortex=False) < 1 / 8 + 4 * np.sqrt(7 / 8 / 8 / 64)


def test_the_same_seed_gives_the_same_signals_and_another_seed_or_session_others(subject, run):
    pair = subject.implant.bipolar_pairs[10]

    def channel(session: Session) -> np.ndarray:
        return next(session.bipolar([pair]))[:60_000]

    again = SeegSimulator().subject(0)
    assert np.array_equal(channel(run), channel(again.word_run(0, WORDS, 1)))
    for other in (again.word_run(1, WORDS, 1), again.recording(0, WORDS, 100.0)):
        assert abs(np.corrcoef(np.diff(channel(run)), np.diff(channel(other)))[0, 1]) < 0.1
    assert SeegSimulator(seed=1).subject(0).implant.contacts[0].position != subject.implant.contacts[0].position


def test_a_channel_is_the_same_whatever_others_are_made(subject):
    session = subject.recording(0, WORDS, 20.0)
    pairs = subject.implant.bipolar_pairs
    together = list(session.bipolar(pairs[:30]))
    for index in (0, 7, 29):
        assert np.array_equal(together[index], next(session.bipolar([pairs[index]])))


def test_gains_drift_slowly_from_run_to_run(subject):
    spreads = [next(subject.word_run(number, WORDS[:3], 1).potentials([0])).std() for number in range(6)]
    assert 1 < max(spreads) / min(spreads) < 3


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"seed": -1}, "seed"),
        ({"difficulty": 0.0}, "difficulty"),
        ({"difficulty": float("nan")}, "difficulty"),
        ({"speaking_rate": -1.0}, "speaking_rate"),
        ({"sample_rate": 250.0}, "sample_rate"),
    ],
)
def test_a_simulator_refuses_settings_out_of_range_by_name(settings, named):
    with pytest.raises(ConfigError, match=named):
        SeegSimulator(**settings)
