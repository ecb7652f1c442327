from __future__ import annotations

import gzip
import re

import pytest

from neurolect.commands.main import main
from neurolect.language.ngram_model import NgramModel

# 'b c', which ends the trigram, is not listed itself.
ARPA = """\\data\\
ngram 1=5
ngram 2=2
ngram 3=1

\\1-grams:
-99\t<s>\t-0.25
-1\t</s>
-1\ta\t-0.5
-1.5\tb\t-0.125
-2\tC

\\2-grams:
-0.5\t<s> a\t-0.25
-0.75\ta b\t-0.375

\\3-grams:
-0.25\ta b C

\\end\\
"""


def run(*arguments):
    return main([str(argument) for argument in arguments])


def complaint(capsys, *arguments):
    """The one line on stderr of a verb that ends with status 2."""
    assert run(*arguments) == 2
    error = capsys.readouterr().err
    assert error.startswith("neurolect: error: ")
    assert error.count("\n") == 1
    return error


def rows(text):
    """Lines of a table as lists of their words."""
    return [line.split() for line in text.splitlines()]


@pytest.fixture
def arpa(tmp_path):
    path = tmp_path / "lm.arpa"
    path.write_text(ARPA)
    return path


@pytest.fixture
def store(arpa, capsys):
    assert run("lm", "convert", arpa, "--out", arpa.with_suffix(".nlm"), "--lower_case") == 0
    capsys.readouterr()
    return arpa.with_suffix(".nlm")


def test_convert_says_what_it_wrote(arpa, capsys):
    out = arpa.with_name("models") / "lm.nlm"
    assert run("lm", "convert", arpa, "--out", out) == 0
    shown = capsys.readouterr().out
    size = out.stat().st_size
    assert shown.splitlines() == [
        f"{out}: order 3, 9 n-grams, {size:,} bytes, {size / 9:.1f} bytes an n-gram",
        "1 of the n-grams were added, since longer ones need them",
    ]


def test_convert_packs_lowers_and_goes_back_to_text(arpa, capsys):
    packed = arpa.with_name("lm.arpa.gz")
    packed.write_bytes(gzip.compress(ARPA.encode()))
    small, back = arpa.with_name("small.nlm"), arpa.with_name("back.arpa.gz")
    assert run("lm", "convert", packed, "--out", small, "--bits", 8, "--lower_case") == 0
    assert (NgramModel(small).bits, NgramModel(small).vocabulary[-1]) == (8, "c")
    capsys.readouterr()
    assert run("lm", "convert", small, "--out", back) == 0
    assert capsys.readouterr().out == f"{back}: ARPA text, {back.stat().st_size:,} bytes\n"
    # What was added has the probability that backing off gives it.
    assert "\n-2.125\tb c\n" in gzip.decompress(back.read_bytes()).decode()


def test_convert_knows_the_english_trigram_by_its_name(tmp_path, capsys):
    assert run("lm", "convert", "english", "--out", tmp_path / "en.nlm", "--bits", 8) == 0
    assert re.search(r"en\.nlm: order 3, 3,\d{3},\d{3} n-grams, .* 6\.0 bytes an n-gram\n$", capsys.readouterr().out)
    model = NgramModel(tmp_path / "en.nlm")
    # Of the dictionary's words this one is not in the trigram.
    assert [each.order for each in model.score_sentence("aaberg")] == [1, 1]


def test_info_shows_the_orders_the_symbols_and_the_size(store, capsys):
    assert run("lm", "info", store, "--verify") == 0
    shown = capsys.readouterr().out
    model = NgramModel(store)
    sizes = [str(size) for size in model.bytes_by_order]
    assert ["order", "n-grams", "added", "bytes"] in rows(shown)
    for row in (["1", "5", "0", sizes[0]], ["2", "3", "1", sizes[1]], ["3", "1", "0", sizes[2]]):
        assert row in rows(shown)
    assert ["all", "9", "1", str(sum(model.bytes_by_order))] in rows(shown)
    assert shown.splitlines()[-3:] == [
        f"{store}: 5 words, with <s>, with </s>, without <unk>",
        f"{store.stat().st_size} bytes, 32 bits a value",
        "every checksum is right",
    ]


def test_info_notices_damage_only_where_it_is_asked_to_look(store, capsys):
    content = bytearray(store.read_bytes())
    content[-10] ^= 1
    store.write_bytes(content)
    assert run("lm", "info", store) == 0
    assert "checksum" not in capsys.readouterr().out
    assert "lm.nlm: the n-gram store is damaged" in complaint(capsys, "lm", "info", store, "--verify")


def test_score_lists_every_word_with_the_order_that_matched(store, capsys):
    assert run("lm", "score", store, "a b c [b]") == 0
    shown = capsys.readouterr().out
    assert rows(shown)[-9:-4] == [
        ["a", "-0.5000", "2"],
        ["b", "-1.0000", "2"],
        ["c", "-0.2500", "3"],
        ["[b]", "-100.0000", "0"],
        ["</s>", "-1.0000", "1"],
    ]
    assert ["all", "-102.7500"] in rows(shown)
    assert shown.splitlines()[-1] == f"perplexity {10 ** (102.75 / 5):.5g}"


@pytest.mark.parametrize("sentence", ["", "null", "1", "{a: b}", "[a, b]", "a: b", "# a"])
def test_a_sentence_is_taken_word_by_word_as_typed(store, capsys, sentence):
    assert run("lm", "score", store, sentence) == 0
    words = [*sentence.split(), "</s>"]
    shown = [row[0] for row in rows(capsys.readouterr().out) if row[1:] and row[0] in words]
    assert shown == words


@pytest.mark.parametrize("packed", [False, True])
def test_perplexity_sums_up_a_text(store, tmp_path, capsys, packed):
    text = b"A b C\n\n  \na zyzzyva\r\n"
    path = tmp_path / "text"
    path.write_bytes(gzip.compress(text) if packed else text)
    assert run("lm", "perplexity", store, path, "--lower_case") == 0
    shown = capsys.readouterr().out
    for row in (["1", "2", "28.57"], ["2", "3", "42.86"], ["3", "1", "14.29"], ["unknown", "1", "14.29"]):
        assert row in rows(shown)
    known = 0.5 + 1 + 0.25 + 1 + 0.5 + 1
    assert shown.splitlines()[-2:] == [
        "2 sentences, 7 words with the ends of sentences",
        f"perplexity {10 ** ((known + 100.75) / 7):.5g}, without unknown words {10 ** (known / 6):.5g}",
    ]
    assert run("lm", "perplexity", store, path) == 0
    assert ["unknown", "3", "42.86"] in rows(capsys.readouterr().out)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b" \n\n", "the text has no words"),
        (b"", "the text has no words"),
        (b"caf\xe9\n", "cannot read the text: not UTF-8 text"),
        (gzip.compress(b"a b\n" * 99, mtime=0)[:-9], "the gzip file is damaged or cut short"),
    ],
)
def test_a_text_without_perplexity_is_named(store, tmp_path, capsys, content, reason):
    path = tmp_path / "text.txt"
    path.write_bytes(content)
    assert f"text.txt: {reason}" in complaint(capsys, "lm", "perplexity", store, path)


def test_verbs_that_need_a_store_say_how_to_get_one_from_an_arpa_file(arpa, capsys):
    for verb in (["info", arpa], ["score", arpa, "a b"], ["perplexity", arpa, arpa]):
        error = complaint(capsys, "lm", *verb)
        assert "lm.arpa: not an n-gram store; 'neurolect lm convert' makes one from an ARPA file" in error


def test_a_graph_has_the_words_of_a_lexicon_file_besides_those_of_the_dictionary(tmp_path, capsys):
    pytest.importorskip("kaldifst", reason="needs the extra 'graph'")
    (tmp_path / "lm.arpa").write_text(ARPA.replace("\tb\t", "\tblentic\t").replace("a b", "a blentic"))
    (tmp_path / "names.dict").write_text("blentic B L EH N T IH K\n")
    out = tmp_path / "graph"
    assert run("lm", "graph", tmp_path / "lm.arpa", "--out", out, "--lexicon", tmp_path / "names.dict") == 0
    shown = capsys.readouterr().out
    assert re.search(r"arcs, 3 words\n", shown)
    assert "0 words of the n-gram model have no pronunciation" in shown


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["convert", "{folder}/absent.arpa", "--out", "{folder}/x"], "absent.arpa: No such file"),
        (["convert", "{folder}/lm.arpa", "--out", "{folder}/x.arpa"], "only a store is written as ARPA text"),
        (["convert", "english", "--out", "{folder}/x.arpa"], "only a store is written as ARPA text"),
        (["convert", "english", "--out", "{folder}/x.nlm", "--lower_case"], "leave out lower_case"),
        (
            ["convert", "{folder}/lm.nlm", "--out", "{folder}/x.arpa", "--bits", "8"],
            "ARPA text is written as the store",
        ),
        (["convert", "{folder}/lm.arpa", "--out", "{folder}/x", "--bits", "16"], '"bits"'),
        (["convert", "{folder}/lm.arpa"], "out"),
        (["convert", "{folder}/bad.arpa", "--out", "{folder}/x"], "bad.arpa: line 9: 'x' is not a log10 probability"),
        (["info", "{folder}/absent.nlm"], "absent.nlm: cannot be read: No such file"),
        (["score", "{folder}/lm.nlm", "a \udcff"], "the sentence is not UTF-8 text"),
        (["score", "{folder}/lm.nlm"], "sentence"),
        (["score", "{folder}/lm.nlm", "a", "b"], "unexpected argument 'b'"),
        (["perplexity", "{folder}/lm.nlm", "{folder}/absent.txt"], "absent.txt: cannot read the text: No such file"),
    ],
)
def test_mistakes_get_one_line_and_leave_no_file(store, capsys, arguments, reason):
    folder = store.parent
    (folder / "bad.arpa").write_text(ARPA.replace("-1\ta", "x\ta"))
    before = sorted(folder.iterdir())
    assert reason in complaint(capsys, "lm", *(argument.format(folder=folder) for argument in arguments))
    assert sorted(folder.iterdir()) == before
