"""The pages in a real Chromium: nothing is logged, nothing foreign is fetched, a phone needs no scrolling aside, colours."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from app.serving.desk import Desk
from tests.chromium import NEEDED, Page

from .test_served import served

pytestmark = NEEDED
QUESTION = "旅客名簿の保存はいつまでか"
PHONE = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}


@pytest.fixture
def site(session_with: Any, model_of: Any, root: Any, tmp_path: Any) -> Iterator[tuple[str, Page]]:
    model = model_of(["一年間です<script>document.title='x'</script>[1]。"], 2.0)
    desk = Desk(session_with(model), feedback=tmp_path / "feedback.jsonl")
    with served(desk, runs=[root]) as url:
        page = Page(tmp_path / "profile")
        try:
            yield url, page
        finally:
            page.close()


def test_the_pages_on_a_phone_in_the_dark(site: tuple[str, Page]) -> None:
    url, page = site
    page.call("Emulation.setDeviceMetricsOverride", **PHONE)
    for scheme, paper in (("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 27)")):
        page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        for path in ("/", "/check", "/search?q=旅客名簿", "/article?ref=渡船法9条", "/runs", "/status", "/api"):
            page.open(url + path)
            assert page.run("getComputedStyle(document.body).backgroundColor") == paper
            assert page.run("document.documentElement.scrollWidth") <= PHONE["width"], path
    # The first thing that the tabulator reaches leads past the navigation.
    page.open(url)
    page.key("Tab")
    assert page.run("document.activeElement.textContent") == "本文へ"
    assert page.errors == []
    assert [one for one in page.requests if one.startswith("http") and not one.startswith(url)] == []


def test_a_question_and_a_statement(site: tuple[str, Page]) -> None:
    url, page = site
    page.call("Emulation.setDeviceMetricsOverride", **PHONE)
    page.open(url)
    page.run(f"document.querySelector('#question').value = {QUESTION!r}")
    page.click("button")
    assert page.run("document.querySelector('.answer').textContent") == (
        "一年間です<script>document.title='x'</script>[1]。"
    )
    assert page.run("document.title") == "質問する - horei-ft"
    assert page.run("document.documentElement.scrollWidth") <= PHONE["width"]
    page.run("document.querySelector('[name=rating]').checked = true")
    page.click("form[action='/feedback'] button")
    assert page.run("document.querySelector('main').textContent.includes('残しました。')")
    page.open(f"{url}/check")
    page.run("document.querySelector('#text').value = '旅客名簿は一年間保存しなければならない。'")
    page.click("button")
    assert page.run("document.querySelector('.check').textContent") == "→ 条文に合う　合う確率 88%"
    assert page.errors == []
    assert [one for one in page.requests if one.startswith("http") and not one.startswith(url)] == []


def test_experiments_with_the_keyboard_on_a_phone(site: tuple[str, Page]) -> None:
    url, page = site
    page.call("Emulation.setDeviceMetricsOverride", **PHONE)
    page.open(f"{url}/runs")
    line = "getComputedStyle(document.querySelector('.line')).stroke"
    light = page.run(line)
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert (light, page.run(line)) == ("rgb(11, 87, 168)", "rgb(140, 194, 255)")
    assert page.run("document.querySelector('.chart').getBoundingClientRect().width") > 300
    assert page.run("document.documentElement.scrollWidth") <= PHONE["width"]
    page.click("form[action='/runs/compare'] button")
    assert page.run("document.querySelector('.verdict').textContent").startswith("調整後は 70.0 ポイント高く")
    assert page.run("document.documentElement.scrollWidth") <= PHONE["width"]
    page.click("ul.questions a")
    assert page.run("document.querySelectorAll('.bar').length") == 8
    assert page.run("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.errors == []
