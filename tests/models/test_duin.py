"""What the Du-IN models promise beside what every model does."""

from __future__ import annotations

import copy

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from neurolect.models.duin.classifier import DuINClassifier
from neurolect.models.duin.encoder import DuINEncoder
from neurolect.models.duin.mae import DuINMAE, random_mask
from neurolect.models.duin.regression_heads import (
    RegressionHead,
    SubjectRegressionHeads,
    can_be_united,
    transposed_convolution,
)
from neurolect.models.duin.settings import DecoderSettings, EncoderSettings, QuantiserSettings
from neurolect.models.duin.subject_tokenizers import SubjectTokenizers
from neurolect.models.duin.tokenizer import PatchTokenizer
from neurolect.models.duin.vqvae import DuINVQVAE

SMALL = EncoderSettings(
    patch_size=10, subject_width=4, filters=(6, 6, 4), kernels=(5, 3, 3), strides=(5, 1, 1), n_blocks=2, n_heads=2,
    head_width=4, attention_dropout=0.0, dropout=0.0,
)  # fmt: skip
EACH = EncoderSettings(subject_tokenizers=True)
FROZEN_IN_A_BLOCK = 1
"""The reference keeps the scale of attention as a parameter of each block."""


def n_elements(model: torch.nn.Module) -> int:
    return sum(tensor.numel() for tensor in model.parameters())


def quantiser_size(n_codes: int) -> int:
    layers = 160 * 160 + 160 + 160 * 64 + 64 + 64 + 64 + 64 * 160 + 160
    return layers + n_codes * 64 + n_codes + 1


@pytest.mark.parametrize(
    ("model", "beside", "published"),
    [
        # Beside our parameters: codebook, counts and flag; table of times; a scale per block.
        (lambda: DuINVQVAE(10, 1, 4000), 2048 * 65 + 1 + 6400 + 12, 5_940_919),
        (lambda: DuINMAE(10, 1, 4000), 6400 + 8, 3_896_712),
        (lambda: DuINClassifier(10, 1, 3000), quantiser_size(2048) + 10_305 + 4800 + 8, 4_377_639),
        (lambda: DuINVQVAE(10, 1, 4000, EACH, QuantiserSettings(n_codes=1024)), 1024 * 65 + 1 + 6400 + 12, 5_766_087),
        (lambda: DuINVQVAE(10, 12, 4000, EACH, QuantiserSettings(n_codes=1024)), 1024 * 65 + 1 + 6400 + 12, 10_701_765),
        (lambda: DuINMAE(10, 12, 4000, 1024, EACH), 6400 + 8, 4_601_832),
        (lambda: DuINClassifier(10, 1, 3000, encoder=EACH), quantiser_size(1024) + 10_305 + 4800 + 8, 4_296_311),
        (lambda: DuINClassifier(10, 12, 3000, encoder=EACH), quantiser_size(1024) + 10_305 + 4800 + 8, 5_181_063),
    ],
)
def test_models_have_the_published_sizes_with_what_the_reference_counts_beside(model, beside, published):
    with torch.device("meta"):
        assert n_elements(model()) + beside == published


def test_each_subject_has_a_mixture_of_channels_of_its_own():
    encoder = DuINEncoder(3, 2, 40, SMALL).eval()
    signals = torch.randn(1, 40, 3).expand(2, -1, -1)
    first, second = encoder.tokenize(signals, torch.tensor([0, 1]))
    assert not torch.allclose(first, second)
    with torch.no_grad():
        encoder.subject_layer.weight[1] = encoder.subject_layer.weight[0]
    first, second = encoder.tokenize(signals, torch.tensor([0, 1]))
    assert torch.allclose(first, second)


@pytest.mark.parametrize("subject_tokenizers", [False, True])
def test_importance_tells_which_channels_each_subject_uses(subject_tokenizers):
    encoder = DuINEncoder(3, 2, 40, EncoderSettings(**{**vars(SMALL), "subject_tokenizers": subject_tokenizers}))
    with torch.no_grad():
        for subject, channel in ((0, 2), (1, 0)):
            if subject_tokenizers:
                encoder.tokenizers.subjects[subject].convolutions[0].weight[:, channel] += 5
            else:
                encoder.subject_layer.weight[subject, channel] += 5
    importance = encoder.channel_importance()
    assert importance.shape == (2, 3)
    assert importance.argmax(dim=1).tolist() == [2, 0]


def test_patches_do_not_see_each_other_before_the_transformer():
    encoder = DuINEncoder(3, 1, 40, SMALL).eval()
    signals, subjects = torch.randn(1, 40, 3), torch.zeros(1, dtype=torch.int64)
    changed = signals.clone()
    changed[:, 20:30] += 1
    differs = (encoder.tokenize(signals, subjects) != encoder.tokenize(changed, subjects)).any(dim=2)
    assert differs.tolist() == [[False, False, True, False]]
    differs = (encoder(signals, subjects) != encoder(changed, subjects)).any(dim=2)
    assert differs.all()


def test_a_token_is_guessed_without_its_own_patch():
    model = DuINMAE(3, 1, 40, 7, SMALL).eval()
    signals, subjects = torch.randn(1, 40, 3), torch.zeros(1, dtype=torch.int64)
    masked = torch.tensor([[True, False, True, False]])
    changed = signals.clone()
    changed[:, 20:30] += 1
    before, after = model(signals, subjects, masked), model(changed, subjects, masked)
    # Patch 2 is masked with patch 0: those two are guessed from the others.
    assert (before == after).all(dim=2).tolist() == [[True, False, True, False]]


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 5), st.integers(1, 30), st.floats(0, 1), st.integers(0, 99))
def test_every_row_masks_the_same_number_of_tokens(batch, n_tokens, ratio, seed):
    masked = random_mask(batch, n_tokens, ratio, torch.Generator().manual_seed(seed))
    assert masked.shape == (batch, n_tokens)
    assert masked.sum(1).tolist() == [n_tokens - int(n_tokens * (1 - ratio))] * batch
    assert torch.equal(masked, random_mask(batch, n_tokens, ratio, torch.Generator().manual_seed(seed)))


class TestATokenizerPerSubject:
    signals = torch.randn(7, 40, 3, generator=torch.Generator().manual_seed(1))
    subjects = torch.tensor([2, 0, 2, 2, 0, 0, 2])

    def tokenizers(self) -> SubjectTokenizers:
        torch.manual_seed(2)
        return SubjectTokenizers(4, 3, SMALL)

    def alone(self, tokenizer: PatchTokenizer, subject: int) -> torch.Tensor:
        return tokenizer(self.signals[self.subjects == subject])

    @pytest.mark.parametrize("training", [True, False])
    def test_gives_each_subject_what_its_own_tokenizer_gives_with_statistics_of_its_own(self, training):
        together, apart = self.tokenizers().train(training), self.tokenizers().train(training)
        tokens = together(self.signals, self.subjects)
        for subject in (0, 2):
            expected = self.alone(apart.subjects[subject], subject)
            assert torch.allclose(tokens[self.subjects == subject], expected, atol=1e-5)
        for name, value in apart.state_dict().items():
            assert torch.allclose(together.state_dict()[name], value, atol=1e-5), name

    def test_gives_each_subject_its_own_gradients(self):
        together, apart = self.tokenizers(), self.tokenizers()
        (together(self.signals, self.subjects) ** 3).sum().backward()
        for subject in (0, 2):
            (self.alone(apart.subjects[subject], subject) ** 3).sum().backward()
        theirs = dict(apart.named_parameters())
        for name, parameter in together.named_parameters():
            if theirs[name].grad is None:
                assert not parameter.grad.any()
            else:
                assert torch.allclose(parameter.grad, theirs[name].grad, rtol=1e-3, atol=1e-3), name

    def test_leaves_the_statistics_of_absent_subjects_as_they_are(self):
        tokenizers = self.tokenizers()
        before = copy.deepcopy(tokenizers.subjects[1].state_dict())
        tokenizers(self.signals, self.subjects)
        assert all(torch.equal(value, before[name]) for name, value in tokenizers.subjects[1].state_dict().items())
        assert tokenizers.subjects[2].norms[0].num_batches_tracked == 1


def test_a_regression_head_per_subject_gives_each_row_what_its_own_head_gives():
    torch.manual_seed(3)
    heads = SubjectRegressionHeads(3, 5, SMALL, DecoderSettings(filters=(6, 4), kernels=(3, 7), strides=(1, 5)))
    tokens, subjects = torch.randn(4, 6, SMALL.width), torch.tensor([2, 0, 0, 2])
    signals = heads(tokens, subjects)
    assert signals.shape == (4, 60, 5)
    for row, subject in enumerate(subjects):
        alone = heads.subjects[subject](tokens[row].reshape(1, -1, SMALL.filters[-1]))
        assert torch.allclose(signals[row], alone[0], atol=1e-5)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(0, 12), st.integers(1, 9))
def test_a_transposed_convolution_gives_stride_times_as_many_samples(stride, overlap, length):
    if stride == 1 and overlap % 2:
        with pytest.raises(ValueError, match="must be odd"):
            transposed_convolution(2, 3, stride + overlap, stride)
        return
    convolution = transposed_convolution(2, 3, stride + overlap, stride)
    assert convolution(torch.zeros(1, 2, length)).shape == (1, 3, length * stride)


@settings(max_examples=20, deadline=None)
@given(st.integers(2, 5), st.sampled_from([1, 3, 5]), st.integers(1, 6))
def test_a_regression_head_is_its_convolutions_one_after_the_other(stride, kernel, length):
    head = RegressionHead(3, 2, (4, 5, 4), (stride, kernel, stride + 1), (stride, 1, stride))
    assert can_be_united(*head.convolutions[:2])
    positions = torch.randn(2, length, 3)
    expected = positions.transpose(1, 2)
    for convolution in head.convolutions:
        expected = convolution(expected)
    assert torch.allclose(head(positions), head.out(expected.transpose(1, 2)), atol=1e-5)


def test_codes_are_those_that_the_autoencoder_uses_in_evaluation():
    torch.manual_seed(4)
    decoder = DecoderSettings(n_blocks=1, filters=(6, 4), kernels=(3, 12), strides=(1, 10))
    model = DuINVQVAE(3, 2, 40, SMALL, QuantiserSettings(n_codes=16, code_width=4), decoder)
    signals, subjects = torch.randn(6, 40, 3), torch.arange(6) % 2
    model.train()(signals, subjects)
    model.eval()
    before = copy.deepcopy(model.state_dict())
    codes = model.codes(signals, subjects)
    assert torch.equal(codes, model(signals, subjects).codes)
    assert not codes.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
