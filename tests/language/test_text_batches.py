from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from neurolect.language.text_batches import n_in_tree, n_padded, padded_batch, tree_batch

texts = st.lists(st.lists(st.integers(0, 3), min_size=2, max_size=6), min_size=1, max_size=8)


def seen_from(batch, place):
    """The tokens that one token of a tree sees, itself included, by their positions in the text."""
    visible = batch.visible[place].nonzero()[:, 0].tolist()
    return [batch.tokens[0, node].item() for node in sorted(visible, key=lambda node: batch.positions[0, node])]


@given(texts)
def test_in_a_tree_every_target_follows_its_own_text_and_no_other(texts):
    batch = tree_batch(texts)
    expected = [(text[:n], text[n]) for text in texts for n in range(1, len(text))]
    found = [
        (seen_from(batch, place), target) for place, target in zip(batch.places, batch.targets.tolist(), strict=True)
    ]
    assert found == expected


@given(texts)
def test_a_tree_holds_every_beginning_once(texts):
    batch = tree_batch(texts)
    assert batch.tokens.shape[1] == len({tuple(text[:n]) for text in texts for n in range(1, len(text))})
    assert batch.lengths == tuple(len(text) - 1 for text in texts)


@given(texts)
def test_padding_comes_last_and_is_no_target(texts):
    batch = padded_batch(texts, filler=9)
    flat = batch.tokens.flatten()
    expected = [(text[n - 1], text[n]) for text in texts for n in range(1, len(text))]
    assert list(zip(flat[batch.places].tolist(), batch.targets.tolist(), strict=True)) == expected
    for row, text in zip(batch.tokens.tolist(), texts, strict=True):
        assert row == text[:-1] + [9] * (len(row) - len(text) + 1)


@given(texts, st.integers(1, 30))
def test_batches_hold_as_many_texts_as_they_may_and_at_least_one(texts, tokens_at_once):
    by_length = sorted(texts, key=len, reverse=True)
    n_texts = n_padded(by_length, tokens_at_once)
    assert 1 <= n_texts <= len(texts)
    assert n_texts == 1 or padded_batch(by_length[:n_texts], 0).tokens.numel() <= tokens_at_once
    in_order = sorted(texts)
    n_texts = n_in_tree(in_order, tokens_at_once)
    assert n_texts == 1 or tree_batch(in_order[:n_texts]).tokens.numel() <= tokens_at_once
    if n_texts < len(texts):
        assert tree_batch(in_order[: n_texts + 1]).tokens.numel() > tokens_at_once
