"""The embedded sample: the invented statute book and its questions, built from ``sample/source``.

Everything under ``sample/laws`` and ``sample/selection.json`` is built here and nowhere edited by hand.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from app.core.errors import DataError
from app.core.files import read_text, to_json, write_bytes
from tools.sample.law import SampleLaw, parse_law
from tools.sample.questions import (
    TRUE_CHOICES,
    AuthoredQuestion,
    build_samples,
    parse_questions,
    render_context,
)
from tools.sample.xml import law_xml


@dataclass(frozen=True, slots=True)
class SampleBook:
    """Laws by 略称 and the authored questions, both in file order."""

    laws: dict[str, SampleLaw]
    questions: tuple[AuthoredQuestion, ...]


def load_book(source: Path) -> SampleBook:
    """The book under ``source`` (``laws/*.txt``, ``questions/*.txt``). Raises DataError."""
    laws: dict[str, SampleLaw] = {}
    for path in sorted((source / "laws").glob("*.txt")):
        law = parse_law(read_text(path), path.name)
        name = law.header["略称"]
        if name in laws or law.law_id in {other.law_id for other in laws.values()}:
            raise DataError(f"{path.name}: 略称「{name}」か法令ID {law.law_id} がほかの法令と重なります。")
        laws[name] = law
    if not laws:
        raise DataError(f"{source}/laws: 法令のファイル (*.txt) がありません。--source を確かめてください。")
    questions = [
        question
        for path in sorted((source / "questions").glob("*.txt"))
        for question in parse_questions(read_text(path), path.name)
    ]
    return SampleBook(laws, tuple(questions))


def build_files(book: SampleBook) -> dict[str, bytes]:
    """Content by path relative to ``sample/``: one XML a law in e-Gov's bulk layout, and selection.json."""
    files = {f"laws/{law.revision_id}/{law.revision_id}.xml": law_xml(law) for law in book.laws.values()}
    samples = build_samples(book.questions, book.laws)
    files["selection.json"] = (to_json({"samples": samples}, indent=2) + "\n").encode("utf-8")
    return files


def stale_files(files: dict[str, bytes], folder: Path) -> list[str]:
    """Paths whose content under ``folder`` is missing, differs, or should not be there."""
    built = {path for path, content in files.items() if (folder / path).is_file()}
    stale = [path for path, content in files.items() if path not in built or (folder / path).read_bytes() != content]
    present = {str(path.relative_to(folder)) for path in (folder / "laws").rglob("*.xml")}
    return sorted({*stale, *(present - files.keys())})


def write_files(files: dict[str, bytes], folder: Path) -> None:
    """Write what is stale and remove XML of laws that are no longer in the book."""
    for path in stale_files(files, folder):
        if path in files:
            write_bytes(folder / path, files[path])
        else:
            (folder / path).unlink()
            (folder / path).parent.rmdir()


def article_clusters(questions: tuple[AuthoredQuestion, ...]) -> list[int]:
    """Cluster number of each question: two that cite a common article, directly or through others, share one."""
    parent = list(range(len(questions)))

    def root(index: int) -> int:
        while parent[index] != index:
            index = parent[index]
        return index

    first: dict[tuple[str, str], int] = {}
    for index, question in enumerate(questions):
        for ref in question.refs:
            other = root(first.setdefault((ref.law, ref.article), index))
            parent[max(other, root(index))] = min(other, root(index))
    return [root(index) for index in range(len(questions))]


def _shares(counts: Counter[str], total: int) -> str:
    return "、".join(f"{name} {count}（{count / total:.1%}）" for name, count in counts.items())


def describe(book: SampleBook) -> list[str]:
    """Counts of the book as lines of Japanese."""
    samples = build_samples(book.questions, book.laws)
    live = [a for law in book.laws.values() for a in law.articles if not a.deleted]
    total = len(samples)
    lengths = sorted(len(render_context(question.refs, book.laws)) for question in book.questions)
    choices = [choice for question in book.questions for choice in question.choices]
    verbatim = sum(not choice.free and not choice.absent for choice in choices)
    cited = {(ref.law, ref.article) for question in book.questions for ref in question.refs}
    lines = [f"法令 {len(book.laws)} 本、条 {len(live)}（削除を除く本則）"]
    for name, law in book.laws.items():
        own = sum(question.refs[0].law == name for question in book.questions)
        count = sum(not article.deleted for article in law.articles)
        lines.append(f"  {law.title}（{law.law_id}）: {count} 条、附則 {len(law.supplements)}、問題 {own}")
    polarity = Counter(question.asks for question in book.questions)
    letters = Counter(str(sample["output"]) for sample in samples)
    clusters = Counter(article_clusters(book.questions))
    return [
        *lines,
        f"問題 {total}、問われた条 {len(cited)}",
        f"問い方: {_shares(Counter({asks: polarity[asks] for asks in TRUE_CHOICES}), total)}",
        f"正解の記号: {_shares(Counter(dict(sorted(letters.items()))), total)}",
        f"条のまとまり {len(clusters)}（最大 {max(clusters.values())} 問、一問だけ {sum(n == 1 for n in clusters.values())}）",
        f"コンテキストの字数: 最小 {lengths[0]}、中央 {lengths[total // 2]}、最大 {lengths[-1]}",
        f"条文の言葉のままの選択肢（印の語を除く）: {verbatim}/{len(choices)}（{verbatim / len(choices):.1%}）",
        "問題と条文を見ずに選択肢だけで当てる規則の正答率（偶然は 25%）:",
        *(_rule_line(name, rule, samples) for name, rule in CHOICE_ONLY_RULES.items()),
    ]


def _rule_line(name: str, rule: Rule, samples: list[dict[str, object]]) -> str:
    parts = [f"全体 {choice_only_accuracy(samples, rule):.1%}"]
    parts += [
        f"{asks} {choice_only_accuracy([one for one in samples if asks in str(one['問題文'])], rule):.1%}"
        for asks in TRUE_CHOICES
    ]
    return f"  {name}: {'、'.join(parts)}"


def _likeness(choices: dict[str, str]) -> dict[str, float]:
    """For each letter, the mean overlap (Jaccard, character pairs) of its choice with the other three."""
    pairs = {letter: {text[i : i + 2] for i in range(len(text) - 1)} for letter, text in choices.items()}
    return {
        letter: sum(len(own & other) / max(1, len(own | other)) for name, other in pairs.items() if name != letter) / 3
        for letter, own in pairs.items()
    }


def _lengths(choices: dict[str, str]) -> dict[str, float]:
    return {letter: float(len(text)) for letter, text in choices.items()}


Rule = Callable[[dict[str, str]], dict[str, float]]
# Rules that see neither question nor law: the highest value is the answer. None may do well.
CHOICE_ONLY_RULES: dict[str, Rule] = {
    "いちばん長い": _lengths,
    "いちばん短い": lambda choices: {letter: -value for letter, value in _lengths(choices).items()},
    "ほかの三つにいちばん似ている": _likeness,
    "ほかの三つにいちばん似ていない": lambda choices: {letter: -value for letter, value in _likeness(choices).items()},
}


def choice_only_accuracy(samples: list[dict[str, object]], rule: Rule) -> float:
    """Accuracy of answering by ``rule``; ties count by their share."""
    score = 0.0
    for sample in samples:
        values = rule({line[0]: line[2:] for line in str(sample["選択肢"]).split("\n")})
        tied = [letter for letter, value in values.items() if value == max(values.values())]
        score += (sample["output"] in tied) / len(tied)
    return score / max(1, len(samples))
