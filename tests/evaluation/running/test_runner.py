"""Running, stopping, resuming; guards on adapters; result files that are whole or refused."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from app.core.errors import BackendError, ConfigError, DataError
from app.core.prompts import CHOICE_PROMPT_VERSION, PROMPT_VERSION
from app.core.questions import ArticleRef, content_hash
from app.core.runs import ResumeKey
from app.data.context import Context
from app.evaluation.results.file import read_result
from app.evaluation.running.evaluate import Job, check_adapter, evaluate, pick_questions
from app.evaluation.running.guards import (
    TrainedOn,
    adapter_notes,
    check_few_shot_source,
    quantization_note,
    resolve_few_shot,
    sharing_clusters,
    trained_questions,
)
from app.evaluation.running.plan import EvaluationPlan
from app.evaluation.running.progress_file import ProgressFile, progress_path

PLAN = EvaluationPlan(context="none")


def no_context(question: Any) -> Context:
    return Context(None)


@pytest.fixture
def job_of(tmp_path: Path, question_of: Any) -> Any:
    data = tmp_path / "data.json"
    data.write_text("{}", "utf-8")
    questions = [question_of(number, "abcd"[number % 4]) for number in range(6)]

    def make(**values: Any) -> Job:
        return Job(**{
            "data": data, "questions": questions, "output": tmp_path / "out" / "result.json", "plan": PLAN,
            "header": {"command": ["test"]}, **values,
        })  # fmt: skip

    return make


def run(job: Job, backend: Any, key: str = "model") -> Any:
    return evaluate(job, load_backend=lambda: backend, contexts=no_context, model_key={"backend": key})


def test_a_result_is_written_whole_and_read_back(job_of: Any, scripted: Any) -> None:
    job = job_of()
    done = run(job, scripted(lambda prompt: "b"))
    result = read_result(job.output)
    assert result.name == "result"
    assert [outcome.id for outcome in result.outcomes] == [f"q{number}" for number in range(6)]
    assert result.summary == json.loads(json.dumps(done.summary))
    assert result.run["plan"] == PLAN.as_dict()
    assert result.run["prompt_version"] == PROMPT_VERSION
    assert result.run["model"] == {"backend": "scripted"}
    assert result.run["adapter"] is None
    assert len(done.distrust) == 1
    assert done.distrust[0].startswith("COLLAPSED: 回答が b に偏っています")
    assert result.run["distrust"] == list(done.distrust)


class Stops(Exception):
    pass


def stops(*_: Any, **__: Any) -> None:
    raise Stops


def stopping_after(questions: int, letter: str = "a") -> Any:
    seen: list[str] = []

    def letter_of(prompt: str) -> str:
        seen.append(prompt)
        if len(seen) > 4 * questions:
            raise Stops
        return letter

    return letter_of


def test_a_killed_run_goes_on_with_what_is_left(job_of: Any, scripted: Any) -> None:
    with pytest.raises(Stops):
        run(job_of(), scripted(stopping_after(2)))
    lines = progress_path(job_of().output).read_text("utf-8").splitlines()
    assert [json.loads(line).get("id") for line in lines] == [None, "q0", "q1"]
    assert not job_of().output.exists()
    # half a line, as a kill in the middle of writing leaves it
    with progress_path(job_of().output).open("a", encoding="utf-8") as file:
        file.write('{"id": "q2", "ques')
    backend = scripted(lambda prompt: "d")
    run(job_of(resume=True), backend)
    assert len(backend.prompts) == 4 * 4
    first = [outcome.answers[0].predicted for outcome in read_result(job_of().output).outcomes]
    assert first == ["a", "a", "d", "d", "d", "d"]


def test_an_interrupted_run_says_how_to_go_on(job_of: Any, scripted: Any, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(prompt: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(job_of(), scripted(interrupted))
    assert "--resume を付けると続きから" in capsys.readouterr().err


def test_a_finished_run_resumes_without_a_model(job_of: Any, scripted: Any) -> None:
    run(job_of(), scripted(lambda prompt: "a"))
    before = read_result(job_of().output).outcomes

    def load() -> Any:
        raise AssertionError("the model is not needed")

    evaluate(job_of(resume=True), load_backend=load, contexts=no_context, model_key={"backend": "model"})
    assert read_result(job_of().output).outcomes == before


def test_without_resume_everything_is_asked_again(job_of: Any, scripted: Any) -> None:
    run(job_of(), scripted(lambda prompt: "a"))
    backend = scripted(lambda prompt: "b")
    run(job_of(), backend)
    assert len(backend.prompts) == 24


@pytest.mark.parametrize("change", ["model", "plan", "questions"])
def test_a_run_with_other_settings_is_not_resumed(job_of: Any, scripted: Any, change: str) -> None:
    run(job_of(), scripted(lambda prompt: "a"))
    job = job_of(resume=True)
    if change == "plan":
        job = job_of(resume=True, plan=EvaluationPlan(context="none", orders=1))
    if change == "questions":
        job = job_of(resume=True, questions=job.questions[:3])
    named = {
        "model": "モデル（backend model → other）",
        "plan": "尋ね方（orders 4 → 1）",
        "questions": "問題の選び方",
    }[change]
    with pytest.raises(DataError, match=re.escape(f"別の設定で始めた評価の記録です（違い: {named}）。")):
        run(job, scripted(lambda prompt: "a"), key="other" if change == "model" else "model")


class Described:
    """A scripted backend that says about its model what it is told to."""

    def __init__(self, backend: Any, facts: dict[str, Any]) -> None:
        self._backend, self._facts = backend, facts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def facts(self) -> dict[str, Any]:
        return self._facts


FACTS = {
    "base_model": {"name": "m", "weights_sha256": "1"},
    "dtype": "float32",
    "device": "cpu",
    "tokenizer_sha256": "2",
}


def test_what_the_model_said_is_kept_until_the_result_is_written(
    job_of: Any, scripted: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was killed when every question was answered has its model's facts from the progress file."""
    from app.evaluation.running import evaluate as module

    monkeypatch.setattr(module, "write_result", stops)
    with pytest.raises(Stops):
        run(job_of(), Described(scripted(lambda prompt: "a"), FACTS))
    monkeypatch.undo()

    def load() -> Any:
        raise AssertionError("the model is not needed")

    evaluate(job_of(resume=True), load_backend=load, contexts=no_context, model_key={"backend": "model"})
    assert read_result(job_of().output).run["model"] == {"backend": "model", **FACTS}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"base_model": {"name": "m", "weights_sha256": "9"}}, "base_model.weights_sha256"),
        ({"tokenizer_sha256": "9", "dtype": "bfloat16"}, "dtype、tokenizer_sha256"),
        ({"base_model": {"name": "elsewhere/m", "weights_sha256": "1"}, "device": "cuda:0"}, None),
    ],
)
def test_answers_of_two_models_do_not_become_one_result(
    job_of: Any, scripted: Any, change: dict[str, Any], named: str | None
) -> None:
    with pytest.raises(Stops):
        run(job_of(), Described(scripted(stopping_after(2)), FACTS))
    other = Described(scripted(lambda prompt: "a"), {**FACTS, **change})
    if named is None:
        run(job_of(resume=True), other)
        return
    with pytest.raises(
        DataError, match=re.escape(f"前回の 2 問に答えたモデルと、いま読み込んだモデルが違います（違い: {named}）")
    ):
        run(job_of(resume=True), other)


@pytest.mark.parametrize(
    ("before", "now", "reasons", "refused"),
    [(None, "off", True, True), ("off", "off", True, False), (None, "off", False, False)],
)
def test_words_drawn_in_two_ways_do_not_become_one_result(
    job_of: Any, scripted: Any, before: str | None, now: str | None, reasons: bool, refused: bool
) -> None:
    """A version before 0.3.0, which does not say it, let the penalties of the model or the server in."""

    def facts(samplers: str | None) -> dict[str, Any]:
        return FACTS if samplers is None else {**FACTS, "samplers": samplers}

    plan = EvaluationPlan(context="none", cot=reasons, batch_size=1)
    with pytest.raises(Stops):
        run(job_of(plan=plan), Described(scripted(stopping_after(2)), facts(before)))
    other = Described(scripted(lambda prompt: "a"), facts(now))
    if not refused:
        run(job_of(resume=True, plan=plan), other)
        return
    with pytest.raises(
        DataError, match=re.escape("前回の 2 問に答えたモデルと、いま読み込んだモデルが違います（違い: samplers）")
    ):
        run(job_of(resume=True, plan=plan), other)


def test_the_batch_size_may_change_on_resume(job_of: Any, scripted: Any) -> None:
    run(job_of(), scripted(lambda prompt: "a"))
    backend = scripted(lambda prompt: "a")
    run(job_of(resume=True, plan=EvaluationPlan(context="none", batch_size=3)), backend)
    assert backend.prompts == []


TEXT = EvaluationPlan(context="none", scoring="text", orders=1, batch_size=3)


def test_a_question_that_fails_is_counted_and_asked_again_on_resume(job_of: Any, scripted: Any) -> None:
    def text_of(prompt: str) -> Any:
        return BackendError("時間切れ") if "問4:" in prompt else "a"

    done = run(job_of(plan=TEXT), scripted(lambda prompt: "a", text_of))
    summary = done.summary
    assert done.distrust == (
        "FAILED: 6 問のうち 1 問に答えが得られませんでした（最初は q4: 時間切れ）。"
        "--resume を付けると、その問題だけを尋ね直します",
    )
    assert summary["counts"] == {"correct": 1, "wrong": 4, "tied": 0, "unparsed": 0, "failed": 1}
    assert read_result(job_of().output).outcomes[4].answers[0].error == "時間切れ"
    backend = scripted(lambda prompt: "a", lambda prompt: "a")
    done = run(job_of(plan=TEXT, resume=True), backend)
    summary = done.summary
    assert done.distrust == ()
    assert len(backend.generated) == 1
    assert summary["counts"] == {"correct": 2, "wrong": 4, "tied": 0, "unparsed": 0, "failed": 0}


def test_three_failures_in_a_row_stop_the_run_but_keep_what_was_done(job_of: Any, scripted: Any) -> None:
    def text_of(prompt: str) -> Any:
        return "a" if "問0:" in prompt else BackendError("接続できません")

    with pytest.raises(BackendError, match="接続できません"):
        run(job_of(plan=TEXT), scripted(lambda prompt: "a", text_of))
    rows = progress_path(job_of().output).read_text("utf-8").splitlines()[1:]
    assert [json.loads(row)["status"] for row in rows] == ["correct", "failed", "failed", "failed"]


def test_samples_are_drawn_by_seed_in_file_order(question_of: Any) -> None:
    questions = [question_of(number) for number in range(20)]
    drawn = pick_questions(questions, 5, 1)
    assert drawn == pick_questions(questions, 5, 1)
    assert drawn != pick_questions(questions, 5, 2)
    assert [question.id for question in drawn] == [q.id for q in questions if q in drawn]
    assert pick_questions(questions, None, 1) == questions
    for samples in (0, 21, -1):
        with pytest.raises(ConfigError, match="1 から 20 まで"):
            pick_questions(questions, samples, 1)


def manifest(**values: Any) -> dict[str, Any]:
    return {
        "prompt_version": PROMPT_VERSION, "few_shot": False, "train_mode": "direct",
        "trained_question_ids": [], "trained_question_hashes": [], **values,
    }  # fmt: skip


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "run.json").write_text("{}", "utf-8")
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    return folder


def test_trained_questions_are_found_by_id_and_by_content(question_of: Any) -> None:
    questions = [question_of(number) for number in range(4)]
    known = manifest(
        trained_question_ids=["q1"],
        trained_question_hashes=[content_hash(q.question, q.choices) for q in (questions[1], questions[3])],
    )
    found = trained_questions(known, questions, "x")
    assert (found.by_id, found.by_content, found.count) == (("q1",), ("q3",), 2)


@pytest.mark.parametrize("by", ["id", "content"])
def test_trained_questions_are_refused_unless_allowed(job_of: Any, scripted: Any, adapter: Path, by: str) -> None:
    question = job_of().questions[2]
    values = (
        {"trained_question_ids": ["q2"]}
        if by == "id"
        else {"trained_question_hashes": [content_hash(question.question, question.choices)]}
    )
    job = job_of(adapter=(adapter, manifest(**values)))
    with pytest.raises(DataError, match=r"6 問のうち 1 問は.*q2.*--allow-trained"):
        run(job, scripted(lambda prompt: "a"))
    assert not job.output.exists()
    balanced = scripted(lambda prompt: "abcd"[len(prompt) % 4])
    allowed = run(job_of(adapter=(adapter, manifest(**values)), allow_trained=True), balanced)
    assert allowed.distrust[0].startswith("TRAINED: 1 問はアダプタの学習に使われた問題です")
    stored = read_result(job.output).run["adapter"]["trained_on"]
    found = {"by_id": ["q2"], "by_content": []} if by == "id" else {"by_id": [], "by_content": ["q2"]}
    assert stored == {**found, "dev": []}


@pytest.mark.parametrize("by", ["id", "content"])
def test_questions_that_chose_the_checkpoint_are_refused_unless_allowed(
    job_of: Any, scripted: Any, adapter: Path, by: str
) -> None:
    question = job_of().questions[2]
    digest = content_hash(question.question, question.choices)
    known = manifest(**({"dev_question_ids": ["q2"]} if by == "id" else {"dev_question_hashes": [digest]}))
    with pytest.raises(DataError, match=r"6 問のうち 1 問は.*チェックポイントを選ぶのに.*q2.*--allow-trained"):
        check_adapter(job_of(adapter=(adapter, known)))
    job = job_of(adapter=(adapter, known), allow_trained=True)
    balanced = scripted(lambda prompt: "abcd"[len(prompt) % 4])
    assert run(job, balanced).distrust[0].startswith("DEV: 1 問はアダプタのチェックポイントを選ぶのに使われた問題です")
    assert read_result(job.output).run["adapter"]["trained_on"] == {"by_id": [], "by_content": [], "dev": ["q2"]}


def test_a_question_both_trained_on_and_in_dev_counts_once(question_of: Any) -> None:
    known = manifest(trained_question_ids=["q1"], dev_question_ids=["q1", "q2"])
    found = trained_questions(known, [question_of(number) for number in range(4)], "x")
    assert (found.by_id, found.dev, found.count) == (("q1",), ("q2",), 1)


def test_questions_on_trained_articles_are_counted_and_remarked(
    job_of: Any, scripted: Any, adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    known = manifest(trained_clusters=["架空法 第2条", "架空法 第4条", "架空法 第99条"], trained_question_hashes=[])
    job = job_of(adapter=(adapter, known))
    run(job, scripted(lambda prompt: "abcd"[len(prompt) % 4]))
    remark = "注意: 6 問のうち 2 問は、学習した問題と同じ条文のまとまりの問題です（例 q2）。"
    assert capsys.readouterr().err.count(remark) == 1
    assert read_result(job.output).run["adapter"]["shared_clusters"] == 2
    seen = trained_questions(manifest(dev_question_ids=["q2"]), job.questions, "x")
    assert sharing_clusters(known, job.questions, seen) == ("q4",)  # q2 is refused or marked already


def test_an_article_of_another_file_s_cluster_is_a_trained_article(question_of: Any) -> None:
    """There 架空法 第1条 and 第2条 were one cluster, named by the first; here 第2条 stands alone."""
    known = manifest(trained_clusters=["架空法 第1条", "架空法 第2条"], trained_question_hashes=[])
    alone, joined = question_of(2), question_of(3)
    joined = replace(joined, articles=(*joined.articles, ArticleRef("架空法", "2")), cluster="架空法 第0条")
    assert sharing_clusters(known, [alone, joined, question_of(4)], TrainedOn((), ())) == ("q2", "q3")


def test_an_adapter_of_an_earlier_version_says_nothing_of_clusters(
    job_of: Any, scripted: Any, adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    job = job_of(adapter=(adapter, manifest()))
    run(job, scripted(lambda prompt: "abcd"[len(prompt) % 4]))
    assert "条文のまとまり" not in capsys.readouterr().err
    assert read_result(job.output).run["adapter"]["shared_clusters"] is None


def test_an_adapter_without_a_manifest_needs_leave(job_of: Any, adapter: Path) -> None:
    (adapter / "run.json").unlink()
    with pytest.raises(DataError, match="どの問題で学習したか分かりません"):
        check_adapter(job_of(adapter=(adapter, None)))
    assert check_adapter(job_of(adapter=(adapter, None), allow_trained=True)).count == 0


def test_a_manifest_without_the_trained_questions_is_refused(job_of: Any, adapter: Path) -> None:
    value = manifest()
    value.pop("trained_question_hashes")
    with pytest.raises(DataError, match="trained_question_hashes"):
        check_adapter(job_of(adapter=(adapter, value)))


def test_the_prompts_version_is_that_of_the_form(job_of: Any, adapter: Path) -> None:
    plan = EvaluationPlan(context="none", scoring="choice", orders=1)
    trained = manifest(form="choice", prompt_version="choice-0")
    with pytest.raises(DataError, match=r"prompt_version）'choice-0' で学習したものですが、今の版は 'choice-1'"):
        check_adapter(job_of(adapter=(adapter, trained), plan=plan))
    check_adapter(job_of(adapter=(adapter, manifest(form="choice", prompt_version=CHOICE_PROMPT_VERSION)), plan=plan))
    check_adapter(job_of(adapter=(adapter, trained)))  # asked for letters, whose prompts it never saw: a note says so


def test_another_prompt_version_is_refused(job_of: Any, adapter: Path) -> None:
    with pytest.raises(DataError, match=r"prompt_version）'0'"):
        check_adapter(job_of(adapter=(adapter, manifest(prompt_version="0"))))


@pytest.mark.parametrize(
    ("trained", "asked", "cot", "expected"),
    [(None, None, False, False), (None, True, False, True), (True, None, False, True), (False, None, False, False),
     (True, True, False, True), (False, False, False, False), (True, None, True, False)],
)  # fmt: skip
def test_few_shot_is_as_the_adapter_learned(
    trained: bool | None, asked: bool | None, cot: bool, expected: bool
) -> None:
    known = None if trained is None else manifest(few_shot=trained)
    assert resolve_few_shot(known, asked, cot, "x") is expected


@pytest.mark.parametrize(("trained", "option"), [(True, "--few-shot"), (False, "--no-few-shot")])
def test_few_shot_against_the_adapter_is_refused_by_option(trained: bool, option: str) -> None:
    with pytest.raises(DataError, match=rf"。{option} を指定するか"):
        resolve_few_shot(manifest(few_shot=trained), not trained, False, "x")


@pytest.mark.parametrize(
    ("facts", "settings", "remarks"),
    [
        ({"train_mode": "cot"}, {}, ["cot のレコードだけで"]),
        ({"train_mode": "mixed"}, {}, []),
        ({"form": "choice"}, {}, ["choice の形で学習していますが、--scoring letter で評価"]),
        ({"form": "choice"}, {"scoring": "choice", "orders": 1}, []),
        ({}, {"scoring": "choice", "orders": 1}, ["letter の形で学習していますが、--scoring choice で評価"]),
        ({"train_mode": "direct"}, {"cot": True, "orders": 1}, ["direct のレコードだけで"]),
        # Trained with gold among distractors, or with gold alone, and evaluated with retrieval: what they are for.
        ({"use_context": True, "context_source": "distractors", "retriever_type": "bm25"}, {"context": "rag"}, []),
        ({"use_context": True, "context_source": "gold"}, {"context": "rag"}, []),
        ({"use_context": True}, {}, ["参照条文ありで学習していますが、--context none"]),
        ({"use_context": False}, {"context": "gold"}, ["参照条文なしで学習していますが、--context gold"]),
        ({"few_shot": True}, {"few_shot": True}, ["例題の出どころがなく"]),
        ({"few_shot": True, "few_shot_source": "builtin:1"}, {"few_shot": True}, []),
    ],
)
def test_what_the_adapter_never_saw_is_remarked(
    facts: dict[str, Any], settings: dict[str, Any], remarks: list[str]
) -> None:
    found = adapter_notes(manifest(**facts), EvaluationPlan(**{"context": "none", **settings}))
    assert len(found) == len(remarks)
    assert all(remark in note for remark, note in zip(remarks, found, strict=True))


FOUR = {"load_in_4bit": True, "compute_dtype": "bfloat16", "quant_type": "fp4", "lm_head_4bit": False}


@pytest.mark.parametrize(
    ("trained", "asked", "remark"),
    [
        (None, {"load_in_4bit": False, "bnb": None}, None),
        (FOUR, {"load_in_4bit": True, "bnb": ["float32", "fp4"]}, None),  # how products are computed only rounds
        (
            FOUR,
            {"load_in_4bit": True, "bnb": ["bfloat16", "nf4"]},
            "4bit fp4のベースモデルで学習していますが、 4bit nf4の",
        ),
        (FOUR, {"load_in_4bit": False, "bnb": None}, "4bit fp4のベースモデルで学習していますが、量子化なしの"),
        (
            None,
            {"load_in_4bit": True, "bnb": ["bfloat16", "nf4"]},
            "量子化なしのベースモデルで学習していますが、 4bit nf4の",
        ),
        ({**FOUR, "lm_head_4bit": True}, {"load_in_4bit": True, "bnb": ["bfloat16", "fp4"]}, "4bit fp4（出力層も）の"),
        (FOUR, {"backend": "ollama"}, None),
    ],
)
def test_another_quantisation_than_the_trainings_is_remarked_on(
    trained: Any, asked: dict[str, Any], remark: str | None
) -> None:
    note = quantization_note(manifest(quantization=trained), asked)
    assert note is None if remark is None else note is not None and remark in note
    assert quantization_note(manifest(), asked) is None
    merged = quantization_note(manifest(quantization=trained, export={"key": "x"}), asked)
    assert (merged is not None and "4bit にし直して" in merged) is bool(asked.get("load_in_4bit"))


POOL = f"file:{'ab' * 32}:pool.json"


@pytest.mark.parametrize(
    ("trained", "source", "message"),
    [
        ("builtin:1", "builtin:1", None),
        (None, "builtin:1", None),  # does not say: adapter_notes remarks on it
        (POOL, f"file:{'ab' * 32}:renamed.json", None),
        (["builtin:1", POOL], POOL, None),
        (POOL, "builtin:1", r"ファイル pool\.json（SHA-256 abababababab…）.*。--few-shot-path にそのファイルを指定"),
        (POOL, f"file:{'cd' * 32}:pool.json", "--few-shot-path にそのファイルを指定"),
        ("builtin:1", POOL, "組み込みの例題で学習したもので、指定した例題と違います。--few-shot-path を外して"),
    ],
)
def test_other_examples_than_the_adapters_are_refused(trained: Any, source: str, message: str | None) -> None:
    if message is None:
        check_few_shot_source(manifest(few_shot=True, few_shot_source=trained), source, "x")
        return
    with pytest.raises(DataError, match=f"^x: .*{message}"):
        check_few_shot_source(manifest(few_shot=True, few_shot_source=trained), source, "x")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"orders": 2}, "--orders"),
        ({"orders": 1, "ensemble": True}, "--ensemble は --orders 4"),
        ({"ensemble": True, "scoring": "text"}, "--scoring text"),
        ({"cot": True, "few_shot": True}, "--few-shot は --use-cot"),
        ({"batch_size": 0}, "--batch-size"),
        ({"budget_tokens": 0}, "--max-new-tokens"),
        ({"context": "rag", "top_k": 0}, "--top-k"),
    ],
)
def test_contradicting_settings_are_refused_by_name(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        EvaluationPlan(**values)


def test_a_broken_result_is_one_clear_line(job_of: Any, scripted: Any, tmp_path: Path) -> None:
    job = job_of()
    run(job, scripted(lambda prompt: "abcd"[len(prompt) % 4]))
    whole = json.loads(job.output.read_text("utf-8"))
    cases: list[tuple[Any, str]] = [
        ("{", "JSON として読めません"),
        (json.dumps(whole)[:500], "JSON として読めません"),
        ([], "評価結果ではありません"),
        ({"config": {}, "summary": {}, "results": []}, r"import_results\.py"),
        ({**whole, "results": whole["results"][:-1]}, "見出しは 6 問ですが、結果は 5 問分"),
        ({**whole, "results": whole["results"][:-1] + whole["results"][:1]}, "問題 q0 が重複"),
        ({**whole, "summary": {**whole["summary"], "correct": 6}}, "正解数が合いません"),
        ({**whole, "run": None}, "run・summary・results"),
    ]
    for value, message in cases:
        path = tmp_path / "broken.json"
        path.write_text(value if isinstance(value, str) else json.dumps(value), "utf-8")
        with pytest.raises(DataError, match=message) as caught:
            read_result(path)
        assert "\n" not in str(caught.value)


def test_answers_of_a_run_that_did_not_end_are_never_lost(tmp_path: Path) -> None:
    from app.core.files import append_jsonl

    path = progress_path(tmp_path / "x.json")

    def begin() -> None:
        ProgressFile(tmp_path / "x.json", ResumeKey(settings={}), [], resume=False).append_to({})

    for answers in (3, 1, 0, 2):
        begin()
        for number in range(answers):
            append_jsonl(path, {"id": str(number)})
    begin()
    lines = {one.name: one.read_bytes().count(b"\n") for one in tmp_path.iterdir()}
    name = "x.json.progress.jsonl"
    assert lines == {name: 1, f"{name}.1": 4, f"{name}.2": 2, f"{name}.3": 3}
    append_jsonl(path, {"id": "0"})
    (tmp_path / "x.json").write_text("{}", "utf-8")  # the result holds them: they may go
    begin()
    assert len(list(tmp_path.iterdir())) == 5
