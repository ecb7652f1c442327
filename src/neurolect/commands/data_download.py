"""`neurolect data download`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from rich.table import Table

    from neurolect.data.remote_file import RemoteFile


def data_download(
    dataset: Literal["t15", "duin"],
    to: Path = Path("data"),
    files: list[str] | str | None = None,
    subjects: list[str] | None = None,
    list: bool = False,
    keep_zip: bool = True,
    retries: int = 5,
    base_url: str | None = None,
) -> None:
    """Fetch a public dataset.

    A broken or killed download continues where it stopped when the command is run again. Every file is checked
    against its published checksum, and zip archives are unpacked. What is complete already is not fetched again.
    Where the host asks for a token, put one into the environment variable DRYAD_TOKEN or, for duin, HF_TOKEN.

    Args:
        dataset: which dataset.
        to: folder for the files.
        files: names of the files to fetch; all but the very large language models by default.
        subjects: of duin, fetch only the files of these subjects, such as '001'.
        list: only list the files.
        keep_zip: keep zip archives once they are unpacked.
        retries: how many failures in a row, each without a new byte, are forgiven.
        base_url: a mirror with the API of the dataset's host, Dryad for t15 and Hugging Face for duin.

    Examples:
        neurolect data download t15 --to data --list
        neurolect data download t15 --to data
        neurolect data download t15 --to data --files '[t15_copyTask_neuralData.zip, languageModel.tar.gz]'
        neurolect data download duin --to data/duin --subjects '["001", "002"]'
    """
    import os

    from neurolect.commands.download_bars import download_bars
    from neurolect.commands.plain_console import plain_console
    from neurolect.data.public_datasets import DATASETS, bytes_missing, extra_files, fetch_files, select_files

    console = plain_console()
    names = [files] if isinstance(files, str) else files
    selected = select_files(dataset, names, subjects, base_url=base_url, retries=retries)
    extras = extra_files(dataset, base_url=base_url, retries=retries) if list and names is None else []
    console.print(DATASETS[dataset].title)
    console.print(_table(selected, [bytes_missing(dataset, file, to) for file in selected], extras))
    if list:
        return
    with download_bars(console) as bars:
        paths = fetch_files(
            dataset,
            selected,
            to,
            base_url=base_url,
            token=os.environ.get(DATASETS[dataset].token_variable),
            keep_zip=keep_zip,
            retries=retries,
            progress=lambda file, n_bytes: bars.show(file.path, file.size, n_bytes),
        )
    console.print("complete: " + ", ".join(map(str, paths)), soft_wrap=True)


def _table(files: Sequence[RemoteFile], missing: Sequence[int], extras: Sequence[RemoteFile]) -> Table:
    from rich.filesize import decimal
    from rich.table import Table

    table = Table(show_footer=True)
    table.add_column("file", footer="total", overflow="fold")
    table.add_column("size", footer=decimal(sum(file.size for file in files)), justify="right")
    table.add_column("to fetch", footer=decimal(sum(missing)), justify="right")
    for file, n_bytes in zip(files, missing, strict=True):
        table.add_row(file.path, decimal(file.size), decimal(n_bytes) if n_bytes else "is here")
    for file in extras:
        table.add_row(file.path, decimal(file.size), "only when named")
    return table
