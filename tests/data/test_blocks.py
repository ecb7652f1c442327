from __future__ import annotations

import pytest

from conftest import make_trial
from neurolect.data.blocks import Block, BlockTable, read_block_table, write_block_table
from neurolect.errors import DataError

BLOCKS = [Block("2023-08-11", 25, 2, 20, "50-Word", "Train"), Block("2023-08-13", 27, 8, 49, "Switchboard", "Val/Test")]


def test_the_table_is_read_as_it_was_written_and_names_a_trials_corpus(tmp_path, rng):
    write_block_table(tmp_path / "blocks.csv", BLOCKS)
    assert read_block_table(tmp_path / "blocks.csv") == BLOCKS
    (tmp_path / "hdf5_data_final").mkdir()
    table = BlockTable.near(tmp_path / "hdf5_data_final")
    assert table.find("t15.2023.08.13", 8) == BLOCKS[1]
    assert table.find("t15.2023.08.13", 9) is None
    assert table.with_corpus(make_trial(rng, session="t15.2023.08.13")).corpus is None


def test_a_dataset_without_a_table_has_no_corpora(tmp_path):
    assert len(BlockTable.near(tmp_path)) == 0


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("date,block\n", "line 1: the block table's header"),
        (
            "Date,Post-implant day,Block number,Number of sentences,Corpus,Split\n2023-08-11,x,2,20,50-Word,Train\n",
            "line 2",
        ),
    ],
)
def test_faulty_tables_are_named_with_their_line(tmp_path, content, complaint):
    (tmp_path / "blocks.csv").write_text(content)
    with pytest.raises(DataError, match=complaint):
        read_block_table(tmp_path / "blocks.csv")


def test_a_missing_table_is_named(tmp_path):
    with pytest.raises(DataError, match=r"blocks\.csv: cannot read"):
        read_block_table(tmp_path / "blocks.csv")
