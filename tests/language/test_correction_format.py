from __future__ import annotations

import pytest

from neurolect.errors import ConfigError, DataError
from neurolect.language.correction_format import CorrectionFormat


def test_only_so_many_candidates_stand_in_the_prompt():
    assert CorrectionFormat(n_best=2).prompt(["i see", "i sea", "eye see"]) == "- i see\n- i sea\nSaid:"


def test_what_is_written_beside_a_model_is_read_again(tmp_path):
    assert not CorrectionFormat.is_in(tmp_path)
    CorrectionFormat(n_best=7, weight=0.3).write(tmp_path)
    assert CorrectionFormat.is_in(tmp_path)
    assert CorrectionFormat.read(tmp_path) == CorrectionFormat(n_best=7, weight=0.3)


def test_a_folder_without_a_corrector_and_a_damaged_file_are_named(tmp_path):
    with pytest.raises(DataError, match="is no corrector that 'neurolect lm corrector' trained"):
        CorrectionFormat.read(tmp_path)
    for content in (
        b"{",
        b"[]",
        b'{"n_best": 5}',
        b'{"n_best": "x", "weight": 1}',
        b'{"n_best": Infinity, "weight": 1}',
        b"\xff",
    ):
        (tmp_path / "corrector.json").write_bytes(content)
        with pytest.raises(DataError, match=r"corrector\.json: is not what"):
            CorrectionFormat.read(tmp_path)


@pytest.mark.parametrize(
    ("content", "named"),
    [
        ('{"n_best": 5, "weight": NaN}', "weight is nan"),
        ('{"n_best": 5, "weight": Infinity}', "weight is inf"),
        ('{"n_best": 0, "weight": 1.0}', "n_best is 0"),
    ],
)
def test_a_file_with_settings_out_of_their_range_is_named(content, named, tmp_path):
    (tmp_path / "corrector.json").write_text(content)
    with pytest.raises(DataError, match=rf"corrector\.json: corrector: {named}, it must be"):
        CorrectionFormat.read(tmp_path)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"n_best": 0}, "n_best is 0"), ({"weight": -1}, "weight is -1"), ({"weight": float("nan")}, "weight is nan")],
)
def test_settings_out_of_their_range_are_refused(settings, named):
    with pytest.raises(ConfigError, match=named):
        CorrectionFormat(**settings)
