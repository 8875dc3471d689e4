"""Exercises for the tiny model: a context of rules, statements about it, and verdicts that are marked as answers."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.core.prompts import COT_INSTRUCTIONS, build_mc_prompt_cot, build_mc_prompt_direct, render_cot_answer
from app.core.questions import LETTERS
from app.llm.tiny_corpus import ITEM_TEMPLATES, Rule, Statement, fill_slot, random_name, random_rule, restate, rule_text

Role = Literal["agrees", "departs", "differs", "judge", "select", "chat", "stop", "recall"]
YES, NO = "○", "×"


@dataclass(frozen=True, slots=True)
class Mark:
    """What a stretch of an exercise's text is."""

    start: int
    end: int
    role: Role  # restated text: before, at and after the first difference; judge, select, chat: an answer to be learned


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


@dataclass(frozen=True, slots=True)
class Context:
    """A text of rules."""

    text: str
    rules: tuple[Rule, ...]


def random_context(rng: random.Random, rules: int, *, headings: bool) -> Context:
    """``rules`` random rules, one a line or under headings for law, article, paragraph and item."""
    if not headings:
        known = tuple(random_rule(rng) for _ in range(rules))
        return Context("\n".join(rule_text(rule) for rule in known), known)
    found: list[Rule] = []
    lines = [f"## {random_name(rng)}{random_name(rng)}{rng.choice(('条例', '法', '規則', '施行規則'))}"]
    article, paragraph = rng.randint(1, 60), 0
    while len(found) < rules:
        if not paragraph or rng.random() < 0.4:
            branch = f"の{rng.randint(2, 4)}" if rng.random() < 0.15 else ""
            lines.append(f"### 第{article}条{branch}")
            article, paragraph = article + rng.randint(1, 4), 0
        paragraph += 1
        if paragraph > 1 or rng.random() < 0.8:
            lines.append(f"#### 第{paragraph}項")
        if rules - len(found) >= 3 and rng.random() < 0.25:
            head = rng.choice(
                (
                    "次のいずれかに当たるものは、当該各号の例による。",
                    "次に掲げるものは、この限りでない。",
                    "次の各号のいずれかに該当するものとする。",
                )
            )
            lines.append(head)
            for number in range(1, rng.randint(2, rules - len(found)) + 1):
                found.append(random_rule(rng, ITEM_TEMPLATES))
                lines += [f"##### 第{number}号", rule_text(found[-1])]
        else:
            found.append(random_rule(rng))
            lines.append(rule_text(found[-1]))
    return Context("\n".join(lines), tuple(found))


def judge(rng: random.Random, *, rules: int, statements: int, freedom: float, headings: bool) -> Exercise:
    """A context and statements about it, each followed by its verdict (○ or ×)."""
    context = random_context(rng, rules, headings=headings)
    known = context.rules
    writer = _Writer()
    writer.add(context.text + "\n\n")
    for _ in range(statements):
        statement = restate(rng, rng.choice(known), true=rng.random() < 0.5, others=known, freedom=freedom)
        writer.add_statement(statement)
        writer.add(YES if statement.true else NO, "judge")
        writer.add("\n")
    return writer.done()


_LABELS = ("アイウエオカキクケコ", "甲乙丙丁", "1234567", "①②③④⑤", "イロハニホヘト", "efghijklmnpqrs")
_ASK = {
    True: ("正しいものはどれか。", "適切なものを選べ。", "条文に合うものは何か。", "正しいものを選びなさい。"),
    False: (
        "誤っているものはどれか。",
        "不適切なものを選べ。",
        "条文に反するものは何か。",
        "誤りを含むものを選びなさい。",
    ),
}


def labels(rng: random.Random, count: int) -> list[str]:
    """Labels for ``count`` choices: a row of a usual series, or any of its signs in any order."""
    series = rng.choice([row for row in _LABELS if len(row) >= count])
    return list(series[:count]) if rng.random() < 0.5 else rng.sample(series, count)


def odd_one(
    rng: random.Random, known: Sequence[Rule], count: int, *, want_true: bool, freedom: float
) -> tuple[list[Statement], int]:
    """``count`` statements of which exactly one is true (``want_true``) or false, and its place.

    Now and then the statements are bare names instead, true where the text holds them.
    """
    place = rng.randrange(count)
    verdicts = [(index == place) == want_true for index in range(count)]
    names = sorted({part.text for rule in known for part in rule if part.kind in ("item", "object", "place")})
    if len(names) >= count and rng.random() < 0.2:
        held = rng.sample(names, count)
        return [
            Statement(held[index], True, None) if true else _stranger(rng, names) for index, true in enumerate(verdicts)
        ], place
    # Often all statements turn on one rule, as they do in real questions.
    pool = [rng.choice(known)] if rng.random() < 0.5 else list(known)
    return [restate(rng, rng.choice(pool), true=true, others=known, freedom=freedom) for true in verdicts], place


def _stranger(rng: random.Random, names: Sequence[str]) -> Statement:
    while (name := fill_slot(rng, "item")) in names:
        pass
    return Statement(name, False, (0, len(name)))


def select(
    rng: random.Random,
    *,
    rules: int,
    choices: int,
    freedom: float,
    headings: bool,
    questions: int = 1,
    true_share: float = 0.5,
) -> Exercise:
    """A context and questions with labelled choices; the answer is the label."""
    context = random_context(rng, rules, headings=headings)
    known = context.rules
    writer = _Writer()
    writer.add(context.text + "\n\n")
    for _ in range(questions):
        want_true = rng.random() < true_share
        found, place = odd_one(rng, known, choices, want_true=want_true, freedom=freedom)
        names = labels(rng, choices)
        writer.add(rng.choice(_ASK[want_true]) + "\n")
        for name, statement in zip(names, found, strict=True):
            writer.add(name + " ")
            writer.add_statement(statement)
            writer.add("\n")
        writer.add("→")
        writer.add(names[place], "select")
        writer.add("\n\n")
    return writer.done()


def recall(rng: random.Random, *, statements: int) -> Exercise:
    """Labelled statements, then some of them again; the answer is the label each had. Letters serve as labels here."""
    texts = sorted({restate(rng, random_rule(rng), true=True, others=(), freedom=1.0).text for _ in range(statements)})
    rng.shuffle(texts)
    names = list("abcd"[: len(texts)]) if rng.random() < 0.5 and len(texts) <= 4 else labels(rng, len(texts))
    if rng.random() < 0.3:
        rng.shuffle(names)
    writer = _Writer()
    for name, text in zip(names, texts, strict=True):
        writer.add(f"{name} {text}\n")
    writer.add("\n")
    for _ in range(4):
        index = rng.randrange(len(texts))
        writer.add(f"「{texts[index]}」→")
        writer.add(names[index], "recall")
        writer.add("\n")
    return writer.done()


_ORDERS = (
    "次の条文を読み、問いに答えよ。",
    "資料だけを根拠にして、当てはまるものの記号を答えてください。",
    "規則についての問題です。選択肢から一つを選び、その記号だけを答えてください。",
    "選択肢のうち一つを選んでください。説明は不要です。",
    "日本の法令に関する問題です。参照条文を根拠にして答えてください。",
)
_HEADS = (
    ("【参照条文】", "【問題】", "【選択肢】"),
    ("【条文】", "【問い】", "【候補】"),
    ("資料", "問", "選択肢"),
    ("【資料】", "【設問】", "【選択肢】"),
)
_ASK_CHAT = {
    True: ("次のうち、正しいものを教えてください。", "{name}に関する説明として、正しいものを教えてください。", "正しいものはどれですか。", "次のうち、{name}について正しいものを教えてください。", "{name}に該当するものを教えてください。"),
    False: ("次のうち、誤っているものを教えてください。", "{name}に関する説明として、誤っているものを教えてください。", "誤っているものはどれですか。", "{name}について、誤っているものを教えてください。", "{name}に該当しないものを教えてください。"),
}  # fmt: skip


def chat(
    rng: random.Random, *, rules: int, choices: int, freedom: float, headings: bool, true_share: float = 0.5
) -> Exercise:
    """One question in the chat format, thinking off; the answer is the label."""
    context = random_context(rng, rules, headings=headings)
    want_true = rng.random() < true_share
    found, place = odd_one(rng, context.rules, choices, want_true=want_true, freedom=freedom)
    names = labels(rng, choices)
    head, ask, offered = rng.choice(_HEADS)
    writer = _Writer()
    writer.add(f"<|im_start|>user\n{rng.choice(_ORDERS)}\n\n{head}\n{context.text}\n\n")
    question = rng.choice(_ASK_CHAT[want_true]).format(name=random_name(rng))
    writer.add(f"{ask}\n{question}\n\n{offered}\n")
    for name, statement in zip(names, found, strict=True):
        writer.add(name + " ")
        writer.add_statement(statement)
        writer.add("\n" if name != names[-1] else "")
    writer.add("<|im_end|>\n<|im_start|>assistant\n<think>\n\n</think>\n\n")
    writer.add(names[place], "chat")
    writer.add("<|im_end|>", "stop")
    return writer.done()


def draw_exercise(rng: random.Random, progress: float) -> Exercise:
    """A random exercise for ``progress`` (0 to 1): two short rules at first, then longer texts, headings and chats."""
    rules = rng.randint(1, 2 if progress < 0.3 else 3 if progress < 0.6 else 5)
    headings = progress > 0.3 and rng.random() < 0.6
    freedom = 0.1 if progress < 0.3 else 0.5
    form = rng.random()
    # Naming labels begins once verdicts are known, first those of false statements, which are the ones that stand out.
    naming = progress >= 0.22
    true_share = 0.5 if not naming else 0.15 if progress < 0.7 else 0.5
    if naming and rng.random() < 0.15:
        return recall(rng, statements=4)
    if form < (0.2 if naming else 0.6):
        return judge(rng, rules=rules, statements=5, freedom=freedom, headings=headings)
    choices = rng.choice((2, 3, 4) if progress < 0.5 else (3, 4, 4, 4))
    if form < 0.6 or progress < 0.3:
        questions = 3 if naming else 2
        return select(
            rng,
            rules=rules,
            choices=choices,
            freedom=freedom,
            headings=headings,
            questions=questions,
            true_share=true_share,
        )
    return chat(rng, rules=rules, choices=choices, freedom=freedom, headings=headings, true_share=true_share)


def trial_exercises(count: int = 80) -> dict[str, list[Exercise]]:
    """Fixed exercises that measure a skill, by name: short texts, and texts as long as real questions have."""
    rng = random.Random("trial")  # noqa: S311  # reproducible, no secret
    return {
        "short": [judge(rng, rules=2, statements=6, freedom=0.3, headings=False) for _ in range(count // 2)]
        + [select(rng, rules=2, choices=4, freedom=0.3, headings=False, questions=2) for _ in range(count)],
        "long": [judge(rng, rules=4, statements=6, freedom=0.6, headings=True) for _ in range(count // 2)]
        + [select(rng, rules=4, choices=4, freedom=0.6, headings=True) for _ in range(count)]
        + [chat(rng, rules=4, choices=4, freedom=0.6, headings=True) for _ in range(count)],
        "letters": [recall(rng, statements=4) for _ in range(count // 2)],
    }


def tokenizer_texts(seed: int, count: int = 6000) -> Iterator[str]:
    """Texts to train the tokenizer on: exercises, and the fixed wording of every prompt of ``app.core.prompts``."""
    rng = random.Random(f"tokenizer/{seed}")  # noqa: S311  # reproducible, no secret
    for index in range(count):
        headings = index % 2 == 0
        if index % 3 == 0:
            yield select(rng, rules=3, choices=4, freedom=0.5, headings=headings).text
        else:
            yield judge(rng, rules=3, statements=4, freedom=0.5, headings=headings).text
    asks = "".join(ask for asks in _ASK_CHAT.values() for ask in asks) + "".join(_ORDERS)
    choices = dict.fromkeys(LETTERS, "〇")
    for _ in range(count // 30):
        for few_shot in (True, False):
            yield build_mc_prompt_direct(asks, choices, "〇", few_shot=few_shot)
        for style in COT_INSTRUCTIONS:
            yield build_mc_prompt_cot(asks, choices, "〇", style=style)
        yield render_cot_answer("〇", LETTERS[0])
