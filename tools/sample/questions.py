"""Authored four-choice questions on the invented laws: read, checked against the law, written in lawqa_jp's form.

One block of the authored form (``sample/source/questions/*.txt``)::

    @ 港湾条例 5-1 5-2-3; 港湾規則 4
    ? 次のうち、正しいものを教えてください。
    o 使用者は、…                      true: the words of the context (// skips some of them)
    x 市長は、[三十日→十四日]以内に…    false: true but for the marked change
    = 使用者は、[七日|十日|五日|三日]…  four choices at once; the first value is the true one
    x- 鉄道の駅                         false: a thing the context does not name
    x! 虚偽の届出をした者               false: words of the context that belong to another rule of it
    o~ …   x~ …   =~ …                  a free restatement: only the marked words are looked up in the context

So every choice says by itself whether it is true, and a choice whose true form is not in the law cannot be built.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.core.errors import DataError
from app.core.questions import LETTERS
from tools.sample.law import Article, Item, Paragraph, SampleLaw, plain

INSTRUCTION = "<following_context>次の問題文をよく読み、a、b、c、dの選択肢の中から答えを１つ選んでください。"
# What the question asks for, and how many of the four choices are then true.
TRUE_CHOICES = {"正しいもの": 1, "誤っているもの": 3, "該当しないもの": 3}

_MARK = re.compile(r"\[([^\[\]→|]+)→([^\[\]→|]*)\]")
_VARIANTS = re.compile(r"\[([^\[\]→|]+(?:\|[^\[\]→|]+){3})\]")
_REF = re.compile(r"(\d+(?:_\d+)*)(?:-(\d+))?(?:-(\d+(?:_\d+)*))?")
# A choice may stop in the middle of a sentence of the law; its verb is then shown in the form that ends a sentence.
_ENDINGS = (
    (r"をいい$", "をいう"),
    (r"行い$", "行う"),
    (r"(離|増|移|残|とも)し$", r"\1す"),
    (r"(?<!写)し$", "する"),
    (r"(受け付け|受け|させ)$", r"\1る"),
)
_CHOICE = re.compile(r"(o|x|=)([~!-]?) (.+)")


@dataclass(frozen=True, slots=True)
class Ref:
    """A provision of the law whose 略称 is ``law``; ``None`` means all of it."""

    law: str
    article: str
    paragraph: int | None = None
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """``original`` is the true form as the author claims it (``//`` kept), ``marked`` the words that were changed."""

    text: str
    true: bool
    original: str
    marked: tuple[str, ...] = ()
    free: bool = False
    absent: bool = False
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class AuthoredQuestion:
    """One block; ``place`` (file and line) is for errors."""

    place: str
    refs: tuple[Ref, ...]
    question: str
    choices: tuple[Choice, ...]

    @property
    def asks(self) -> str:
        """正しいもの, 誤っているもの or 該当しないもの."""
        return next(wanted for wanted in TRUE_CHOICES if wanted in self.question)

    @property
    def answer(self) -> Choice:
        """The choice that answers the question."""
        return next(choice for choice in self.choices if choice.true == (self.asks == "正しいもの"))


def parse_refs(text: str, place: str) -> tuple[Ref, ...]:
    """``港湾条例 5-1 5-2-3; 港湾規則 4`` as refs. Raises DataError."""
    refs = []
    for part in text.split(";"):
        law, *numbers = part.split()
        for number in numbers:
            match = _REF.fullmatch(number)
            if not match:
                raise DataError(f"{place}: 「{number}」は 条-項-号 の形ではありません。")
            refs.append(Ref(law, match[1], int(match[2]) if match[2] else None, match[3]))
    return tuple(refs)


def finished(text: str) -> str:
    """``text`` without skip marks, its last verb in the form that ends a sentence (``記録し`` as 記録する)."""
    text = text.replace("//", "")
    for pattern, ending in _ENDINGS:
        text, changed = re.subn(pattern, ending, text)
        if changed:
            break
    return text


def _choices(sign: str, mode: str, text: str, place: str) -> list[Choice]:
    free, absent, elsewhere = mode == "~", mode == "-", mode == "!"
    if sign == "=":
        match = _VARIANTS.search(text)
        if not match:
            raise DataError(f"{place}: = の行に [正|誤|誤|誤] がありません。")
        values = match[1].split("|")
        shapes = [text[: match.start()] + value + text[match.end() :] for value in values]
        return [
            Choice(finished(shape), value == values[0], shapes[0], (values[0],), free)
            for shape, value in zip(shapes, values, strict=True)
        ]
    marks = _MARK.findall(text)
    if (sign == "x") != bool(marks or absent or elsewhere):
        raise DataError(f"{place}: [正→誤] の印は x の行にだけ、必ず付けます（x- と x! を除く）。")
    original = _MARK.sub(r"\1", text)
    shown = finished(_MARK.sub(r"\2", text))
    return [Choice(shown, sign == "o", original, tuple(mark for mark, _ in marks), free, absent, elsewhere)]


def parse_questions(text: str, source: str) -> list[AuthoredQuestion]:
    """Every block of one authored file. Raises DataError with the line of the fault."""
    questions: list[AuthoredQuestion] = []
    refs: tuple[Ref, ...] = ()
    for number, line in enumerate(text.split("\n"), start=1):
        place = f"{source}: {number} 行目"
        if line.startswith("@ "):
            refs = parse_refs(line[2:], place)
        elif line.startswith("? "):
            questions.append(AuthoredQuestion(place, refs, line[2:].strip(), ()))
        elif match := _CHOICE.fullmatch(line.rstrip()):
            last = questions.pop()
            added = _choices(match[1], match[2], match[3], place)
            questions.append(AuthoredQuestion(last.place, last.refs, last.question, (*last.choices, *added)))
        elif line.strip():
            raise DataError(f"{place}: 行の始まりは @ ? o x = のどれかです（「{line[:12]}」）。")
    return questions


def article_heading(num: str) -> str:
    """``3_2`` as 第3条の2."""
    first, *branches = num.split("_")
    return f"第{first}条" + "".join(f"の{branch}" for branch in branches)


def _item_lines(item: Item) -> list[str]:
    first, *branches = item.num.split("_")
    heading = f"##### 第{first}号" + "".join(f"の{branch}" for branch in branches)
    return [heading, plain(item.text), *(f"{one.label} {plain(one.text)}" for one in item.subitems)]


def _paragraph_lines(article: Article, paragraph: Paragraph, items: set[str] | None) -> list[str]:
    """Heading, 柱書 and the items named (``None``: all). A lone paragraph has no heading, as in lawqa_jp."""
    lines = [f"#### 第{paragraph.num}項"] if len(article.paragraphs) > 1 else []
    lines.append(plain(paragraph.text))
    for item in paragraph.items:
        if items is None or item.num in items:
            lines.extend(_item_lines(item))
    return lines


def render_context(refs: Sequence[Ref], laws: Mapping[str, SampleLaw]) -> str:
    """コンテキスト: the cited provisions, word for word, under lawqa_jp's headings, in the order of the law.

    Raises DataError for a provision that does not exist.
    """
    lines: list[str] = []
    for name in dict.fromkeys(ref.law for ref in refs):
        if name not in laws:
            raise DataError(f"略称「{name}」の法令がありません（{'、'.join(laws)}）。")
        law = laws[name]
        lines.append(f"## {law.title}")
        cited = [ref for ref in refs if ref.law == name]
        for num in dict.fromkeys(ref.article for ref in cited):
            article = law.article(num)
            lines.append(f"### {article_heading(num)}")
            own = [ref for ref in cited if ref.article == num]
            known = {paragraph.num: {item.num for item in paragraph.items} for paragraph in article.paragraphs}
            for ref in own:
                if ref.paragraph is not None and (
                    ref.paragraph not in known or (ref.item and ref.item not in known[ref.paragraph])
                ):
                    raise DataError(f"{law.title} {num}-{ref.paragraph}-{ref.item or ''} がありません。")
            for paragraph in article.paragraphs:
                mine = [ref for ref in own if ref.paragraph in (None, paragraph.num)]
                if mine:
                    whole = any(ref.item is None for ref in mine)
                    lines.extend(
                        _paragraph_lines(article, paragraph, None if whole else {ref.item or "" for ref in mine})
                    )
    return "\n".join(lines)


def provisions_only(context: str) -> str:
    """The words of ``context`` without its headings."""
    return "\n".join(line for line in context.split("\n") if not line.startswith("#"))


def occurs(text: str, words: str) -> bool:
    """Whether the pieces of ``text`` between ``//`` occur in ``words``, in this order."""
    position = 0
    for piece in text.split("//"):
        found = words.find(piece, position)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def faults(question: AuthoredQuestion, context: str) -> list[str]:
    """What makes the question unfit, in Japanese; empty when it is sound."""
    words = provisions_only(context)
    found = []
    wanted = [one for one in TRUE_CHOICES if one in question.question]
    if len(wanted) != 1:
        return [f"問題文に {'・'.join(TRUE_CHOICES)} のどれか一つが必要です。"]
    if len(question.choices) != 4 or sum(choice.true for choice in question.choices) != TRUE_CHOICES[wanted[0]]:
        found.append("選択肢は四つで、正誤の数は問い方に合わせます。")
    if len({choice.text for choice in question.choices}) != len(question.choices):
        found.append("同じ選択肢が二つあります。")
    for choice in question.choices:
        if not choice.free and not choice.absent and not occurs(choice.original, words):
            found.append(f"条文にない文です: {choice.original}")
        found.extend(f"条文にない語です: {mark}" for mark in choice.marked if mark not in words)
        if not choice.true and not choice.elsewhere and choice.text in words:
            found.append(f"誤りの選択肢が条文にあります: {choice.text}")
    return found


def _hash_order(key: str, values: Sequence[str]) -> list[str]:
    """``values`` in an order that depends on ``key`` alone, the same on every machine."""
    return sorted(values, key=lambda value: hashlib.sha256(f"{key}|{value}".encode()).digest())


def answer_letters(count: int) -> list[str]:
    """One letter a question, balanced in every block of four."""
    letters = [letter for block in range(count // 4 + 1) for letter in _hash_order(f"letters {block}", LETTERS)]
    return letters[:count]


def build_samples(questions: Sequence[AuthoredQuestion], laws: Mapping[str, SampleLaw]) -> list[dict[str, object]]:
    """The rows of ``samples`` in lawqa_jp's format. Raises DataError naming every fault at once."""
    problems: list[str] = []
    samples: list[dict[str, object]] = []
    numbers: Counter[str] = Counter()
    for question, letter in zip(questions, answer_letters(len(questions)), strict=True):
        try:
            context = render_context(question.refs, laws)
        except DataError as error:
            problems.append(f"{question.place}: {error}")
            continue
        found = faults(question, context)
        problems.extend(f"{question.place}: {fault}" for fault in found)
        if found:
            continue
        first = question.refs[0]
        numbers[first.law] += 1
        chapter = laws[first.law].article(first.article).chapter
        place = "第" + chapter.num.replace("_", "章の") if chapter else "本則"
        place += "章" if chapter and "章" not in place else ""
        others = _hash_order(question.question, [c.text for c in question.choices if c is not question.answer])
        others.insert(LETTERS.index(letter), question.answer.text)
        samples.append(
            {
                "ファイル名": f"{first.law}_{place}_選択式_関連法令_問題番号{numbers[first.law]}",
                "コンテキスト": context,
                "指示": INSTRUCTION,
                "問題文": question.question,
                "選択肢": "\n".join(f"{name} {text}" for name, text in zip(LETTERS, others, strict=True)),
                "output": letter,
                "references": [
                    f"sample://law/{laws[law].law_id}" for law in dict.fromkeys(r.law for r in question.refs)
                ],
            }
        )
    if problems:
        raise DataError(" / ".join(problems))
    return samples
