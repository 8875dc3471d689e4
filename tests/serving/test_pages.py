"""The pages: what they show, what they refuse, and that nothing a law, a question or an answer holds becomes markup."""

import json
from html.parser import HTMLParser

import pytest

from app.serving.view import marked, safe_link, written

QUESTION = "旅客名簿の保存はいつまでか"
HOSTILE = (
    "<script>alert(1)</script><img src=x onerror=alert(1)>\"'><a href='javascript:alert(1)'>\u202e{{ 7*7 }}</main>"
)
TAGS = {
    "html", "head", "meta", "title", "link", "body", "a", "header", "p", "nav", "ul", "li", "main", "h1", "h2", "h3", "section",
    "div", "ol", "blockquote", "mark", "details", "summary", "form", "input", "label", "textarea", "button", "footer", "table",
    "caption", "thead", "tbody", "tr", "th", "td", "strong", "article", "code", "select", "option", "figure", "figcaption", "span",
    "br", "h4", "svg", "line", "text", "polyline", "circle", "rect",
}  # fmt: skip


class Page(HTMLParser):
    """The tags of a page with their attributes, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def harmless(self) -> bool:
        return all(
            tag in TAGS
            and not any(name.startswith("on") or name == "style" for name in attributes)
            and not (attributes.get("href") or "").lower().startswith(("javascript:", "data:"))
            for tag, attributes in self.tags
        )


PATHS = ("/", "/check", f"/search?q={QUESTION}", "/article?ref=渡船法9条", "/runs", "/status", "/thanks", "/api")


@pytest.mark.parametrize("path", PATHS)
def test_every_page_can_be_used_with_keyboard_and_reader(page, path):
    answer = page().get(path)
    assert answer.status_code == 200
    found = Page(answer.text)
    tags = [tag for tag, _ in found.tags]
    assert found.harmless()
    assert ("html", {"lang": "ja"}) in found.tags
    assert (tags.count("h1"), tags.count("main"), tags.count("nav")) == (1, 1, 1)
    assert next(item for item in found.tags if item[0] == "a")[1] == {"class": "skip", "href": "#main"}
    fields = {
        a["id"]
        for tag, a in found.tags
        if tag in ("textarea", "input", "select") and a.get("type") not in ("hidden", "radio")
    }
    assert fields <= {a.get("for") for tag, a in found.tags if tag == "label"}
    assert ("meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"}) in found.tags


def test_nothing_but_our_own_files_may_load(page):
    headers = page().get("/").headers
    assert headers["content-security-policy"] == (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
    assert headers["cache-control"] == "no-store"


def test_an_answer_beside_its_articles(page, model_of):
    model = model_of(["一年", "間です[1]。"])
    found = Page(page(model).post("/ask", data={"question": QUESTION}).text)
    assert "一年間です[1]。" in found.text
    assert "確かめ: 引用 [1] は上に示した条文です。" in found.text
    assert ("a", {"href": "https://laws.e-gov.go.jp/law/503AC0000000001#Mp-At_9", "rel": "noreferrer"}) in found.tags
    assert model.budgets == [512]


def test_a_follow_up_carries_the_conversation(page, model_of):
    model = model_of(["はい[1]。"])
    client = page(model)
    first = Page(client.post("/ask", data={"question": QUESTION}).text)
    carried = {a["name"]: a["value"] for tag, a in first.tags if a.get("type") == "hidden"}
    assert carried == {"asked": QUESTION, "answered": "はい[1]。", "as_of": ""}
    client.post("/ask", data={**carried, "question": "いつから数えるか"})
    assert f"【これまでのやりとり】\n問: {QUESTION}\n答: はい。" in model.prompts[1]


def test_without_a_model_the_articles_are_shown(page):
    found = Page(page().post("/ask", data={"question": QUESTION}).text)
    assert "渡船法 第9条" in found.text
    assert "モデルの指定がないので、答えは書きません。" in found.text


def test_a_question_with_choices(page, model_of):
    found = Page(page(model_of(odds=1.0)).post("/ask", data={"question": f"{QUESTION}。\r\na 一年間\r\nb 二年間"}).text)
    assert "→ a 一年間" in found.text
    assert found.text.count("50%") == 2


def test_each_sentence_of_a_text_is_judged(page, model_of):
    text = "旅客名簿は一年間保存しなければならない。許可の手数料は現金で納めるものとし、印紙は使えない。"
    found = Page(page(model_of(odds=2.0)).post("/check", data={"text": text}).text)
    assert "→ 条文に合う　合う確率 88%" in found.text
    assert "→ 条文からは分からない（この文の言葉が、見つかった条文にほとんどありません）" in found.text


def test_search_says_what_each_part_gave(page):
    found = Page(page().get("/search", params={"q": "旅客名簿"}).text)
    assert "点数 bm25 " in found.text
    assert "最初の条文にある割合: 100%" in found.text


def test_an_article_of_a_day(page):
    client = page()
    found = Page(client.get("/article", params={"ref": "渡船法5条", "as_of": "2024-01-01"}).text)
    assert "第2項　知事は、前項の許可の申請があったときは、三十日以内に許可をしなければならない。" in found.text
    early = client.get("/article", params={"ref": "渡船法5条", "as_of": "2020-01-01"})
    assert early.status_code == 400
    assert "2023-04-01" in Page(early.text).text


def test_an_article_s_references_are_links_in_its_text(page):
    client = page()
    found = Page(client.get("/article", params={"ref": "渡船法5条2項", "as_of": "2024-01-01"}).text)
    assert {"class": "reference", "href": "#p1", "title": "渡船法 第5条第1項"} in [
        a for tag, a in found.tags if tag == "a"
    ]
    lines = [a for tag, a in found.tags if tag == "p" and a.get("id")]
    assert lines == [{"id": "p1"}, {"id": "p2", "class": "asked"}]
    both = Page(client.get("/article", params={"ref": "渡船法5条1項及び2項", "as_of": "2024-01-01"}).text)
    assert [a["id"] for tag, a in both.tags if a.get("class") == "asked"] == ["p1", "p2"]
    # A link elsewhere keeps the day, and leads to the paragraph.
    listed = Page(client.post("/ask", data={"question": QUESTION, "as_of": "2024-01-01"}).text)
    href = "/article?at=503AC0000000001%23Mp-At_9&as_of=2024-01-01#p1"
    assert href in [a.get("href") for tag, a in listed.tags if tag == "a"]
    assert "渡船法 第9条" in Page(client.get(href).text).text


@pytest.mark.parametrize(
    ("method", "path", "data", "status", "words"),
    [
        ("get", "/nowhere", None, 404, "ページがありません。"),
        ("get", "/ask", None, 405, "この方法では開けません。"),
        ("get", "/search?as_of=昨日&q=届出", None, 400, "'昨日'"),
        ("get", "/article?ref=無い法99条", None, 400, "が分かりません。法令名を書いてください。"),
        (
            "get",
            "/article?at=503AC0000000001%23Mp-At_9&as_of=2020-01-01",
            None,
            400,
            "2020-01-01 に施行されている条文の中に",
        ),
        ("get", "/article?at=%22><script>", None, 400, "条文の中にありません"),
        ("post", "/ask", {"question": " "}, 400, "質問がありません。"),
        ("post", "/ask", {"question": "、。"}, 400, "語がありません"),
        ("post", "/ask", {"question": "長" * 4001}, 400, "4,001 文字"),
        ("post", "/ask", {"question": "どれか。\na 甲\nb 甲"}, 400, "同じもの"),
        ("post", "/check", {"text": "。"}, 400, "0 個"),
        ("post", "/feedback", {"rating": "good"}, 400, "残さない設定"),
    ],
)
def test_refusals_are_pages_too(page, model_of, method, path, data, status, words):
    answer = page(model_of(["はい"])).request(method, path, data=data)
    assert answer.status_code == status
    assert words in Page(answer.text).text
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"question=%FF", "application/x-www-form-urlencoded"),
        (b"\xff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a=1" for _ in range(50)), "application/x-www-form-urlencoded"),
        (b"{}", "application/json"),
        (b"", ""),
    ],
)
def test_what_is_no_form(page, content, kind):
    assert page().post("/ask", content=content, headers={"content-type": kind}).status_code == 400


def test_hostile_texts_stay_text(page, model_of, tmp_path):
    client = page(model_of([HOSTILE, "[1]"], 2.0), feedback=tmp_path / "feedback.jsonl")
    question = f"旅客名簿 {HOSTILE}"
    pages = [
        client.post("/ask", data={"question": question, "asked": HOSTILE, "answered": HOSTILE}),
        client.post("/ask", data={"question": f"{question}\na {HOSTILE}1\nb {HOSTILE}2"}),
        client.post("/check", data={"text": f"旅客名簿は保存する{HOSTILE}。"}),
        client.get("/search", params={"q": question}),
        client.get("/article", params={"ref": HOSTILE}),
        client.get(f"/{HOSTILE}"),
    ]
    for answer in pages:
        found = Page(answer.text)
        assert found.harmless(), answer.text
        assert "\u202e" not in answer.text
        assert "49" not in found.text.replace("&#49", "")
    assert HOSTILE.replace("\u202e", "\\u202e") in Page(pages[0].text).text


def test_a_hostile_law_stays_text(tmp_path, model_of):
    from starlette.testclient import TestClient

    from app.answering.session import LazyModel, Session
    from app.core.rag_config import load_config
    from app.retrieval.index.building import build_index
    from app.retrieval.rag_pipeline import RAGPipeline
    from app.serving.application import create_app
    from app.serving.desk import Desk

    bad = "&lt;script&gt;alert(1)&lt;/script&gt;"
    law = (
        '<Law Era="Reiwa" Lang="ja" LawType="Act" Num="1" Year="3" PromulgateMonth="1" PromulgateDay="2"><LawNum>令和三年法律第一号</LawNum>'
        f'<LawBody><LawTitle>{bad}法</LawTitle><MainProvision><Article Num="1"><ArticleCaption>（{bad}）</ArticleCaption>'
        f'<ArticleTitle>第一条</ArticleTitle><Paragraph Num="1"><ParagraphNum/><ParagraphSentence><Sentence>届出は、{bad}三日以内（以下「届&lt;b&gt;」という。）にする。</Sentence>'
        '</ParagraphSentence></Paragraph></Article><Article Num="2"><ArticleTitle>第二条</ArticleTitle><Paragraph Num="1"><ParagraphNum/>'
        f"<ParagraphSentence><Sentence>届&lt;b&gt;は、第一条の{bad}による。</Sentence></ParagraphSentence></Paragraph></Article>"
        "</MainProvision></LawBody></Law>"
    )
    folder = tmp_path / "laws" / "503AC0000000001_20230401_000000000000000"
    folder.mkdir(parents=True)
    (folder / f"{folder.name}.xml").write_text(law, encoding="utf-8")
    build_index(tmp_path / "laws", tmp_path / "index")
    lazy = LazyModel(lambda: model_of(["三日[1]"], 2.0))
    session = Session(RAGPipeline(load_config(env_file=None, retriever_index_dir=tmp_path / "index"), llm=lazy), lazy)
    client = TestClient(create_app(Desk(session)), base_url="http://127.0.0.1")
    for answer in (
        client.post("/ask", data={"question": "届出は何日以内か"}),
        client.post("/check", data={"text": "届出は、三日以内にする。"}),
        client.get("/search", params={"q": "届出"}),
        client.get("/article", params={"at": "503AC0000000001#Mp-At_1"}),
        client.get("/article", params={"at": "503AC0000000001#Mp-At_2"}),
    ):
        found = Page(answer.text)
        assert answer.status_code == 200
        assert found.harmless()
        assert "<script>alert(1)</script>法 第" in found.text
    kinds = {(a["class"], a["title"]) for tag, a in found.tags if tag == "a" and "title" in a}
    assert kinds == {
        ("reference", "<script>alert(1)</script>法 第1条"),
        (
            "term",
            "<script>alert(1)</script>法 第1条第1項: 届出は、<script>alert(1)</script>三日以内（以下「届<b>」という。）",
        ),
    }


def test_what_people_say_is_kept_in_the_file(page, model_of, tmp_path):
    file = tmp_path / "feedback.jsonl"
    client = page(model_of(["はい[1]。"]), feedback=file)
    shown = client.post("/ask", data={"question": QUESTION}).text
    assert 'action="/feedback"' in shown
    said = {"question": QUESTION, "answer": "はい[1]。", "rating": "bad", "comment": "違う"}
    assert "残しました。" in client.post("/feedback", data=said).text
    row = json.loads(file.read_text(encoding="utf-8"))
    assert {name: row[name] for name in said} == said
    assert client.post("/feedback", data={**said, "rating": "great"}).status_code == 400


def test_what_the_system_refuses_is_a_page(page, model_of, tmp_path):
    file = tmp_path / "feedback.jsonl"
    file.symlink_to("/dev/full")
    said = {"question": QUESTION, "answer": "はい[1]。", "rating": "bad", "comment": "違う"}
    answer = page(model_of(["はい[1]。"]), feedback=file).post("/feedback", data=said)
    assert answer.status_code == 503
    assert "ディスクの空きがありません" in Page(answer.text).text


@pytest.mark.parametrize(
    ("text", "query", "html"),
    [
        ("届出は要る", "届出", "<mark>届出</mark>は要る"),
        ("<b>届出</b>", "届出", "&lt;b&gt;<mark>届出</mark>&lt;/b&gt;"),
        ("\ue0f0届出\ue0f1", "なし", "届出"),  # the stand-ins of the marks cannot be brought along
        ("届\u202e出", "x", "届\\u202e出"),
    ],
)
def test_marks(text, query, html):
    assert str(marked(text, query)) == html


def test_pieces_are_escaped():
    assert written("a<b>&\x1b[0m") == "a&lt;b&gt;&amp;\\u001b[0m"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "https://laws.e-gov.go.jp.evil.example/", "", "//evil"])
def test_links_that_lead_elsewhere(link):
    assert safe_link(link) == ""
