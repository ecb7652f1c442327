from __future__ import annotations

import pytest

from neurolect.decoding.hypothesis_files import write_hypotheses


@pytest.mark.parametrize("name", ["out.jsonl", "out.csv"])
def test_a_folder_in_the_place_of_either_file_is_named_before_anything_is_decoded(name, tmp_path):
    (tmp_path / name).mkdir()

    def decoded():
        pytest.fail("the search began")
        yield []

    with pytest.raises(IsADirectoryError, match="is a folder") as caught:
        write_hypotheses(tmp_path / "out.jsonl", decoded())
    assert caught.value.filename == str(tmp_path / name)
    assert [each.name for each in tmp_path.iterdir()] == [name]
