"""The block table: which corpus each block of a session was read from."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, replace
from pathlib import Path

from neurolect.data.files import written_atomically
from neurolect.data.trial import Trial
from neurolect.errors import DataError

HEADER = ("Date", "Post-implant day", "Block number", "Number of sentences", "Corpus", "Split")


@dataclass(frozen=True)
class Block:
    """One row of the table; `split` is `Train` or `Val/Test`, `date` is `YYYY-MM-DD`."""

    date: str
    post_implant_day: int
    block: int
    n_sentences: int
    corpus: str
    split: str


def read_block_table(path: Path | str) -> list[Block]:
    """Read a CSV such as `t15_copyTaskData_description.csv`.

    Raises:
        DataError: the file is missing, has another header or a row that does not fit; names the line.
    """
    path = Path(path)
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except OSError as error:
        raise DataError(f"{path}: cannot read the block table: {error.strerror}") from None
    except (UnicodeDecodeError, csv.Error):
        raise DataError(f"{path}: the block table is not a CSV text file") from None
    if not rows or tuple(rows[0]) != HEADER:
        raise DataError(f"{path}: line 1: the block table's header must be {','.join(HEADER)}")
    blocks = []
    for line, row in enumerate(rows[1:], start=2):
        try:
            date, day, block, n_sentences, corpus, split = row
            blocks.append(Block(date, int(day), int(block), int(n_sentences), corpus, split))
        except ValueError:
            raise DataError(f"{path}: line {line}: expected {','.join(HEADER)}, got {','.join(row)}") from None
    return blocks


def write_block_table(path: Path | str, blocks: Sequence[Block]) -> None:
    """Write the table with its header."""
    with written_atomically(Path(path)) as partial, partial.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(HEADER)
        writer.writerows(astuple(block) for block in blocks)


class BlockTable:
    """Looks blocks up by session and block number; a session is `<participant>.YYYY.MM.DD`."""

    def __init__(self, blocks: Sequence[Block]) -> None:
        self._blocks = {(block.date, block.block): block for block in blocks}

    def __len__(self) -> int:
        return len(self._blocks)

    @classmethod
    def near(cls, root: Path) -> BlockTable:
        """The table beside a dataset, or an empty one: the first CSV with the right header in `root` or above it."""
        for folder in (root, root.parent):
            for path in sorted(folder.glob("*.csv")):
                with path.open(encoding="utf-8-sig", errors="replace") as file:
                    if file.readline().strip() == ",".join(HEADER):
                        return cls(read_block_table(path))
        return cls([])

    def find(self, session: str, block: int) -> Block | None:
        """The block, or None where the table does not list it."""
        return self._blocks.get(("-".join(session.split(".")[-3:]), block))

    def with_corpus(self, trial: Trial) -> Trial:
        """The trial with its corpus filled in, if the table knows it."""
        block = self.find(trial.session, trial.block)
        return replace(trial, corpus=block.corpus) if block else trial
