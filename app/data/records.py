"""Fine-tuning records: one JSON object a line, ``{"input", "output", "meta"}``, checked when written and when read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from ..core.errors import DataError
from ..core.files import half_character, json_reason, parse_json, read_text, write_jsonl
from ..core.prompts import FORMS, Form, render_choice_answer
from ..core.questions import CHOICE_LETTERS, content_hash, plain
from ..core.quoting import quoted
from ..core.requests import read_request

MOST_FAULTS = 20  # named in one message
# The form of a record that asks no question of ours but holds somebody's conversation (app/data/conversations.py).
CHAT: Literal["chat"] = "chat"
MODES = ("direct", "cot")
RETRIEVER_TYPES = ("none", "bm25", "vector", "hybrid", "gold")
# Every key of ``meta`` and the type of its value.
META_TYPES: dict[str, type | tuple[type, ...]] = {
    "id": str,  # of the question
    "dataset": str,  # name of the data set, e.g. lawqa_jp
    "mode": str,  # direct or cot
    "correct": str,  # letter of the right choice in the order shown; the right letters where there are several
    "use_context": bool,  # a context was asked for
    "context_present": bool,  # the prompt holds one
    "top_k": int,  # passages asked for; 0 without retrieval
    "retriever_type": str,  # none, bm25, vector, hybrid, or gold for the question's own articles
    "question": str,
    "choices": dict,  # as shown
    "source_file": str,  # file the question was read from
    "few_shot": bool,  # the prompt holds solved examples
    "order": str,  # original letters in the order shown, abcd for the file's own
    "cluster": str,  # article cluster of the question
    "doc_ids": list,  # ids of the passages in the prompt, best first
    "scores": list,  # their scores
    "prompt_version": str,
}
# Keys that records of earlier versions do not have; checked where they are there.
LATER_META_TYPES: dict[str, type | tuple[type, ...]] = {
    "context_source": str,  # none, rag, gold, or distractors (gold among other retrieved articles)
    "gold_in_context": bool,  # a gold article of the question stands in the prompt
    "few_shot_source": (str, type(None)),  # where the examples come from (app/data/few_shot.py); None without any
    "form": str,  # letter (all choices in one prompt; what records without the key are) or choice (one choice each)
    "group": str,  # choice form: the question whose choices are compared, its id
    "choice": str,  # choice form: letter of the one choice that the prompt shows
    "articles": list,  # what the question is clustered by: 「法令名 第N条」 of each article (app/data/clusters.py)
    "cited_words": bool,  # choice form: choices that only cite have the cited words under them; absent where not
    "generated": dict,  # only where a model wrote the reasoning: model, adapter, right_orders, quote_chars
}
_COT_OUTPUT = re.compile(r"Reasoning: \S[\s\S]*\nAnswer: ([a-f])")


@dataclass(frozen=True, slots=True)
class Record:
    """One training row."""

    input: str  # the whole user prompt
    output: str  # what the model shall answer: "c", "Reasoning: …\nAnswer: c", or ○ / × in the choice form
    meta: dict[str, Any]  # keys of META_TYPES

    @property
    def row_id(self) -> str:
        """How a message names the row: question id and the choice asked about or, for another order, the order."""
        if self.form == "choice":
            return f"{self.meta['id']}/{self.meta['choice']}"
        order = self.meta["order"]
        return str(self.meta["id"]) + ("" if order == "".join(sorted(order)) else f"/{order}")

    @property
    def clusters(self) -> set[str]:
        """What the question may not share with one that it is tested on: its articles, whatever file they stand in, and
        its cluster, which is all that records of earlier versions say."""
        return {self.meta["cluster"], *self.meta.get("articles", ())}

    @property
    def form(self) -> Form | Literal["chat"]:
        """How the question is put: all its choices at once, or one; ``chat`` for a conversation."""
        form: Form | Literal["chat"] = self.meta.get("form", "letter")
        return form


def read_records(path: Path) -> list[Record]:
    """The records of a JSONL file. Raises DataError that names every fault with its line number."""
    records: list[Record] = []
    faults: list[str] = []
    asked: dict[str, tuple[int, str]] = {}
    text = read_text(path)
    if text.lstrip().startswith("["):
        raise DataError(
            f"{path}: JSON の配列です。1 行に 1 件の JSON Lines（.jsonl）にしてください（scripts/build_finetune_dataset.py が作ります）。"
        )
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except (ValueError, RecursionError) as error:
            faults.append(f"{number} 行目が JSON として読めません（{json_reason(error)}）")
            continue
        if half := half_character(line, value):
            faults.append(f"{number} 行目に文字の半分だけが残っています（{half}）")
            continue
        found = record_faults(value)
        if not found:
            # Two files numbered alike, put together: what was trained on could not be told by its ids any more.
            digest = content_hash(value["meta"]["question"], value["meta"]["choices"])
            first, known = asked.setdefault(value["meta"]["id"], (number, digest))
            if known != digest:
                found.append(f"meta.id {value['meta']['id']!r} が {first} 行目の別の問題と同じです")
            found += _not_in_prompt(value["input"], value["meta"])
        faults += [f"{number} 行目: {fault}" for fault in found]
        if not found:
            records.append(Record(value["input"], value["output"], value["meta"]))
    if faults:
        more = "" if len(faults) <= MOST_FAULTS else f"\nほか {len(faults) - MOST_FAULTS} 件。"
        listed = "\n".join(f"{_short(fault)}。" for fault in faults[:MOST_FAULTS])
        raise DataError(f"{path}: {len(faults)} 件の誤りがあります。\n{listed}{more}")
    if not records:
        raise DataError(f"{path}: レコードがありません。scripts/build_finetune_dataset.py で作り直してください。")
    return records


def _not_in_prompt(prompt: str, meta: dict[str, Any]) -> Iterable[str]:
    """Parts of the question that ``meta`` names and the prompt does not hold: the leak guard goes by ``meta``."""
    if meta.get("form") == "choice":
        parts = {"meta.question": read_request(meta["question"].strip()).positive, "meta.choice の選択肢": meta["choices"][meta["choice"]]}  # fmt: skip
    else:
        parts = {"meta.question": meta["question"], **{f"meta.choices.{key}": text for key, text in meta["choices"].items()}}  # fmt: skip
    shown = plain(prompt)
    for name, text in parts.items():
        # Records of 0.2 hold letters that read as answers as they were.
        if plain(quoted(text.strip())) not in shown and plain(text) not in shown:
            yield f"input に {name} の文が入っていません（meta と別の問題のプロンプトです）"
            return


def _short(fault: str) -> str:
    return fault if len(fault) <= 200 else f"{fault[:200]}…"


def write_records(path: Path, records: Sequence[Record]) -> int:
    """Write the records in one step; returns their number. Raises DataError if one is faulty (nothing is written)."""
    faults = [f"{record.meta.get('id')}: {fault}" for record in records for fault in record_faults(as_row(record))]
    if faults:
        raise DataError(f"{path}: 書き出すレコードに {len(faults)} 件の誤りがあります。\n" + "\n".join(faults))
    return write_jsonl(path, (as_row(record) for record in records))


def as_row(record: Record) -> dict[str, Any]:
    """The record as the object that is written."""
    return {"input": record.input, "output": record.output, "meta": dict(record.meta)}


def record_faults(value: Any) -> list[str]:
    """What is wrong with a parsed row, in Japanese, each without its line; an empty list for a good one."""
    if not isinstance(value, dict):
        return [f"オブジェクトではありません（{type(value).__name__}）"]
    faults: list[str] = []
    for field in ("input", "output"):
        if field not in value:
            faults.append(f"{field} がありません")
        elif not isinstance(value[field], str):
            faults.append(f"{field} が文字列ではありません")
        elif not value[field].strip():
            faults.append(f"{field} が空です")
    meta = value.get("meta")
    if not isinstance(meta, dict):
        return [*faults, "meta がありません" if "meta" not in value else "meta がオブジェクトではありません"]
    for key, kind in META_TYPES.items():
        if key not in meta:
            faults.append(f"meta.{key} がありません")
        elif not isinstance(meta[key], kind) or (kind is int and isinstance(meta[key], bool)):
            faults.append(f"meta.{key} の型が違います（{meta[key]!r}）")
    for key, kind in LATER_META_TYPES.items():
        if key in meta and not isinstance(meta[key], kind):
            faults.append(f"meta.{key} の型が違います（{meta[key]!r}）")
    return faults or list(_contradictions(value["output"], meta))


def _contradictions(output: str, meta: dict[str, Any]) -> Iterable[str]:
    """Values that are not allowed or do not fit together, in a row whose fields all have their type."""
    allowed: tuple[tuple[str, Sequence[str]], ...] = (
        ("mode", MODES), ("retriever_type", RETRIEVER_TYPES), ("form", FORMS)
    )  # fmt: skip
    for key, values in allowed:
        if meta.get(key, values[0]) not in values:
            yield f"meta.{key} が {meta[key]!r} です（{'、'.join(values)} のいずれか）"
    letters = CHOICE_LETTERS[: len(meta["choices"])]
    least = 1 if meta.get("form") == "choice" else 2
    if tuple(meta["choices"]) != letters or len(letters) < least or not _are_texts(meta["choices"].values()):
        yield f"meta.choices が a から順に {least}〜{len(CHOICE_LETTERS)} 個の文字列ではありません"
        return
    if sorted(meta["order"]) != list(letters):
        yield f"meta.order が {meta['order']!r} です（{''.join(letters)} を並べ替えたもの）"
    yield from _choice_faults(output, meta) if meta.get("form") == "choice" else _letter_faults(output, meta, letters)
    if len(meta["doc_ids"]) != len(meta["scores"]):
        yield f"meta.doc_ids は {len(meta['doc_ids'])} 件、meta.scores は {len(meta['scores'])} 件で、数が合いません"
    if meta["context_present"] and not meta["use_context"]:
        yield "meta.context_present が true なのに meta.use_context が false です"


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _letter_faults(output: str, meta: dict[str, Any], letters: Sequence[str]) -> Iterable[str]:
    if meta["correct"] not in letters:
        yield f"meta.correct が {meta['correct']!r} です（{'、'.join(letters)} のいずれか）"
    if meta["mode"] == "direct" and output != meta["correct"]:
        yield f"output が {output[:20]!r} です（direct では meta.correct の {meta['correct']!r} だけ）"
    if meta["mode"] == "cot":
        match = _COT_OUTPUT.fullmatch(output)
        if not match:
            yield "output が「Reasoning: …」と最後の行「Answer: 文字」の形ではありません"
        elif match.group(1) != meta["correct"]:
            yield f"output の Answer が {match.group(1)!r} で、meta.correct の {meta['correct']!r} と違います"


def _choice_faults(output: str, meta: dict[str, Any]) -> Iterable[str]:
    missing = [key for key in ("group", "choice") if not meta.get(key)]
    if missing:
        yield from (
            f"meta.{key} がありません（choice の記録には、比べる問題と選択肢の文字が要ります）" for key in missing
        )
        return
    if meta["mode"] != "direct":
        yield f"meta.mode が {meta['mode']!r} です（choice の記録は direct だけ）"
    if meta["choice"] not in meta["choices"]:
        yield f"meta.choice が {meta['choice']!r} です（{'、'.join(meta['choices'])} のいずれか）"
    elif not set(meta["correct"]) <= set(meta["choices"]):
        yield f"meta.correct が {meta['correct']!r} です（{'、'.join(meta['choices'])} の文字）"
    else:
        right = render_choice_answer((meta["choice"] in meta["correct"]) == (read_request(meta["question"]).sign == 1))
        if output != right:
            yield f"output が {output[:20]!r} です（問題の求め方と meta.correct から {right!r}）"
