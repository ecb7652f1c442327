"""`neurolect lm download`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from neurolect.language.ngram_target import Bits


def lm_download(
    model: Literal[
        "reference_1gram",
        "reference_3gram",
        "reference_5gram",
        "lab_5gram",
        "lab_5gram_pruned",
        "librispeech_3gram",
        "librispeech_4gram",
    ],
    to: Path = Path("models"),
    form: Literal["graph", "store", "unpruned_store"] = "graph",
    keep_archive: bool = False,
    bits: Bits = 32,
    retries: int = 5,
    base_url: str | None = None,
) -> None:
    """Fetch a public n-gram model and make it ready to search with.

    reference_1gram    TLG.fst of the brain-to-text reference, from its repository: under 100 MB
    reference_3gram    TLG.fst, from Dryad: fetches 14 GB; the reference's decoder holds it in 60 GB of memory
    reference_5gram    TLG.fst, from Dryad: fetches 38 GB, keeps 42 GB; the reference's decoder takes 300 GB of memory
    lab_5gram          the reference lab's newer model, from Hugging Face: fetches 50 GB
    lab_5gram_pruned   the same, pruned: fetches 5 GB
    librispeech_3gram  an n-gram store of read books, pruned, from openslr.org/11
    librispeech_4gram  the same, not pruned: fetches some 1.4 GB

    Graphs and stores are mapped into memory, not read into it: processes share what they touch, and what they do not
    touch takes none. A graph is gone through once when it is opened, for an index of 8 bytes a state.

    A broken or killed download continues where it stopped when the command is run again. Sizes and checksums are those
    that Dryad, GitHub and Hugging Face list. The space needed is said first; an archive is unpacked as a stream and
    then deleted.
    Where Dryad asks for a token, put one into the environment variable DRYAD_TOKEN.

    Args:
        model: which model.
        to: folder for it.
        form: of the reference's 3-gram and 5-gram: 'graph' keeps TLG.fst; 'store' makes an n-gram store out of their
            G.fst, some 11 bytes an n-gram, for use with a lexicon; 'unpruned_store' one out of their G_no_prune.fst,
            for 'neurolect decode --lattice_lm'.
        keep_archive: do not delete what was downloaded.
        bits: of each stored value of a store: 8 keeps 256 values an order in about half the space.
        retries: how many failures in a row, each without a new byte, are forgiven.
        base_url: a mirror that answers as the model's own host does.

    Examples:
        neurolect lm download reference_3gram --to models
        neurolect decode logits.npz --graph models/reference_3gram/languageModel/TLG.fst --out decoded.jsonl
        neurolect lm download reference_5gram --form store --bits 8
        neurolect lm download reference_5gram --form unpruned_store
        neurolect lm download librispeech_4gram --bits 8
        neurolect decode logits.npz --lm models/librispeech_4gram.nlm --out decoded.jsonl
    """
    import os
    import shutil

    from rich.filesize import decimal

    from neurolect.commands.download_bars import download_bars
    from neurolect.commands.plain_console import plain_console
    from neurolect.language.model_download import fetch_model, ready_model, space_needed
    from neurolect.language.ready_models import remote_files, source_of

    console = plain_console()
    ready = ready_model(model, to, form, keep_archive=keep_archive)
    if ready is None:
        files = remote_files(source_of(model), base_url, retries=retries)
        missing, made = space_needed(model, files, to, form)
        to.mkdir(parents=True, exist_ok=True)
        more = f"up to {decimal(made)} to make it ready" if made else "what it unpacks to (not known in advance)"
        free = decimal(shutil.disk_usage(to).free)
        console.print(f"{model}: {decimal(missing)} to fetch, then {more}; {free} are free in {to}", soft_wrap=True)
        with download_bars(console) as bars:
            ready = fetch_model(
                model,
                files,
                to,
                base_url=base_url,
                token=os.environ.get("DRYAD_TOKEN"),
                form=form,
                keep_archive=keep_archive,
                bits=bits,
                retries=retries,
                progress=lambda file, action, n_bytes: bars.show(f"{action} {file.path}", file.size, n_bytes),
            )
    option = "lm" if ready.suffix == ".nlm" else "graph"
    use = "rescore lattices with it: --lattice_lm" if form == "unpruned_store" else f"search it with --{option}"
    console.print(f"ready: {ready}, {decimal(ready.stat().st_size)}; {use}", soft_wrap=True)
