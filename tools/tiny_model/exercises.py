"""Exercises for the tiny model: a context of rules, statements about it, and verdicts that are marked as answers.

The verdict is 合 or 否, after the statement itself (``judge``) or as the answer of a chat (``dialogue``). The answers and
the wording of the product's own prompt do not occur as a verdict or an order: those are what LoRA has to teach.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tools.tiny_model.contexts import Context, Layout, random_context
from tools.tiny_model.names import random_name
from tools.tiny_model.statements import Statement, name_statement, restate

Role = Literal["agrees", "departs", "differs", "judge", "chat", "stop", "sign"]
HOLDS, FAILS = "合", "否"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a stretch of an exercise's text is."""

    start: int
    end: int
    role: Role  # restated text: before, at and after the first difference; judge, chat, stop, sign: to be learned


@dataclass(frozen=True, slots=True)
class Exercise:
    """A text and its marks, in the order of the text."""

    text: str
    marks: tuple[Mark, ...]


class _Writer:
    """Text that is put together piece by piece, with marks."""

    def __init__(self) -> None:
        self.text = ""
        self.marks: list[Mark] = []

    def add(self, text: str, role: Role | None = None) -> None:
        if role and text:
            self.marks.append(Mark(len(self.text), len(self.text) + len(text), role))
        self.text += text

    def add_statement(self, statement: Statement) -> None:
        if statement.altered is None:
            self.add(statement.text, "agrees")
            return
        start, end = statement.altered
        self.add(statement.text[:start], "agrees")
        self.add(statement.text[start : start + 1], "departs")
        self.add(statement.text[start + 1 : end])
        self.add(statement.text[max(end, start + 1) :], "differs")

    def done(self) -> Exercise:
        return Exercise(self.text, tuple(self.marks))


def statements_about(rng: random.Random, context: Context, count: int, *, freedom: float) -> list[Statement]:
    """``count`` statements, true or false as chance has it: on all rules or on one, or (now and then) bare names."""
    known = context.rules
    names = rng.random() < 0.15 and any(part.kind in ("item", "word") for rule in known for part in rule)
    pool = [rng.choice(known)] if rng.random() < 0.4 else list(known)
    found = []
    for _ in range(count):
        true = rng.random() < 0.5
        if names:
            found.append(name_statement(rng, known, true=true))
        else:
            found.append(restate(rng, rng.choice(pool), true=true, others=known, freedom=freedom))
    return found


def judge(rng: random.Random, context: Context, *, statements: int, freedom: float) -> Exercise:
    """A context and statements about it, each followed by its verdict."""
    writer = _Writer()
    writer.add(context.text + "\n\n")
    for statement in statements_about(rng, context, statements, freedom=freedom):
        writer.add_statement(statement)
        writer.add(HOLDS if statement.true else FAILS, "judge")
        writer.add("\n")
    return writer.done()


_ORDERS = (
    "次の規則を読み、続く文が規則どおりかを判定せよ。",
    "資料だけを根拠にして、示した文の合否を答えてください。",
    "規則についての文を確かめます。規則のとおりなら合、そうでなければ否と言ってください。",
    "下の文は、上の資料と食い違っていませんか。合否で答えること。説明はいりません。",
    "あなたは校閲者です。規定と見比べて、文の合否を一字で答えなさい。",
    "規定の内容に沿う文かどうかを調べてください。理由は書かないこと。",
)
# Headings of rules, of what is asked and of the statement.
_HEADS = (
    ("【規定】", "【問い】", "【文】"),
    ("資料", "問", "文"),
    ("【資料】", "【設問】", "【記述】"),
    ("■ 規則", "■ 質問", "■ 回答案"),
    ("# 規則", "# 知りたいこと", "# 案"),
    ("〔根拠〕", "〔質問〕", "〔答案〕"),
)
_ASK = (
    "正しいのはどの文か。",
    "次のうち、正しいものを選んでください。",
    "{name}に関する説明として、正しいものはどれですか。",
    "{name}について、正しいものを選べ。",
    "{name}第{number}条について正しいものはどれか。",
    "{name}に当たるものは何ですか。",
    "{name}第{number}条により{name2}の{name3}として、正しいものを挙げよ。",
)
_ANSWERING = "<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n"


# Among them the answers to the product's prompts: ○ and ×, and letters.
SIGNS = ("○×", "○×", "○×", "abcd", "①②③④⑤")


def dialogue(rng: random.Random, context: Context, *, statements: int, freedom: float, signs: bool = False) -> Exercise:
    """Statements judged in the chat format, thinking off: the first under order, rules and question, the others after it.

    With ``signs`` the answers are signs instead of verdicts, and nothing says so: true and false statements get each sign
    equally often. So the signs that answer the product's prompts can be said, and say nothing about the truth.
    """
    head, ask, offered = rng.choice(_HEADS)
    names = {key: random_name(rng) for key in ("name", "name2", "name3")}
    writer = _Writer()
    writer.add("<|im_start|>user\n")
    if rng.random() < 0.85:
        writer.add(rng.choice(_ORDERS) + "\n\n")
    writer.add(f"{head}\n{context.text}\n\n")
    if rng.random() < 0.8:
        writer.add(f"{ask}\n{rng.choice(_ASK).format(**names, number=rng.randint(1, 60))}\n\n")
    writer.add(f"{offered}\n")
    series = rng.choice(SIGNS)
    left: dict[bool, list[str]] = {True: [], False: []}
    for number, statement in enumerate(statements_about(rng, context, statements, freedom=freedom)):
        writer.add("\n<|im_start|>user\n" if number else "")
        writer.add_statement(statement)
        writer.add(_ANSWERING)
        if signs:
            left[statement.true] = left[statement.true] or rng.sample(series, len(series))
            writer.add(left[statement.true].pop(), "sign")
        else:
            writer.add(HOLDS if statement.true else FAILS, "chat")
        writer.add("<|im_end|>", "stop")
    return writer.done()


def draw_exercise(rng: random.Random, progress: float) -> Exercise:
    """A random exercise for ``progress`` (0 to 1): two short rules at first, then longer texts, headings and chats."""
    early, late = progress < 0.1, progress >= 0.25
    layout: Layout = "lines" if early else rng.choice(("lines", "headings", "headings", "articles"))
    rules = rng.randint(1, 2 if early else 6 if late and layout != "lines" else 4)
    context = random_context(rng, rules, layout)
    freedom = 0.1 if early else 0.6
    if early or rng.random() < 0.4:
        return judge(rng, context, statements=6, freedom=freedom)
    return dialogue(rng, context, statements=6, freedom=freedom, signs=rng.random() < 0.25)


def trial_exercises(count: int = 24) -> dict[str, list[Exercise]]:
    """Fixed exercises that measure a skill, by name: short texts, and texts as long as real questions have."""
    rng = random.Random("trial")  # noqa: S311  # reproducible, no secret
    found: dict[str, list[Exercise]] = {}
    found["short"] = [judge(rng, random_context(rng, 2, "lines"), statements=6, freedom=0.3) for _ in range(count)]
    layouts: tuple[tuple[str, Layout], ...] = (("long", "headings"), ("articles", "articles"))
    for name, layout in layouts:
        found[name] = [judge(rng, random_context(rng, 4, layout), statements=6, freedom=0.6) for _ in range(count)]
        found[name] += [dialogue(rng, random_context(rng, 4, layout), statements=6, freedom=0.6) for _ in range(count)]
    return found


def tokenizer_texts(seed: int, count: int = 6000) -> Iterator[str]:
    """Texts to train the tokenizer on: exercises."""
    rng = random.Random(f"tokenizer/{seed}")  # noqa: S311  # reproducible, no secret
    layouts: tuple[Layout, ...] = ("lines", "headings", "articles")
    for index in range(count):
        context = random_context(rng, 3, layouts[index % 3])
        yield (judge if index % 2 else dialogue)(rng, context, statements=4, freedom=0.5).text
