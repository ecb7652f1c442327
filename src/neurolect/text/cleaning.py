"""Written text → the words a person would say, for language models."""

from __future__ import annotations

import re
import unicodedata

from neurolect.text.numbers import LARGEST, cardinal, digits, ordinal, year
from neurolect.text.sentence_splitting import split_sentences

_QUOTES = str.maketrans({"‘": "'", "’": "'", "‛": "'", "ʼ": "'", "`": "'", "´": "'", "“": '"', "”": '"', "„": '"'})
_MARKUP = re.compile(r"<[^<>]*>|\[[^\[\]]*\]|\*[a-z ]+\*", re.IGNORECASE)
_ADDRESS = re.compile(
    r"(?:https?://|www\.)\S+|\S+@\S+\.\S+|@\w+|\b[\w-]+(?:\.[\w-]+)*\.(?:com|org|net|edu|gov|io)\b\S*"
)
_INITIALS = re.compile(r"\b(?:[A-Za-z]\.){2,}")
_TITLES = {"mr": "mister", "mrs": "missus", "dr": "doctor", "prof": "professor", "vs": "versus"}
_TITLE = re.compile(rf"\b({'|'.join(_TITLES)})\.", re.IGNORECASE)
_SIGNS = {"&": " and ", "%": " percent ", "+": " plus ", "=": " equals ", "°": " degrees "}
_SIGN = re.compile("[&%+=°]")
_CURRENCIES = {"$": "dollar", "£": "pound", "€": "euro"}
_MONEY = re.compile(
    r"([$£€])\s?(\d[\d,]*)(?:\.(\d\d))?(?!\d)(?:\s+(hundred|thousand|million|billion|trillion)\b)?", re.I
)
_CLOCK = re.compile(r"\b(\d{1,2}):([0-5]\d)\b")
_DIGIT = re.compile(r"\d")
_ORDINAL = re.compile(r"\b(\d[\d,]*)(?:st|nd|rd|th)\b", re.IGNORECASE)
_DECADE = re.compile(r"\b(\d{3}0|\d0)'?s\b", re.IGNORECASE)
_NUMBER = re.compile(r"(\d{1,3}(?:,\d{3})+|\d+)(?:\.(\d+))?")
_HEADLESS = frozenset("'em 'til 'cause 'bout 'round 'n 'n'".split())
_NOT_LETTERS = re.compile(r"[^a-z']+")


def clean_sentences(text: str) -> list[str]:
    """A line of written English → its sentences as lower-case words between single spaces, without punctuation.

    Curly quotes become straight, accents go, web and e-mail addresses, handles, markup and stage directions are left
    out. Numbers, years, times, amounts of money and signs such as `%` are spelled out. Hyphens and slashes part words.
    An apostrophe stays inside a word, after a plural's s, and in short forms such as `'em`; elsewhere it is a quotation
    mark. A sentence with letters of another script is left out.

    Example: `"It's 5:30," the boys' friend said.` → `it's five thirty the boys' friend said`
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKC", text.translate(_QUOTES)).translate(_QUOTES)
    text = text.replace("`", "'")
    text = _ADDRESS.sub(" ", _MARKUP.sub(" ", text))
    cleaned = map(_clean_sentence, split_sentences(text))
    return [sentence for sentence in cleaned if sentence]


def _clean_sentence(sentence: str) -> str:
    sentence = _INITIALS.sub(lambda found: found[0].replace(".", "") + " ", sentence)
    sentence = _TITLE.sub(lambda found: _TITLES[found[1].lower()], sentence)
    if _DIGIT.search(sentence):
        sentence = _spell_numbers(sentence)
    letters = _SIGN.sub(lambda found: _SIGNS[found[0]], sentence).lower()
    if not letters.isascii():
        letters = "".join(each for each in unicodedata.normalize("NFKD", letters) if not unicodedata.combining(each))
        if any(each.isalpha() and not each.isascii() for each in letters):
            return ""
    words = _NOT_LETTERS.sub(" ", letters).split()
    if "'" in letters:
        words = list(filter(None, map(_without_quotes, words)))
    return " ".join(words)


def _without_quotes(word: str) -> str:
    if word in _HEADLESS:
        return word
    word = word.lstrip("'")
    kept = word.rstrip("'")
    return f"{kept}'" if kept.endswith("s") and len(kept) > 1 and word == f"{kept}'" else kept


def _spell_numbers(text: str) -> str:
    text = _MONEY.sub(_spell_money, text)
    text = _CLOCK.sub(_spell_time, text)
    text = _ORDINAL.sub(lambda found: f" {ordinal(_integer(found[1]))} " if _is_sayable(found[1]) else found[0], text)
    text = _DECADE.sub(_spell_decade, text)
    return _NUMBER.sub(_spell_number, text)


def _spell_money(found: re.Match[str]) -> str:
    sign, whole, cents, scale = found.groups()
    if not _is_sayable(whole):
        return found[0]
    unit = _CURRENCIES[sign]
    if scale:
        return f" {_spoken(whole, cents)} {scale} {unit}s "
    amount = _integer(whole)
    said = f"{cardinal(amount)} {unit}{'' if amount == 1 else 's'}"
    return f" {said} " + (f"and {cardinal(int(cents))} cents " if cents and int(cents) else "")


def _spell_time(found: re.Match[str]) -> str:
    hour, minute = int(found[1]), int(found[2])
    said = "o'clock" if minute == 0 else f"{'oh ' if minute < 10 else ''}{cardinal(minute)}"
    return f" {cardinal(hour)} {said} "


def _spell_decade(found: re.Match[str]) -> str:
    number = int(found[1])
    said = year(number) if 1100 <= number < 2100 else cardinal(number)
    return f" {said[:-1]}ies " if said.endswith("y") else f" {said}s "


def _spell_number(found: re.Match[str]) -> str:
    return f" {_spoken(found[1], found[2])} "


def _spoken(whole: str, fraction: str | None) -> str:
    if fraction:
        return f"{cardinal(_integer(whole)) if _is_sayable(whole) else digits(whole)} point {digits(fraction)}"
    if not _is_sayable(whole) or (len(whole) > 1 and whole.startswith("0")):
        return digits(whole.replace(",", ""))
    number = _integer(whole)
    return year(number) if len(whole) == 4 and 1100 <= number < 2100 else cardinal(number)


def _integer(text: str) -> int:
    return int(text.replace(",", ""))


def _is_sayable(text: str) -> bool:
    return len(text) <= 20 and _integer(text) <= LARGEST
