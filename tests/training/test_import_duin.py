"""Checkpoints as the Du-IN reference writes them, read back as models and runs."""

from __future__ import annotations

import json
import os
import pickle
import sys
import types
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

import neurolect
from neurolect.commands.main import main
from neurolect.errors import ConfigError, DataError
from neurolect.models.duin.mae import random_mask
from neurolect.models.registry import build_model
from neurolect.training.duin_names import reference_names, to_reference
from neurolect.training.duin_sizes import described_model
from neurolect.training.import_duin import import_duin_run, read_duin_checkpoint

SHAPES = Path(__file__).parents[3] / "shared" / "golden" / "duin" / "state_dict_shapes.json"
ENCODER = {
    "filters": [6, 4, 4],
    "kernels": [19, 3, 3],
    "n_blocks": 2,
    "n_heads": 3,
    "head_width": 8,
    "subject_width": 5,
}
SIZES = {"n_channels": 10, "n_subjects": 1, "n_samples": 300, "encoder": ENCODER}
POMS = SIZES | {"n_subjects": 2, "encoder": ENCODER | {"subject_tokenizers": True, "subject_width": 16}}
CODEBOOK = {"quantiser": {"n_codes": 12, "code_width": 4}}
MODELS = {
    "vqvae": ("DuINVQVAE", SIZES | CODEBOOK | {"decoder": {"n_blocks": 1, "filters": [6, 6, 6, 6, 5]}}),
    "mae": ("DuINMAE", SIZES | {"n_codes": 12}),
    "classifier": ("DuINClassifier", SIZES | {"n_classes": 7, "hidden_width": 9}),
    "tagger": ("DuINPhonemeTagger", SIZES | {"n_initials": 5, "n_finals": 6, "hidden_width": 9}),
    "vqvae, poms": ("DuINVQVAE", POMS | CODEBOOK | {"decoder": {"n_blocks": 1, "filters": [6, 6, 6]}}),
    "mae, poms": ("DuINMAE", POMS | {"n_codes": 12}),
    "classifier, poms": ("DuINClassifier", POMS | {"n_classes": 7, "hidden_width": 9}),
}
each_model = pytest.mark.parametrize("name", MODELS)


def reference(name: str, path: Path, prefix: str = "", **changes: object) -> nn.Module:
    """Write a checkpoint as the reference does, with what it holds beside our parameters."""
    torch.manual_seed(3)
    kind, arguments = MODELS[name]
    model = build_model(kind, arguments)
    with torch.no_grad():
        for tensor in model.parameters():
            tensor += 0.02 * torch.randn_like(tensor)
    weights = to_reference(model) | {
        "emb_time.time_encodings": model.encoder.time_table,
        "encoder.1.xfmr_blocks.0.mha.attention.scale": torch.tensor(0.125),
    }
    if kind in ("DuINClassifier", "DuINPhonemeTagger"):
        weights |= {"vq_block.counts": torch.zeros(12), "contra_block.t": torch.tensor(2.0)}
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save({prefix + key: tensor for key, tensor in weights.items()} | changes, path)
    return model.eval()


def inputs(model: nn.Module) -> tuple[torch.Tensor, ...]:
    signals = torch.randn(2, 300, 10, generator=torch.Generator().manual_seed(1))
    subjects = torch.arange(2) % model.arguments["n_subjects"]
    masked = random_mask(2, 3, generator=torch.Generator().manual_seed(1))
    return (signals, subjects, masked) if type(model).__name__ == "DuINMAE" else (signals, subjects)


def same_outputs(first: nn.Module, second: nn.Module) -> bool:
    with torch.no_grad():
        outputs = [model(*inputs(model)) for model in (first, second)]
    pairs = [outputs] if isinstance(outputs[0], torch.Tensor) else zip(*outputs, strict=True)
    return all(torch.equal(*pair) for pair in pairs)


@each_model
@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "module._orig_mod."])
def test_a_checkpoint_becomes_the_model_that_was_saved_whatever_its_prefix(tmp_path, name, prefix):
    model = reference(name, tmp_path / "checkpoint-399.pth", prefix)
    read = read_duin_checkpoint(tmp_path / "checkpoint-399.pth")
    assert type(read) is type(model)
    assert not read.training
    assert same_outputs(read, model)


def write_parameters(path: Path, content: dict) -> None:
    """A parameter file that names the reference's dictionary class, as its pickles do."""
    module, package = types.ModuleType("utils.DotDict"), types.ModuleType("utils")
    exec("class DotDict(dict):\n    __getattr__ = dict.__getitem__\n", module.__dict__)
    module.DotDict.__module__ = "utils.DotDict"
    path.parent.mkdir(parents=True)
    sys.modules.update({"utils": package, "utils.DotDict": module})
    try:

        def tables(value):
            return module.DotDict({k: tables(v) for k, v in value.items()}) if isinstance(value, dict) else value

        path.write_bytes(pickle.dumps(tables(content)))
    finally:
        del sys.modules["utils"], sys.modules["utils.DotDict"]


def test_a_run_is_imported_with_the_names_in_its_parameter_file(tmp_path, capsys):
    checkpoint = tmp_path / "reference" / "model" / "checkpoint-399.pth"
    model = reference("mae", checkpoint)
    write_parameters(
        tmp_path / "reference" / "save" / "params",
        {
            "model": {"n_subjects": np.int64(1), "seq_len": 300, "dtype": torch.float32},
            "train": {"subjs": ["003"], "device": torch.device("cpu"), "lr": np.float64(3e-4)},
        },
    )
    assert main(["import", "duin", str(checkpoint), "--out", str(tmp_path / "run")]) == 0
    assert "DuINMAE" in capsys.readouterr().out
    run = neurolect.load(tmp_path / "run", device="cpu")
    assert run.task == "mae"
    assert run.subjects == ["003"]
    assert run.inputs[0].channels == ("ST3", "ST1", "ST2", "ST9", "TI'4", "TI'3", "ST4", "TI'2", "ST7", "TI'8")
    assert same_outputs(run.model, model)
    assert main(["import", "duin", str(checkpoint), "--out", str(tmp_path / "run")]) == 2
    assert "holds a run already" in capsys.readouterr().err


def test_a_classifier_is_imported_with_names_from_the_command_line(tmp_path, capsys):
    reference("classifier", tmp_path / "checkpoint-199.pth")
    command = ["import", "duin", str(tmp_path / "checkpoint-199.pth"), "--out", str(tmp_path / "run")]
    assert main(command) == 2
    assert "name the model's 1 subjects" in capsys.readouterr().err
    command += ["--subjects", "[s1]"]
    assert main(command) == 2
    assert "channels of subject 's1' are not known" in capsys.readouterr().err
    channels = [f"A{number}" for number in range(10)]
    assert main([*command, "--channels", json.dumps({"s1": channels[:9]})]) == 2
    assert "subject 's1' has 9 channels, the model takes 10" in capsys.readouterr().err
    command += ["--channels", json.dumps({"s1": channels})]
    words = [f"word {number}" for number in range(7)]
    assert main([*command, "--words", json.dumps(words[:6])]) == 2
    assert "7 words, 6 are named" in capsys.readouterr().err
    assert main([*command, "--words", json.dumps(words)]) == 0
    run = neurolect.load(tmp_path / "run", device="cpu")
    assert run.words == words
    assert run.logits(np.zeros((300, 10), np.float32), "s1").shape == (7,)


def test_the_folder_of_a_released_checkpoint_names_its_subject(tmp_path):
    checkpoint = tmp_path / "pretrains" / "duin" / "007" / "vqvae" / "model" / "checkpoint-399.pth"
    reference("vqvae", checkpoint, **{"vq_block.codex.initted": torch.ones(1)})
    assert main(["import", "duin", str(checkpoint), "--out", str(tmp_path / "run")]) == 0
    run = neurolect.load(tmp_path / "run", device="cpu")
    assert run.subjects == ["007"]
    assert run.model.quantiser.initialised


class Evil:
    def __reduce__(self):
        return os.system, ("touch evil",)


def test_nothing_in_a_checkpoint_or_its_parameters_is_executed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    checkpoint = tmp_path / "reference" / "model" / "checkpoint-399.pth"
    reference("mae", checkpoint, evil=Evil())
    with pytest.raises(DataError, match="refused, it holds more than tensors"):
        read_duin_checkpoint(checkpoint)
    reference("mae", checkpoint)
    (tmp_path / "reference" / "save").mkdir()
    (tmp_path / "reference" / "save" / "params").write_bytes(pickle.dumps({"model": Evil()}))
    with pytest.raises(DataError, match=r"holds a \w+\.system, which is not read"):
        read_duin_checkpoint(checkpoint)
    assert not (tmp_path / "evil").exists()


def test_damaged_and_foreign_files_are_refused_in_one_line(tmp_path):
    path = tmp_path / "model" / "checkpoint-399.pth"
    with pytest.raises(DataError, match="no such file"):
        read_duin_checkpoint(path)
    reference("mae", path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a whole torch checkpoint"):
        read_duin_checkpoint(path)
    torch.save({"weight": torch.zeros(3)}, path)
    with pytest.raises(DataError, match=r"emb_time\.time_encodings is missing"):
        read_duin_checkpoint(path)
    for content, complaint in (
        ([torch.zeros(3)], "not a checkpoint dictionary"),
        ({"weight": 3}, "not a dictionary of tensors"),
        ({3: torch.zeros(3)}, "not a dictionary of tensors"),
    ):
        torch.save(content, path)
        with pytest.raises(DataError, match=complaint):
            read_duin_checkpoint(path)
    for content in (b"", b"text", b".", b"\x80\x02."):
        path.write_bytes(content)
        with pytest.raises(DataError, match="not a whole torch checkpoint"):
            read_duin_checkpoint(path)
    reference("mae", path, **{"encoder.1.xfmr_blocks.1.norm_ffn.bias": torch.zeros(41)})
    with pytest.raises(DataError, match=r"norm.*bias has shape \(41,\), the model needs \(40,\)"):
        read_duin_checkpoint(path)
    reference("mae", path)
    (tmp_path / "save").mkdir()
    (tmp_path / "save" / "params").write_bytes(b"\x80\x04nonsense")
    with pytest.raises(DataError, match="params"):
        read_duin_checkpoint(path)


@pytest.mark.parametrize("name", ["vqvae", "classifier", "vqvae, poms"])
def test_tensors_of_other_shapes_under_the_references_names_end_in_a_model_or_in_one_line(name, tmp_path):
    path = tmp_path / "model" / "checkpoint-399.pth"
    reference(name, path)
    whole = torch.load(path)
    for key in whole:
        for tensor in (torch.tensor(1.0), torch.zeros(0), torch.zeros(2, 3, 4, 5)):
            torch.save(whole | {key: tensor}, path)
            # Some entries are not used, and some decide the model's sizes.
            with suppress(DataError):
                read_duin_checkpoint(path)


@pytest.mark.parametrize(
    "parameters", [{"model": 3, "train": 3}, {"train": {"subjs": 3}}, [], {"model": {"seq_len": -3}}]
)
def test_parameters_of_no_use_are_passed_over(parameters, tmp_path):
    path = tmp_path / "model" / "checkpoint-399.pth"
    reference("mae", path)
    write_parameters(tmp_path / "save" / "params", parameters)
    assert read_duin_checkpoint(path).arguments["n_samples"] == 300
    with pytest.raises(ConfigError, match="does not say whose it is"):
        import_duin_run(path)


@pytest.mark.skipif(not SHAPES.exists(), reason="needs the reference's shapes in ../shared")
@pytest.mark.parametrize(
    "name",
    ["duin_vqvae", "duin_mae", "duin_cls", "duin_llm"]
    + [f"poms.duin_{stage}[n_subj={n}]" for stage in ("vqvae", "mae", "cls") for n in (1, 12)],
)
def test_every_entry_of_the_references_models_has_its_place_or_is_known_to_be_unused(name):
    theirs = {key: torch.empty(shape) for key, (shape, *_) in json.loads(SHAPES.read_text())[name].items()}
    kind, arguments = described_model(theirs)
    with torch.device("meta"):
        model = build_model(kind, arguments)
        ours = to_reference(model)
    assert set(reference_names(model).values()) == set(ours)
    assert {key: tensor.shape for key, tensor in ours.items()} == {key: theirs[key].shape for key in ours}
    unused = [key for key in theirs if key not in ours and not key.endswith("attention.scale")]
    allowed = ("emb_time.",) if kind in ("DuINVQVAE", "DuINMAE") else ("emb_time.", "vq_block.", "contra_block.")
    assert all(key.startswith(allowed) for key in unused)
