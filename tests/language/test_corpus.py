from __future__ import annotations

import gzip

import pytest

from neurolect.errors import DataError
from neurolect.language.corpus import read_corpus, read_vocabulary


@pytest.fixture
def text(tmp_path):
    def write(content, name="text.txt"):
        path = tmp_path / name
        path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
        return path

    return write


def test_files_are_read_one_after_the_other_gzipped_or_not(text):
    paths = [text("One. Two!\n\n", "a.txt"), text("Three\n", "b.txt.gz")]
    assert list(read_corpus(paths)) == ["one", "two", "three"]


def test_the_reference_s_cleaning_and_none_can_be_had(text):
    path = text("Rock 'n' roll. It's fine.\n")
    assert list(read_corpus([path], "reference")) == ["it's fine"]
    assert [line.strip() for line in read_corpus([path], "none")] == ["Rock 'n' roll. It's fine."]


def test_letters_stand_apart_in_a_corpus_of_letters(text):
    assert list(read_corpus([text("it's\nof course\n")], unit="letter")) == ["i t ' s", "o f c o u r s e"]


def test_progress_counts_every_character(text):
    path = text("a line of words\n" * 200_000)
    seen = []
    for _ in read_corpus([path], "none", progress=seen.append):
        pass
    assert sum(seen) == path.stat().st_size
    assert len(seen) > 2


def test_a_file_without_words_is_named(text):
    with pytest.raises(DataError, match=r"empty.txt: the text has no words"):
        list(read_corpus([text("words\n"), text("\n \n... !\n", "empty.txt")]))


def test_sentence_marks_in_text_that_is_not_cleaned_are_named_by_line(text):
    with pytest.raises(DataError, match=r"text.txt: line 2: "):
        list(read_corpus([text("a\nb <s> c\n")], "none"))


def test_a_vocabulary_is_the_first_word_of_each_line_once(text):
    path = text(";;; comment\nA AH\n\nTHE DH AH\nTHE DH IY\nend\n")
    assert read_vocabulary(str(path)) == ["A", "THE", "end"]
    with pytest.raises(DataError, match="the vocabulary has no words"):
        read_vocabulary(str(text(";;; nothing\n")))
