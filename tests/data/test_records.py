"""Records: what is accepted, what is refused with its line, and that nothing faulty is written."""

import json
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import DataError
from app.data.records import META_TYPES, Record, read_records, record_faults, write_records


def row(**changes: Any) -> dict[str, Any]:
    meta = {
        "id": "q1", "dataset": "sample", "mode": "direct", "correct": "c", "use_context": False, "context_present": False,
        "top_k": 0, "retriever_type": "none", "question": "問", "choices": {"a": "一", "b": "二", "c": "三", "d": "四"},
        "source_file": "q.json", "few_shot": False, "order": "abcd", "cluster": "法 第1条", "doc_ids": [], "scores": [],
        "prompt_version": "1",
    }  # fmt: skip
    value: dict[str, Any] = {"input": "問\na 一\nb 二\nc 三\nd 四", "output": "c", "meta": meta}
    for key, change in changes.items():
        target, name = (meta, key.removeprefix("meta_")) if key.startswith("meta_") else (value, key)
        if change is ...:
            del target[name]
        else:
            target[name] = change
    return value


def test_meta_keys_are_those_of_the_contract() -> None:
    assert list(META_TYPES) == [
        "id", "dataset", "mode", "correct", "use_context", "context_present", "top_k", "retriever_type", "question",
        "choices", "source_file", "few_shot", "order", "cluster", "doc_ids", "scores", "prompt_version",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        (row(), []),
        (row(output="Reasoning: 理由。\nAnswer: c", meta_mode="cot"), []),
        ([], ["オブジェクトではありません（list）"]),
        (row(input=...), ["input がありません"]),
        (row(input=""), ["input が空です"]),
        (row(output=...), ["output がありません"]),
        (row(output=3), ["output が文字列ではありません"]),
        (row(meta=...), ["meta がありません"]),
        (row(meta=[]), ["meta がオブジェクトではありません"]),
        (row(meta_id=...), ["meta.id がありません"]),
        (row(meta_top_k="3"), ["meta.top_k の型が違います（'3'）"]),
        (row(meta_top_k=True), ["meta.top_k の型が違います（True）"]),
        (row(meta_mode="chat"), ["meta.mode が 'chat' です（direct、cot のいずれか）"]),
        (row(meta_correct="e"), ["meta.correct が 'e' です（a、b、c、d のいずれか）", "output が 'c' です（direct では meta.correct の 'e' だけ）"]),
        (row(meta_retriever_type="bm26"), ["meta.retriever_type が 'bm26' です（none、bm25、vector、hybrid、gold のいずれか）"]),
        (row(meta_order="abcc"), ["meta.order が 'abcc' です（abcd を並べ替えたもの）"]),
        (row(meta_choices={"a": "一"}), ["meta.choices が a から順に 2〜6 個の文字列ではありません"]),
        (row(meta_doc_ids=["x"]), ["meta.doc_ids は 1 件、meta.scores は 0 件で、数が合いません"]),
        (row(meta_context_present=True), ["meta.context_present が true なのに meta.use_context が false です"]),
        (row(output="b"), ["output が 'b' です（direct では meta.correct の 'c' だけ）"]),
        (row(meta_mode="cot"), ["output が「Reasoning: …」と最後の行「Answer: 文字」の形ではありません"]),
        (row(output="Reasoning: \nAnswer: c", meta_mode="cot"), ["output が「Reasoning: …」と最後の行「Answer: 文字」の形ではありません"]),
        (row(output="Reasoning: 理由。\nAnswer: b", meta_mode="cot"), ["output の Answer が 'b' で、meta.correct の 'c' と違います"]),
    ],
)  # fmt: skip
def test_faults(value: Any, faults: list[str]) -> None:
    assert record_faults(value) == faults


CHOICE = {"meta_form": "choice", "meta_group": "q", "meta_choice": "c"}


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        (row(output="○", **CHOICE), []),
        (row(output="×", **CHOICE | {"meta_choice": "a"}), []),
        (row(output="×", **CHOICE), ["output が '×' です（問題の求め方と meta.correct から '○'）"]),
        (row(output="c", **CHOICE), ["output が 'c' です（問題の求め方と meta.correct から '○'）"]),
        (row(output="○", **CHOICE | {"meta_group": ""}), ["meta.group がありません（choice の記録には、比べる問題と選択肢の文字が要ります）"]),
        (row(output="○", **CHOICE | {"meta_choice": ""}), ["meta.choice がありません（choice の記録には、比べる問題と選択肢の文字が要ります）"]),
        (row(output="○", **CHOICE | {"meta_choice": "e"}), ["meta.choice が 'e' です（a、b、c、d のいずれか）"]),
        (row(output="○", **CHOICE | {"meta_mode": "cot"}), ["meta.mode が 'cot' です（choice の記録は direct だけ）"]),
        (row(output="○", **CHOICE | {"meta_correct": "ce"}), ["meta.correct が 'ce' です（a、b、c、d の文字）"]),
        (row(output="○", **CHOICE | {"meta_correct": "bc"}), []),
        (row(output="○", meta_form="statement"), ["meta.form が 'statement' です（letter、choice のいずれか）", "output が '○' です（direct では meta.correct の 'c' だけ）"]),
    ],
)  # fmt: skip
def test_choice_record_faults(value: Any, faults: list[str]) -> None:
    assert record_faults(value) == faults


def test_records_survive_writing_and_reading(tmp_path: Path) -> None:
    records = [
        Record(**row()),
        Record(**row(output="Reasoning: 理\n由。\nAnswer: c", meta_mode="cot", meta_order="dcba")),
    ]
    assert write_records(tmp_path / "r.jsonl", records) == 2
    assert read_records(tmp_path / "r.jsonl") == records
    assert [record.row_id for record in records] == ["q1", "q1/dcba"]


def test_every_line_with_a_fault_is_named(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    lines = [json.dumps(row()), "", "{", json.dumps(row(output="b")), json.dumps(row(input=...))]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_records(path)
    assert str(caught.value) == (
        f"{path}: 3 件の誤りがあります。\n"
        "3 行目が JSON として読めません（Expecting property name enclosed in double quotes）。\n"
        "4 行目: output が 'b' です（direct では meta.correct の 'c' だけ）。\n"
        "5 行目: input がありません。"
    )


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.jsonl").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match="レコードがありません"):
        read_records(tmp_path / "r.jsonl")


def test_a_faulty_record_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    write_records(path, [Record(**row())])
    before = path.read_bytes()
    with pytest.raises(DataError, match="q1: output が 'a'"):
        write_records(path, [Record(**row(output="a"))])
    assert path.read_bytes() == before


def lines(tmp_path: Path, *texts: str) -> Path:
    (tmp_path / "r.jsonl").write_text("\n".join(texts) + "\n", "utf-8")
    return tmp_path / "r.jsonl"


def fault_of(path: Path) -> str:
    with pytest.raises(DataError) as caught:
        read_records(path)
    return str(caught.value).removeprefix(f"{path}: ")


def test_one_id_for_two_questions_is_refused(tmp_path: Path) -> None:
    same, other = json.dumps(row(meta_order="abcd")), json.dumps(row(meta_question="別の問", input="別の問 一二三四"))
    assert len(read_records(lines(tmp_path, same, same))) == 2
    assert fault_of(lines(tmp_path, same, other)) == (
        "1 件の誤りがあります。\n2 行目: meta.id 'q1' が 1 行目の別の問題と同じです。"
    )


def test_half_a_character_is_refused_when_read(tmp_path: Path) -> None:
    assert fault_of(lines(tmp_path, json.dumps(row()), json.dumps(row(input="条\ud842文")))) == (
        "1 件の誤りがあります。\n2 行目に文字の半分だけが残っています（条\\ud842文）。"
    )


def test_an_array_is_no_json_lines_and_many_faults_stay_short(tmp_path: Path) -> None:
    array = json.dumps([row()] * 12, indent=2)
    assert fault_of(lines(tmp_path, array)).startswith("JSON の配列です。1 行に 1 件の JSON Lines")
    long = json.dumps(row(meta_top_k="長" * 5000), ensure_ascii=False)
    said = fault_of(lines(tmp_path, *[long] * 1000))
    assert said.startswith("1000 件の誤りがあります。\n1 行目: meta.top_k の型が違います（'長長")
    assert said.endswith("…。\nほか 980 件。")
    assert len(said) < 5000


@pytest.mark.parametrize(("text", "reason"), [("[" * 100_000, "配列"), ('{"input": "a", "input": "b"}', "'input' が二度あり、値が違います"), ('{"a":' * 100_000, "入れ子が深すぎます"), ('{"a": 1' + "0" * 5000 + "}", "数が大きすぎます")])  # fmt: skip
def test_json_that_python_cannot_read_is_one_line(tmp_path: Path, text: str, reason: str) -> None:
    assert reason in fault_of(lines(tmp_path, text))


@pytest.mark.parametrize(
    ("changes", "part"),
    [
        ({"input": "別の問\na 一\nb 二\nc 三\nd 四", "meta_question": "この問"}, "meta.question"),
        ({"meta_choices": {"a": "一", "b": "二", "c": "三", "d": "五"}}, "meta.choices.d"),
        ({"meta_form": "choice", "meta_group": "q1", "meta_choice": "b", "output": "×", "input": "問 三"}, "meta.choice の選択肢"),
    ],
)  # fmt: skip
def test_a_prompt_of_another_question_is_refused(tmp_path: Path, changes: dict[str, Any], part: str) -> None:
    assert fault_of(lines(tmp_path, json.dumps(row(**changes)))) == (
        f"1 件の誤りがあります。\n1 行目: input に {part} の文が入っていません（meta と別の問題のプロンプトです）。"
    )


def test_a_prompt_with_brackets_or_without_is_the_questions(tmp_path: Path) -> None:
    for shown in ("答えは〔a〕", "答えはａ"):  # as it is rendered now, and as it was before
        assert read_records(lines(tmp_path, json.dumps(row(meta_question="答えはａ", input=f"{shown} 一二三四"))))
