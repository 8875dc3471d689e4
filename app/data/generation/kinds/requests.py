"""What a question asks, worded in lawqa_jp's manner with sentences of our own; {…} are filled in by the kinds."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from .drafts import Wants

RIGHT = ("正しいもの", "適切なもの", "正しい記述", "適切な記述", "適当なもの", "正しい説明")
WRONG = (
    "誤っているもの",
    "正しくないもの",
    "適切でないもの",
    "誤っている記述",
    "誤りを含むもの",
    "適切でない記述",
    "不適切なもの",
    "間違っているもの",
)
_THINGS = {
    wants: tuple(word for word in words if word.endswith("もの"))
    for wants, words in (("correct", RIGHT), ("incorrect", WRONG))
}
_STATEMENT = (
    "次のうち、{topic}について、{which}はどれですか。",
    "{topic}に関する次の記述のうち、{which}を一つ選んでください。",
    "{topic}についての説明として{which}を選んでください。",
    "次の{topic}についての説明のうち、{which}はどれか。",
    "次のうち、{which}はどれですか。",
    "{topic}について述べた次の文のうち、{which}を答えてください。",
    "次に掲げる記述のうち、{norm}に照らして{which}はどれでしょうか。",
)
# What a statement can be held against: a law, an article, a rule; not a person or a thing.
_NORM = re.compile(r"(?:法|法律|令|規則|条|項|号|規定)$|[条項号]の[0-9一二三四五六七八九十]+$")
_IN_LIST = {
    "correct": ("{thing}に該当するものはどれですか。", "次のうち、{thing}に当てはまるものを一つ選んでください。", "{thing}として、正しいものはどれか。",
                "次のうち、{thing}として適切なものを選んでください。"),
    "incorrect": ("{thing}に該当しないものはどれですか。", "次のうち、{thing}に当てはまらないものを一つ選んでください。",
                  "{thing}として、誤っているものはどれか。", "次のうち、{thing}に含まれないものを選んでください。", "{thing}として正しくないものはどれですか。"),
}  # fmt: skip
# How the words for what a provision lays down go on: a clause with こと or another noun, a whole sentence, what somebody
# or something is, a list with one of its items.
Told = Literal["noun", "sentence", "about", "lists"]
_ABOUT = (
    "{what}について記載した{of}条文を一つ選んでください。",
    "{what}について定めている{of}条文として、正しいものを選んでください。",
)
_ARTICLE: dict[Told, tuple[str, ...]] = {
    "noun": ("{what}を定めている{of}条文はどれですか。", "次のうち、{what}を規定した{of}条文はどれか。", *_ABOUT,
             "次のうち、{what}の根拠条文はどれですか。", "{what}の根拠となる{of}条文はどれでしょうか。"),
    # 「灯台守は、…届け出なければならないことの根拠条文」 does not read, nor 「次のうち、灯台守は、…」.
    "sentence": ("{what}と定めている{of}条文はどれですか。", "{what}旨を規定した{of}条文は、次のうちどれか。", "{what}旨を定めた{of}条文を一つ選んでください。",
                 "{what}と規定している{of}条文として、正しいものを選んでください。"),
    "about": _ABOUT,
    "lists": ("{what}{of}条文はどれですか。", "次のうち、{what}{of}条文はどれか。", "{what}{of}条文を一つ選んでください。",
              "{what}{of}条文として、正しいものを選んでください。"),
}  # fmt: skip
# For the order's provision: 「根拠条文」 could be the Act's, which leaves it to the order.
_THING = (
    "{name}に「{thing}」が該当することを定めている条文はどれですか。", "次のうち、{name}の一つとして「{thing}」を挙げている条文はどれか。",
    "{name}に「{thing}」が含まれると規定している条文を一つ選んでください。", "{name}に「{thing}」を含めている条文として、正しいものを選んでください。",
)  # fmt: skip
_VALUE = (
    "{name}を「{thing}」と定めている条文はどれですか。", "次のうち、{name}を「{thing}」としている条文はどれか。",
    "{name}が「{thing}」であることを規定した条文を一つ選んでください。", "{name}として「{thing}」を定めている条文はどれでしょうか。",
)  # fmt: skip
_CONTENTS = (
    "{name}を具体的に定めている条文はどれですか。", "次のうち、{name}が何であるかを規定した条文はどれか。", "{name}が何かを定めている条文を一つ選んでください。",
    "{name}を具体的に規定している条文として、正しいものを選んでください。",
)  # fmt: skip
_LEAVES = (
    "{cited}に定められている{noun}について、その定めを{by}に委ねている条文はどれですか。", "次のうち、{cited}が定める{noun}を、{by}で定めることとしている条文はどれか。",
    "{cited}の{noun}について、その定めを{by}に委任している条文を一つ選んでください。", "{cited}に{noun}の定めがありますが、その定めを{by}に委ねている条文として、正しいものを選んでください。",
)  # fmt: skip
_PAIR = (
    "次のうち、{law}の条文とそれが定める内容の組合せとして、{which}はどれですか。", "{law}のどの条文に何が定められているかについて、{which}を選んでください。",
    "{law}の条文の番号とその内容の対応について、次の記述のうち、{which}はどれか。",
)  # fmt: skip
_CONTENT = {
    "correct": ("{cited}に定められているものはどれですか。", "次のうち、{cited}の内容として{which}を一つ選んでください。", "{cited}が定めていることとして、{which}はどれか。"),
    "incorrect": ("{cited}に規定されていないものはどれですか。", "次のうち、{cited}の内容として{which}を一つ選んでください。", "{cited}が定めていることとして、{which}はどれか。"),
}  # fmt: skip
_BLANK = (
    "次の文の［　　］に入る{noun}として、正しいものはどれですか。\n{text}。", "以下の［　　］に当てはまる{noun}を一つ選んでください。\n{text}。",
    "次の記述の［　　］に入れるべき{noun}として適切なものはどれか。\n{text}。",
)  # fmt: skip


def statement_requests(topics: Sequence[str], wants: Wants, *, must_name: bool = False) -> tuple[str, ...]:
    """Requests for the right or the wrong statement about any of the topics; ``must_name`` where the candidates do not
    say whom they are about, so that the request has to."""
    words = RIGHT if wants == "correct" else WRONG
    frames = [frame for frame in _STATEMENT if "{topic}" in frame or "{norm}" in frame or not must_name]
    return tuple(
        frame.format(topic=topic, norm=topic, which=word)
        for frame in frames
        # 「次の説明のうち、正しい説明」 names it twice.
        for word in (_THINGS[wants] if re.search("説明|記述|文", frame) else words)
        for topic in topics
        if "{norm}" not in frame or _NORM.search(topic)
    )


def list_requests(things: Sequence[str], wants: Wants) -> tuple[str, ...]:
    """Requests for what is, or is not, one of the things."""
    return tuple(frame.format(thing=thing) for frame in _IN_LIST[wants] for thing in things)


def article_requests(what: str, of: str, told: Told = "noun") -> tuple[str, ...]:
    """Requests for the provision that lays down ``what``, or is about it: 「定款の変更を定めている」 would be the change
    itself. ``of`` names the law where the candidates do not."""
    return tuple(frame.format(what=what, of=of) for frame in _ARTICLE[told] if of == "" or "{of}" in frame)


def thing_requests(thing: str, name: str, *, listed: bool) -> tuple[str, ...]:
    """Requests for the provision of an order that says that the thing is, or is one of, what the Act calls ``name``."""
    return tuple(frame.format(thing=thing, name=name) for frame in (_THING if listed else _VALUE))


def contents_requests(name: str) -> tuple[str, ...]:
    """Requests for the provision of an order that says what the Act calls ``name``."""
    return tuple(frame.format(name=name) for frame in _CONTENTS)


def leaves_requests(cited: str, noun: str, by: str) -> tuple[str, ...]:
    """Requests for the provision of the Act that leaves the noun to ``by``, which the cited provision of an order fills in."""
    return tuple(frame.format(cited=cited, noun=noun, by=by) for frame in _LEAVES)


def pair_requests(law: str, wants: Wants) -> tuple[str, ...]:
    """Requests for the candidate that gives a provision's content under its right, or a wrong, number."""
    return tuple(frame.format(law=law, which=word) for frame in _PAIR for word in _THINGS[wants])


def content_requests(cited: str, wants: Wants) -> tuple[str, ...]:
    """Requests for what the cited provision lays down, or does not."""
    return tuple(
        dict.fromkeys(frame.format(cited=cited, which=word) for frame in _CONTENT[wants] for word in _THINGS[wants])
    )


def blank_requests(texts: Sequence[str], noun: str) -> tuple[str, ...]:
    """Requests for what stands in the blank of a sentence."""
    return tuple(frame.format(text=text, noun=noun) for frame in _BLANK for text in texts)
