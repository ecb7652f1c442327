from __future__ import annotations

import os
import re
import signal

import pytest
from redis.exceptions import RedisError

from headless_chromium import headless_chromium
from monitor_process import running_monitor, wait_until
from neurolect.online.embedded_valkey import EmbeddedValkey
from neurolect.online.live_answers import Correction
from stand_in_decoder import StandInDecoder

SECRET = "correct horse battery"
PATIENCE = 30_000
EVIL = "<img src=x onerror=alert(1)> <script>alert(2)</script>"


@pytest.fixture(scope="module")
def valkey():
    with EmbeddedValkey() as running:
        yield running


@pytest.fixture(scope="module")
def decoder(valkey):
    decoder = StandInDecoder(valkey.server.client())
    decoder.status()
    return decoder


@pytest.fixture(scope="module")
def monitor(valkey):
    with running_monitor(valkey.socket) as running:
        yield running


@pytest.fixture(scope="module")
def chromium():
    with headless_chromium() as browser:
        yield browser


@pytest.fixture
def page(chromium, monitor, decoder):
    decoder.status()
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.faults = []
        page.on("pageerror", lambda error: page.faults.append(str(error)))
        page.on("console", lambda said: page.faults.append(said.text) if said.type == "error" else None)
        page.on("dialog", lambda dialog: page.faults.append("a script ran"))
        page.on("request", lambda request: page.requests.append(request.url))
        page.requests = []
        page.goto(monitor.url)
        page.wait_for_selector("#connection[data-state=good]")
        yield page
        assert page.faults == []
        assert all(url.startswith((monitor.url, f"ws://{monitor.place}")) for url in page.requests)


def text_is(page, selector, text):
    """Wait until an element shows a text; returns whether it does."""
    shown = """([selector, text]) => {
        const words = [...document.querySelectorAll(`${selector} .letters`)];
        const letters = words.map((each) => each.textContent).join(" ");
        return (letters || document.querySelector(selector)?.textContent.trim()) === text;
    }"""
    return page.wait_for_function(shown, arg=[selector, text])


def item(utterance):
    return f'#past li[data-utterance="{utterance}"]'


def last_correction(decoder):
    entries = decoder.client.xrevrange(decoder.streams.corrections, count=1)
    return Correction.from_fields(entries[0][1]) if entries else None


def stored(decoder, utterance, text):
    wait_until(
        lambda: (last := last_correction(decoder)) is not None and (last.utterance, last.text) == (utterance, text)
    )


def test_the_sentence_on_the_page_grows_and_is_the_one_that_was_decoded(page, decoder):
    decoder.utter("good morning", finish=False)
    text_is(page, "#sentence", "good morning")
    assert "growing" in page.get_attribute("#sentence", "class")
    sentence = decoder.utter(
        "see you soon", [0.99, 0.95, 0.31], alternatives=["see you then"], notes={"sentence": "see you then"}
    )
    text_is(page, "#sentence", sentence.text)
    page.wait_for_selector(item(sentence.utterance))
    assert page.get_attribute("#sentence", "class") == ""
    assert page.locator("#sentence .measure").all_text_contents() == ["99%", "95%", "31% ?"]
    assert page.locator("#alternatives li").all_text_contents() == ["see you then"]
    assert page.text_content("#said") == sentence.text
    assert page.get_attribute("#said", "aria-live") == "polite"
    assert page.text_content(f"{item(sentence.utterance)} .text") == sentence.text
    assert page.text_content(f"{item(sentence.utterance)} .aside") == "cue: see you then"


def test_the_heat_maps_move_with_what_is_sent_and_stand_when_paused(page, decoder):
    decoder.utter("good morning")
    drawn = """(selector) => {
        const canvas = document.querySelector(selector);
        return new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data).size;
    }"""
    for selector in ("#arrays .array:nth-child(3) canvas", "#phoneme-map", "#phoneme-names"):
        page.wait_for_function(f"(selector) => ({drawn})(selector) > 10", arg=selector)
    assert page.locator("#arrays .name").all_text_contents()[0] == "ventral 6v threshold crossings"
    assert page.locator("#arrays canvas").count() == 8
    page.keyboard.press("p")
    picture = "document.querySelector('#arrays canvas').toDataURL()"
    before = page.evaluate(picture)
    sentence = decoder.utter("come in")
    text_is(page, "#sentence", sentence.text)
    assert page.evaluate(picture) == before
    page.keyboard.press("p")
    page.wait_for_function(f"(before) => {picture} !== before", arg=before)


def test_a_sentence_is_confirmed_with_a_click_and_corrected_by_writing(page, decoder):
    sentence = decoder.utter("good mourning")
    where = item(sentence.utterance)
    page.click(f"{where} >> text=That is what I said")
    page.wait_for_selector(f"{where} .kept")
    stored(decoder, sentence.utterance, "good mourning")
    page.click(f"{where} >> text=Correct")
    page.fill(f"{where} input", "good morning")
    page.click(f"{where} >> text=Store")
    page.wait_for_selector(f"{where} .mended")
    stored(decoder, sentence.utterance, "good morning")
    assert page.text_content(f"{where} .text") == "good morning"
    assert page.text_content(f"{where} s") == "good mourning"
    text_is(page, "#sentence", "good morning")


def test_a_correction_by_somebody_else_is_shown_too(page, decoder):
    sentence = decoder.utter("good mourning")
    page.wait_for_selector(item(sentence.utterance))
    decoder.client.xadd(decoder.streams.corrections, Correction(sentence.utterance, "morning", 0.0).to_fields())
    text_is(page, f"{item(sentence.utterance)} .text", "morning")


def test_everything_can_be_done_with_keys(page, decoder):
    older = decoder.utter("come inn")
    newer = decoder.utter("thank you")
    page.wait_for_selector(item(newer.utterance))
    page.keyboard.press("c")
    stored(decoder, newer.utterance, "thank you")
    page.keyboard.press("j")
    page.keyboard.press("ArrowDown")
    page.wait_for_selector(f"{item(older.utterance)}:focus")
    page.keyboard.press("e")
    page.wait_for_selector(f"{item(older.utterance)} input:focus")
    page.keyboard.type("come in? je")
    page.keyboard.press("Escape")
    assert last_correction(decoder).text == "thank you"
    page.wait_for_selector(f"{item(older.utterance)}:focus")
    page.keyboard.press("e")
    page.keyboard.type("come in")
    page.keyboard.press("Enter")
    stored(decoder, older.utterance, "come in")
    page.wait_for_selector(f"{item(older.utterance)}:focus")
    page.keyboard.press("?")
    page.wait_for_selector("#help[open]")
    page.keyboard.press("Escape")
    page.wait_for_selector("#help", state="hidden")
    page.keyboard.press("t")
    page.wait_for_selector(":root[data-theme=light]")
    page.keyboard.press("t")
    page.wait_for_selector(":root[data-theme=dark]")


def test_what_is_being_written_survives_new_sentences(page, decoder):
    sentence = decoder.utter("come inn")
    where = item(sentence.utterance)
    page.click(f"{where} >> text=Correct")
    page.fill(f"{where} input", "come in")
    other = decoder.utter("thank you")
    page.wait_for_selector(item(other.utterance))
    assert page.input_value(f"{where} input") == "come in"
    page.wait_for_selector(f"{where} input:focus")


def test_a_sentence_of_markup_is_shown_as_text_everywhere(page, decoder):
    sentence = decoder.utter(EVIL, alternatives=[f"{EVIL}!"], notes={"sentence": EVIL})
    decoder.problem(EVIL, part=EVIL)
    decoder.status(session=EVIL, run=EVIL, symbols=[EVIL] * 41, feature_arrays=[[EVIL, 0, 63]])
    where = item(sentence.utterance)
    page.wait_for_selector(where)
    text_is(page, "#sentence", EVIL)
    assert page.text_content(f"{where} .text") == EVIL
    page.wait_for_function("() => document.querySelector('#session').textContent.includes('<img')")
    page.click("#problems-button")
    assert page.locator("#problem-list .text").first.text_content() == EVIL
    assert page.text_content("#arrays .name") == EVIL
    assert page.locator("img, p script, li script, span script").count() == 0
    page.click("#dismiss-all")


def test_problems_are_counted_listed_and_dismissed_for_good(page, decoder):
    decoder.problem("no bins for 3 s")
    decoder.problem("the disk is full", part="recorder")
    page.wait_for_function("() => document.querySelector('#problems-button').textContent.includes('problems')")
    page.click("#problems-button")
    assert page.locator("#problem-list .text").first.text_content() == "the disk is full"
    assert re.match(r"\d{1,2}:\d\d:\d\d", page.locator("#problem-list .clock").first.text_content())
    page.keyboard.press("Escape")
    page.wait_for_selector("#problems", state="hidden")
    page.click("#problems-button")
    page.locator("#problem-list button").first.click()
    assert page.locator("#problem-list .text").first.text_content() == "no bins for 3 s"
    page.click("#dismiss-all")
    page.wait_for_selector("#problems-button", state="hidden")
    page.reload()
    page.wait_for_selector("#connection[data-state=good]")
    page.wait_for_selector("#problems-button", state="hidden")


def test_latency_and_falling_behind_are_said_in_words(page, decoder):
    text_is(page, "#p99", "14 ms")
    text_is(page, "#pace", "Keeping up")
    assert page.is_visible("#simulated")
    assert page.is_hidden("#export-button")
    decoder.status(behind=True, lag_ms=2340.0, queue=1170, simulated=False)
    text_is(page, "#pace", "Behind by 2.3 s, catching up")
    text_is(page, "#queue", "1,170")
    page.wait_for_selector("#simulated", state="hidden")


def test_a_page_that_is_opened_late_shows_what_was_said_and_corrected(page, decoder):
    sentence = decoder.utter("come inn")
    decoder.client.xadd(decoder.streams.corrections, Correction(sentence.utterance, "come in", 0.0).to_fields())
    page.wait_for_selector(f"{item(sentence.utterance)} .mended")
    page.reload()
    text_is(page, f"{item(sentence.utterance)} .text", "come in")
    text_is(page, "#sentence", "come in")


def test_a_redis_that_goes_is_shown_and_one_that_comes_back_is_used(page, decoder):
    page.evaluate("""() => {
        const element = document.querySelector("#connection");
        window.seen = [];
        new MutationObserver(() => window.seen.push(element.textContent)).observe(element, {childList: true});
    }""")
    os.kill(decoder.client.info("server")["process_id"], signal.SIGKILL)
    page.wait_for_function("() => window.seen.includes('Redis away, trying again')")
    wait_until(lambda: _answers(decoder.client))
    decoder.status()
    sentence = decoder.utter("come in")
    page.wait_for_selector(item(sentence.utterance))
    text_is(page, "#sentence", "come in")
    page.wait_for_selector("#connection[data-state=good]")


def _answers(client):
    try:
        return client.ping()
    except RedisError:
        return False


@pytest.mark.parametrize("width", [360, 820, 1440, 3840])
def test_nothing_is_cut_off_or_tiny_at_any_width(page, decoder, width):
    page.set_viewport_size({"width": width, "height": 900})
    sentence = decoder.utter("i think we should leave before it starts to rain")
    text_is(page, "#sentence", sentence.text)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    smallest = """() => Math.min(...[...document.querySelectorAll("body *")]
        .filter((each) => each.checkVisibility() && each.textContent.trim())
        .map((each) => parseFloat(getComputedStyle(each).fontSize)))"""
    assert page.evaluate(smallest) >= 14
    letters = page.evaluate("parseFloat(getComputedStyle(document.querySelector('#sentence')).fontSize)")
    assert letters >= 28 if width < 1000 else letters >= 60


def test_the_address_with_the_token_signs_in_once_and_the_cookie_does_afterwards(chromium, valkey):
    with (
        running_monitor(
            valkey.socket, "--token_env", "SECRET", "--recordings", "kept", environment={"SECRET": SECRET}
        ) as monitor,
        chromium.new_context() as context,
    ):
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(monitor.url)
        text_is(page, "#connection", "Not signed in")
        page.fill("#token", "not the right token")
        page.click("text=Sign in")
        text_is(page, "#sign-in-said", "this is not the token")
        page.close()
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(f"{monitor.url}#token={SECRET.replace(' ', '%20')}")
        page.wait_for_selector("#connection[data-state=good], #connection[data-state=warn]")
        assert page.is_visible("#export-button")
        assert SECRET.split()[0] not in page.url
        assert page.evaluate("document.cookie") == ""
        page.goto(monitor.url)
        page.wait_for_selector("#connection[data-state=good], #connection[data-state=warn]")
