from __future__ import annotations

import gzip

import pytest
from backoff import random_ngrams
from small_arpa import ARPA, files_in

from backoff_ngrams import arpa_text
from neurolect.errors import ConfigError, DataError
from neurolect.language.ngram_conversion import convert, write_english_trigram

MISTAKES = {
    "empty file": (lambda text: "", "there was no .data. line"),
    "another text": (
        lambda text: "once upon a time\n" * 30,
        "line 30: .*there was no .data. line; this is not an ARPA",
    ),
    "no data line": (lambda text: text.replace("\\data\\\n", ""), "there was no .data. line"),
    "no counts": (lambda text: text.replace("ngram 1=4\nngram 2=2\n", ""), "line 4: no counts of n-grams"),
    "count missing": (lambda text: text.replace("ngram 1=4\n", ""), "line 3: the count of 1-grams should come here"),
    "count no number": (lambda text: text.replace("2=2", "2=two"), "line 4: 'ngram 2=two' is not 'ngram ORDER=COUNT'"),
    "negative count": (lambda text: text.replace("2=2", "2=-2"), "line 4: 'ngram 2=-2' is not"),
    "no equals sign": (lambda text: text.replace("2=2", "2"), "line 4: 'ngram 2' is not"),
    "too many orders": (
        lambda text: text.replace("ngram 2=2", "\n".join(f"ngram {order}=2" for order in range(2, 10))),
        "line 13: n-grams of order 9 are not supported, only 1 to 8",
    ),
    "count too small": (lambda text: text.replace("1=4", "1=3"), r"line 10: more 1-grams than the header says \(3\)"),
    "count too large": (lambda text: text.replace("1=4", "1=5"), "line 12: .*1-grams ends after 4, the header says 5"),
    "no number": (lambda text: text.replace("-1.5", "x"), "line 9: 'x' is not a log10 probability"),
    "half a number": (lambda text: text.replace("-1.5", "-1.5.2"), "line 9: '-1.5.2' is not a log10 probability"),
    "nan": (lambda text: text.replace("-1.5", "nan"), "line 9: 'nan' is not a log10 probability"),
    "back-off no number": (lambda text: text.replace("-0.5\n", "half\n"), "line 9: 'half' is not a log10 back-off"),
    "positive probability": (lambda text: text.replace("-0.125", "0.125"), "line 14: a log10 probability above 0"),
    "unknown word": (lambda text: text.replace("The end", "The and"), "line 14: 'and' is not among the unigrams"),
    "too few words": (lambda text: text.replace("The end", "The"), "line 14: fewer than 2 words"),
    "no word": (lambda text: text.replace("-2\tend", "-2"), "line 10: no word"),
    "too many words": (
        lambda text: text.replace("-2\tend", "-2\tend -1 -1"),
        "line 10: more than a probability, 1 word",
    ),
    "word twice": (lambda text: text.replace("-2\tend", "-2\tThe"), "line 10: the word 'The' occurs twice"),
    "n-gram twice": (lambda text: text.replace("The end", "<s> The"), "the n-gram '<s> The' occurs twice"),
    "sections swapped": (lambda text: text.replace("1-grams", "3-grams"), "'.3-grams:' where .1-grams: should stand"),
    "section too many": (
        lambda text: text.replace("\\end\\", "\\3-grams:\n\\end\\"),
        "line 16: '.3-grams:' where .end. should stand",
    ),
    "section missing": (
        lambda text: text[: text.index("\\2-")] + "\\end\\\n",
        "line 12: .end. before the section of 2-",
    ),
    "no end mark": (lambda text: text.replace("\\end\\\n", ""), "line 15: the text ends before its .end. line"),
    "cut inside a number": (lambda text: text[: text.index("0.125")], "line 14: '-' is not a log10 probability"),
    "binary": (lambda text: bytes(range(256)) * 40, "there was no .data. line"),
    "one long line": (
        lambda text: text.replace("-1.5\tThe", "-1.5\tThe" + "The" * 2_000_000),
        "line 9: longer than any n-gram",
    ),
    "binary after the header": (
        lambda text: text[: text.index("-99")].encode() + bytes(range(1, 9)) * 9,
        "line 7: '.*' is not a log10 probability",
    ),
    "cut gzip file": (lambda text: gzip.compress(text.encode())[:-30], "the gzip file is cut short or damaged"),
    "gzip of little": (lambda text: gzip.compress(text.encode())[:12], "the gzip file is cut short or damaged"),
    "gzip checksum": (
        lambda text: gzip.compress(text.encode())[:-8] + bytes(8),
        "the gzip file is cut short or damaged",
    ),
    "gzip body": (
        lambda text: gzip.compress(text.encode())[:10] + bytes([7] * 90),
        "the gzip file is cut short or dam",
    ),
    "sphinx": (lambda text: b"Trie Language Model\3" + bytes(40), "the language model is cut short"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_file_that_is_wrong_is_named_in_one_line_and_nothing_is_left(arpa, tmp_path, mistake):
    change, complaint = MISTAKES[mistake]
    with pytest.raises(DataError, match=rf"lm\.arpa: .*{complaint}") as error:
        convert(arpa(change(ARPA)), tmp_path / "lm.nlm")
    assert "\n" not in str(error.value)
    assert str(error.value).count("lm.arpa") == 1
    assert files_in(tmp_path) == ["lm.arpa"]


def test_a_failed_conversion_leaves_the_old_store_as_it_was(arpa, tmp_path):
    before = convert(arpa(ARPA), tmp_path / "lm.nlm").path.read_bytes()
    with pytest.raises(DataError):
        convert(arpa(ARPA[:-20]), tmp_path / "lm.nlm")
    assert (tmp_path / "lm.nlm").read_bytes() == before


def test_a_damaged_store_is_not_written_as_text(arpa, tmp_path, rng):
    store = convert(arpa(arpa_text(random_ngrams(rng, 3))), tmp_path / "lm.nlm").path
    content = bytearray(store.read_bytes())
    content[-150:] = bytes([255] * 150)
    store.write_bytes(content)
    for out in ("back.arpa", "again.nlm"):
        with pytest.raises(DataError, match=r"lm\.nlm: .*") as error:
            convert(store, tmp_path / out)
        assert str(error.value).count("lm.nlm") == 1
    assert files_in(tmp_path) == ["lm.arpa", "lm.nlm"]


def test_a_source_that_cannot_be_read_is_named(tmp_path):
    with pytest.raises(DataError, match=r"absent\.arpa: cannot read the language model: No such file"):
        convert(tmp_path / "absent.arpa", tmp_path / "lm.nlm")
    with pytest.raises(DataError, match="cannot read the language model: Is a directory"):
        convert(tmp_path, tmp_path / "lm.nlm")


def test_only_a_store_becomes_text_and_with_what_it_has(arpa, tmp_path):
    source = arpa(ARPA)
    with pytest.raises(ConfigError, match="only a store is written as ARPA text"):
        convert(source, tmp_path / "copy.arpa")
    with pytest.raises(ConfigError, match="only a store is written as ARPA text"):
        write_english_trigram(tmp_path / "english.arpa.gz")
    store = convert(source, tmp_path / "lm.nlm").path
    for settings_of_stores in ({"bits": 8}, {"lower_case": True}):
        with pytest.raises(ConfigError, match="ARPA text is written as the store has it"):
            convert(store, tmp_path / "copy.arpa", **settings_of_stores)
    assert files_in(tmp_path) == ["lm.arpa", "lm.nlm"]
