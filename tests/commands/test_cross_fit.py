"""Cross-fitting on a part of the sample with a random tiny model: each question once, resumable, refused when changed."""

from __future__ import annotations

import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import binomtest

from app.commands import build_index, cross_fit, train_qwen_law_ft
from app.commands.cross_fitting.folder import remember_settings
from app.core.cli import run_program
from app.core.errors import ConfigError
from app.core.files import sha256_file
from app.core.options import as_words
from app.core.questions import Question
from app.data.finetune import build_records
from app.data.lawqa import load_questions
from app.data.records import read_records, write_records
from app.evaluation.results.file import Result, read_result
from app.evaluation.statistics import interval_over
from app.retrieval.question_contexts import context_plan
from app.training.config import TrainConfig
from tests.killing import kill_at_line

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = ROOT / "sample"
QUESTIONS = 30


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    samples = json.loads((SAMPLE / "selection.json").read_text("utf-8"))["samples"][:QUESTIONS]
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    return path


def options(data: Path, model: Path, *more: object) -> list[str]:
    fixed = [
        "--data",
        data,
        "--model-name",
        model,
        "--output-dir",
        "out",
        "--folds",
        2,
        "--dev",
        0,
        "--context",
        "gold",
    ]
    training = ["--objective", "letter", "--rslora", "--lora-dtype", "bf16", "--max-steps", "1", "--batch-size", "2"]
    training += ["--gradient-accumulation-steps", "1", "--lora-r", "2"]
    return [str(option) for option in (*fixed, *training, *more)]


FIVE = ["--folds", 5, "--train-orders", 1, "--dev", 0.2, "--max-steps", 3, "--batch-size", 8, "--learning-rate", "1e-2"]


@pytest.fixture
def trainings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The output folders of the trainings that are started in this process."""
    started: list[str] = []
    real = train_qwen_law_ft.run_training

    def run_training(config: TrainConfig, words: Sequence[str], **more: Any) -> bool:
        started.append(str(config.output_dir))
        return real(config, words, **more)

    monkeypatch.setattr(train_qwen_law_ft, "run_training", run_training)
    return started


def assert_counts_follow_from_the_answers(
    stored: dict[str, Any], questions: dict[str, Question], base: Result, pooled: Result
) -> None:
    """The stored comparison again, from which question was answered rightly before and after."""
    (stored,) = stored["comparisons"]
    right = [
        [outcome.predicted == questions[outcome.id].correct for outcome in result.outcomes] for result in (base, pooled)
    ]
    gained = [name for name, before, after in zip(questions, *right, strict=True) if after and not before]
    lost = [name for name, before, after in zip(questions, *right, strict=True) if before and not after]
    assert stored["n"] == len(questions)
    assert stored["accuracy"] == [sum(each) / len(questions) for each in right]
    assert stored["difference"] == pytest.approx((len(gained) - len(lost)) / len(questions))
    assert (sorted(stored["flips_up"]), sorted(stored["flips_down"])) == (sorted(gained), sorted(lost))
    pairs = len(gained) + len(lost)
    assert stored["p_value"] == pytest.approx(binomtest(len(gained), pairs).pvalue if pairs else 1.0)


@pytest.mark.skipif(sys.platform == "win32", reason="kill -9 is a POSIX signal")
def test_five_folds_with_nested_dev_survive_kill_9_and_pool_into_one_verdict(
    data: Path, tiny_model_dir: Path, trainings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = options(data, tiny_model_dir, *FIVE)
    kill_at_line([str(ROOT / "scripts/cross_fit.py"), *command], "seed 42 の 3/5 組目", cwd=data.parent)
    assert not Path("out/seed_42/tuned.json").exists()
    finished = {name: Path(f"out/{name}").read_bytes() for name in ("base.json", "seed_42/fold_1/tuned.json", "seed_42/fold_2/tuned.json")}  # fmt: skip
    code = run_program(cross_fit.main, [*command, "--report", "out.html"])
    # What was finished is kept as it is; the fold that was killed and those after it are trained now.
    assert trainings == [f"out/seed_42/fold_{number}/adapter" for number in (3, 4, 5)]
    assert {name: Path(f"out/{name}").read_bytes() for name in finished} == finished
    out = capsys.readouterr().out
    pooled, base = read_result(Path("out/seed_42/tuned.json")), read_result(Path("out/base.json"))
    assert code == (3 if base.run["distrust"] or pooled.run["distrust"] else 0)

    questions = {one.id: one for one in load_questions(data)}
    tested: list[str] = []
    for number in range(1, 6):
        fold, split = Path(f"out/seed_42/fold_{number}"), Path(f"out/seed_42/folds/fold_{number}")
        manifest = json.loads((fold / "adapter/run.json").read_text("utf-8"))
        sides = {side: {one.id for one in load_questions(split / f"{side}.json")} for side in ("train", "dev", "test")}
        asked = [outcome.id for outcome in read_result(fold / "tuned.json").outcomes]
        assert set(asked) == sides["test"]
        assert set(manifest["trained_question_ids"]) == sides["train"]
        assert {record.meta["id"] for record in read_records(fold / "dev.jsonl")} == sides["dev"]
        # Three sides, nothing twice, nothing left out, and no article on two of them.
        assert all(sides.values())
        assert sum(map(len, sides.values())) == len(questions) == len(set().union(*sides.values()))
        articles = [{ref.article_key for name in ids for ref in questions[name].articles} for ids in sides.values()]
        assert all(not one & other for one, other in combinations(articles, 2))
        assert manifest["training"]["best"]["step"] in [row["step"] for row in manifest["training"]["dev_history"]]
        tested += asked
    assert sorted(tested) == sorted(questions)
    assert [outcome.id for outcome in pooled.outcomes] == [outcome.id for outcome in base.outcomes] == list(questions)

    stored = json.loads(Path("out/cross_fit.json").read_text("utf-8"))
    assert (stored["kind"], stored["seeds"]) == ("cross_fit", [42])
    assert_counts_follow_from_the_answers(stored, questions, base, pooled)
    assert out.startswith("調整前: ")
    assert "調整後（seed 42）" in out
    assert stored["comparisons"][0]["verdict"] in out
    assert Path("out.html").is_file()

    # A finished run trains nothing more, and the folder is for these settings only.
    run_program(cross_fit.main, command)
    assert len(trainings) == 3
    for more, names in (
        (["--lora-alpha", "8"], "training"),
        (["--train-context", "none"], "train_context"),
    ):
        assert run_program(cross_fit.main, [*command, *more]) == 1
        assert f"別の設定で始めた結果があります（違い: {names}）" in capsys.readouterr().err
    # A folder of an earlier version, which did not know --train-context, goes on.
    settings = json.loads(Path("out/settings.json").read_text("utf-8"))
    del settings["train_context"]
    Path("out/settings.json").write_text(json.dumps(settings), "utf-8")
    assert run_program(cross_fit.main, command) == code


@pytest.mark.parametrize(
    ("training", "evaluation"),
    [
        ("--max-steps 1", "--no-hf-load-in-4bit"),
        ("--use-4bit", "--hf-load-in-4bit --bnb-4bit-quant-type nf4"),
        ("--use-4bit --bnb-4bit-quant-type=fp4", "--hf-load-in-4bit --bnb-4bit-quant-type fp4"),
        (
            "--bnb-4bit-compute-dtype float32 --use-4bit --bnb-4bit-quant-type fp4",
            "--hf-load-in-4bit --bnb-4bit-quant-type fp4 --bnb-4bit-compute-dtype float32",
        ),
        ("--chat-format chatml --device cpu", "--no-hf-load-in-4bit --device cpu --chat-format chatml"),
    ],
)
def test_the_folds_are_evaluated_on_the_base_as_it_was_trained_on(training: str, evaluation: str) -> None:
    fixed = ["--data", "d.json", "--model-name", "m", "--output-dir", "out"]
    settings = cross_fit.parse([*fixed, *training.split()])
    asked = settings.evaluation(Path("q.json"), Path("a.json"), "gold", Path("adapter"))
    words = f"--hf-model-name m --hf-lora-path adapter {evaluation}".split()
    model = as_words(asked.model)
    assert sorted(model) == sorted(words)
    assert model[:4] == words[:4]


def test_a_folder_is_for_what_files_hold_however_they_are_spelled(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remember(data: object, model: object, index: object, initial: object) -> None:
        words = options(data, model, "--context", "rag", "--index-dir", index, "--init-adapter", initial)  # type: ignore[arg-type]
        remember_settings(cross_fit.parse(words), sha256_file(Path("data.json")))

    laws = sorted((SAMPLE / "laws").iterdir())
    for name in ("model", "adapter"):
        (tmp_path / name).mkdir()
    for name, law in (("index", laws[0]), ("other", laws[1])):
        assert run_program(build_index.main, ["--source", str(law), "--index-dir", name]) == 0
    (tmp_path / "model/model.safetensors").write_bytes(b"weights")
    (tmp_path / "adapter/adapter_model.safetensors").write_bytes(b"lora")
    (tmp_path / "link").symlink_to(tmp_path)
    remember("data.json", "other model", "index", "adapter")  # nothing is made yet: the next settings take its place
    remember("data.json", "model", "index", "adapter")
    Path("out/base.json").touch()
    remember(data, tmp_path / "model/", tmp_path / "link/index/", "link/adapter")
    monkeypatch.setenv("HOME", str(tmp_path))
    remember(data, tmp_path / "model", "index", "~/adapter")
    # One of before 0.3.0, which stored the spellings.
    stored = json.loads(Path("out/settings.json").read_text("utf-8"))
    old = {name: value for name, value in stored.items() if name not in ("model_sha256", "index")}
    training = [*old["training"], "--init-adapter", "adapter"]
    old |= {"data": "data.json", "model_name": "model", "output_dir": "out", "index_dir": "index", "training": training}
    Path("out/settings.json").write_text(json.dumps(old | {"train_records": "None"}), "utf-8")
    with pytest.raises(ConfigError, match="（違い: index_dir）"):
        remember(data, tmp_path / "model", "other", "adapter")
    remember(data, tmp_path / "model", "index", "adapter")
    # However the trainings' options are ordered and spelled, defaults among them.
    stored = json.loads(Path("out/settings.json").read_text("utf-8"))
    words = "--num-epochs 3 --lora-r=2 --share-prefix --batch-size 2 --gradient-accumulation-steps 1 --lora-dtype bf16"
    respelled = [*words.split(), "--rslora", "--max-steps=1", "--objective=letter"]
    Path("out/settings.json").write_text(json.dumps(stored | {"training": respelled}), "utf-8")
    remember(data, tmp_path / "model", "index", "adapter")
    Path("out/settings.json").write_text(json.dumps(stored | {"training": [*respelled, "--lora-r", "3"]}), "utf-8")
    with pytest.raises(ConfigError, match="（違い: training）"):
        remember(data, tmp_path / "model", "index", "adapter")
    Path("out/settings.json").write_text(json.dumps(stored), "utf-8")
    for path, named in (("model/model.safetensors", "model_sha256"), ("data.json", "data_sha256")):
        before = Path(path).read_bytes()
        Path(path).write_bytes(before + b" ")
        with pytest.raises(ConfigError, match=named):
            remember("data.json", "model", "index", "adapter")
        Path(path).write_bytes(before)
    # An index is what it holds and how it is searched, wherever it lies.
    shutil.copytree("index", "moved")
    remember("data.json", "model", "moved", "adapter")
    with pytest.raises(ConfigError, match="（違い: index）"):
        remember("data.json", "model", "other", "adapter")
    monkeypatch.setenv("RETRIEVER_DEFINITIONS", "true")
    with pytest.raises(ConfigError, match="（違い: index）"):
        remember("data.json", "model", "index", "adapter")


def test_training_with_distractors_and_evaluating_with_retrieval(data: Path, tiny_model_dir: Path) -> None:
    laws = SAMPLE / "laws"
    assert run_program(build_index.main, ["--source", str(laws), "--index-dir", "index"]) == 0
    more = [
        "--train-context",
        "distractors",
        "--context",
        "rag",
        "--index-dir",
        "index",
        "--without-gold",
        0.5,
    ]
    assert run_program(cross_fit.main, options(data, tiny_model_dir, "--dev", 0.2, *more)) in (0, 3)
    for number in (1, 2):
        fold = Path(f"out/seed_42/fold_{number}")
        manifest = json.loads((fold / "adapter/run.json").read_text("utf-8"))
        assert (manifest["context_source"], manifest["retriever_type"]) == ("distractors", "bm25")
        train = read_records(fold / "train.jsonl")
        without = {record.meta["id"] for record in train if not record.meta["gold_in_context"]}
        assert len(without) == int(0.5 * len({record.meta["id"] for record in train}) + 0.5)
        assert {record.meta["context_source"] for record in read_records(fold / "dev.jsonl")} == {"rag"}
        result = read_result(fold / "tuned.json")
        assert result.run["plan"]["context"] == "rag"
        assert all(outcome.passages for outcome in result.outcomes)


def test_two_seeds_are_one_verdict(data: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = options(data, tiny_model_dir, "--seeds", 2, "--train-orders", 1, "--report", "out.html")
    assert run_program(cross_fit.main, command) in (0, 3)
    value = json.loads(Path("out/cross_fit.json").read_text("utf-8"))
    base, *tuned = [
        {one.id: one.predicted == one.correct for one in read_result(Path(f"out/{name}.json")).outcomes}
        for name in ("base", "seed_42/tuned", "seed_43/tuned")
    ]
    together, pairs = value["together"], value["comparisons"]
    assert (value["seeds"], together["seeds"], together["n"]) == ([42, 43], 2, QUESTIONS)
    gains = [sum(seed.values()) - sum(base.values()) for seed in tuned]
    assert [pair["difference"] for pair in pairs] == pytest.approx([gain / QUESTIONS for gain in gains])
    assert together["difference"] == pytest.approx(sum(gains) / 2 / QUESTIONS)
    # Seeds are not held against each other.
    assert all(pair["p_value_holm"] == max(pair["p_value"], pair["cluster_p_value"]) for pair in pairs)
    out = capsys.readouterr().out.splitlines()
    place = next(number for number, line in enumerate(out) if line.startswith(together["verdict"]))
    caution = out[place].removeprefix(together["verdict"])  # of results that say of themselves not to be trusted
    distrusted = [
        name
        for name in ("base", "seed_42/tuned", "seed_43/tuned")
        if read_result(Path(f"out/{name}.json")).run["distrust"]
    ]
    assert caution.startswith("ただし、「") == bool(distrusted) == bool(caution)
    assert out[place - 1].startswith("seed 2 個の平均: 差 ")
    beginnings = [line.split("（")[0].split("、")[0] for line in out[place + 1 : place + 4]]
    assert beginnings == ["自信の強さをそれぞれ合わせた", "正解をほかの選択肢より上に置いた割合", "問い方別"]
    asked = [one.id for one in load_questions(data) if one.polarity == "incorrect"]
    both = [(base[name], seed[name]) for name in asked for seed in tuned]
    assert together["by_polarity"]["incorrect"] == {
        "n": len(asked), "before": sum(base[name] for name in asked), "after": sum(after for _, after in both) / 2,
        "won": sum(after > before for before, after in both) / 2, "lost": sum(after < before for before, after in both) / 2,
    }  # fmt: skip
    assert list(together["by_kind"]) == ["関連法令"]
    assert f'<p class="verdict together">{together["verdict"]}</p>' in Path("out.html").read_text("utf-8")


def test_the_reading_test_of_a_finished_folder_makes_only_what_is_missing(
    data: Path, tiny_model_dir: Path, trainings: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_program(build_index.main, ["--source", str(SAMPLE / "laws"), "--index-dir", "index"]) == 0
    command = options(data, tiny_model_dir, "--seeds", 2, "--train-orders", 1, "--report", "out.html")
    code = run_program(cross_fit.main, command)
    finished = {
        path: path.read_bytes()
        for path in Path("out").rglob("*.json")
        if path.name not in ("cross_fit.json", "settings.json")
    }
    assert "条文を読んでいるか" not in capsys.readouterr().out
    more = [*command, "--reading-test", "--index-dir", "index"]
    # An adapter of a fold that has to be asked again is gone.
    away = Path("out/seed_43/fold_2/adapter")
    away.rename("away")
    assert run_program(cross_fit.main, more) == 1
    assert "out/seed_43/fold_2/adapter: この組のアダプタがない" in capsys.readouterr().err
    assert not Path("out/base_none.json").exists()
    Path("away").rename(away)

    assert run_program(cross_fit.main, more) == code
    out = capsys.readouterr().out.splitlines()
    assert len(trainings) == 4
    assert {path: path.read_bytes() for path in finished} == finished

    def right(name: str, context: str) -> dict[str, int]:
        beside = "" if context == "gold" else f"_{context}"
        return {one.id: one.predicted == one.correct for one in read_result(Path(f"out/{name}{beside}.json")).outcomes}

    stored = json.loads(Path("out/cross_fit.json").read_text("utf-8"))
    rows = stored["together"]["reading"]
    questions = load_questions(data)
    for row, context in zip(rows, ("none", "removed"), strict=True):
        steps = {
            name: [right(name, "gold")[one.id] - right(name, context)[one.id] for one in questions]
            for name in ("base", "seed_42/tuned", "seed_43/tuned")
        }
        base, *seeds = steps.values()
        more_than = [sum(pair) / 2 - before for before, *pair in zip(base, *seeds, strict=True)]
        assert (row["context"], row["before"]["questions"]) == (context, QUESTIONS)
        assert row["before"]["difference"] == pytest.approx(sum(base) / QUESTIONS)
        assert row["after"]["difference"] == pytest.approx(sum(map(sum, seeds)) / 2 / QUESTIONS)
        assert row["change"]["difference"] == pytest.approx(sum(more_than) / QUESTIONS)
        interval = interval_over(more_than, [one.cluster for one in questions], seed=42, repeats=10_000)
        assert row["change"]["ci95"] == (None if interval is None else pytest.approx(list(interval)))
    assert [pair["reading"][0]["context"] for pair in stored["comparisons"]] == ["none", "none"]
    begin = out.index("条文を読んでいるか（正解の条文が足したもの）:")
    said = [line for line in out[begin + 1 :] if "信用できない結果を使っています" not in line]  # of a tiny model
    assert [line.split(":")[0].split("（")[0].strip() for line in said] == ["調整前", "調整後", "差"] * 2
    for place in ("out", *(f"out/seed_{seed}/fold_{number}" for seed in (42, 43) for number in (1, 2))):
        name = "base" if place == "out" else "tuned"
        for result in (read_result(Path(place, f"{name}_removed.json")),):
            assert result.run["plan"]["top_k"] == 3
            assert not any(passage.gold for outcome in result.outcomes for passage in outcome.passages)

    # Another index is found out before anything is asked, and the way out works.
    assert (
        run_program(
            build_index.main, ["--source", str(SAMPLE / "laws"), "--index-dir", "other", "--laws", "501SA0000000004"]
        )
        == 0
    )
    changed = [*command, "--reading-test", "--index-dir", "other"]
    assert run_program(cross_fit.main, changed) == code  # nothing is left to ask
    away = Path("out/seed_43/fold_2/tuned_removed.json")
    away.rename("away.json")
    capsys.readouterr()
    assert run_program(cross_fit.main, changed) == 1
    Path("away.json").rename(away)
    assert "out/base_removed.json: 別の索引か検索の設定で尋ねた結果です" in capsys.readouterr().err

    # A result that does not belong to the others is found out, not left out.
    Path("out/base_none.json").write_bytes(Path("out/base_removed.json").read_bytes())
    assert run_program(cross_fit.main, more) == 1
    assert "base と seed_42/tuned: 文脈 none の結果が" in capsys.readouterr().err


def test_two_workers_find_what_one_finds(data: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    samples = json.loads(data.read_text("utf-8"))["samples"][:8]
    data.write_text(json.dumps({"samples": samples}, ensure_ascii=False), "utf-8")
    command = options(data, tiny_model_dir, "--train-orders", 1, "--learning-rate", "1e-2")
    code = run_program(cross_fit.main, command)
    capsys.readouterr()
    side_by_side = [word if word != "out" else "two" for word in command]
    assert run_program(cross_fit.main, [*side_by_side, "--workers", "2"]) == code
    said = capsys.readouterr().err
    assert said.count("始めました") == said.count("終わりました") == 3
    assert "調整前のモデルを 8 問で評価します。" in Path("two/base_log.txt").read_text("utf-8")
    for name in ("base", "seed_42/fold_1/tuned", "seed_42/fold_2/tuned", "seed_42/tuned"):
        one, two = (read_result(Path(f"{folder}/{name}.json")) for folder in ("out", "two"))
        assert one.outcomes == two.outcomes
    for number in (1, 2):
        weights = [
            Path(f"{folder}/seed_42/fold_{number}/adapter/adapter_model.safetensors") for folder in ("out", "two")
        ]
        assert weights[0].read_bytes() == weights[1].read_bytes()
        assert "学習が終わりました" in Path(f"two/seed_42/fold_{number}/log.txt").read_text("utf-8")
    # The number of workers is no setting of the study: the finished folder is read as it is.
    assert run_program(cross_fit.main, side_by_side) == code


def test_the_choice_form_or_four_orders_a_shared_prefix_and_the_letters(data: Path) -> None:
    def parsed(*more: object) -> tuple[str, int | None, list[str]]:
        fixed = ["--data", data, "--model-name", "m", "--output-dir", "out"]
        settings = cross_fit.parse([str(option) for option in (*fixed, *more)])
        return settings.form, settings.train_orders, list(settings.words)

    shared, letter, choice = "--share-prefix", ["--objective", "letter"], ["--objective", "choice"]
    assert parsed() == ("choice", None, choice)
    assert parsed(*choice) == ("choice", None, choice)
    assert parsed("--objective=choice") == ("choice", None, ["--objective=choice"])
    # What says how letters are trained on asks for letters.
    assert parsed(shared) == ("letter", 4, [shared, *letter])
    assert parsed("--train-orders", 4) == ("letter", 4, [shared, *letter])
    assert parsed(*letter) == ("letter", 4, [*letter, shared])
    assert parsed("--objective", "text") == ("letter", 4, ["--objective", "text", shared])
    assert parsed("--objective=text") == ("letter", 4, ["--objective=text", shared])
    assert parsed("--mode", "cot") == ("letter", 4, [shared])
    assert parsed("--few-shot") == ("letter", 4, [shared, *letter])
    # Prompts that are trained on too cannot be shared, and have no letters.
    assert parsed("--no-loss-on-output-only") == ("letter", 4, ["--no-loss-on-output-only"])
    assert parsed("--no-share-prefix") == ("letter", 4, ["--no-share-prefix", *letter])
    assert parsed("--train-orders", 1) == ("letter", 1, [])
    assert parsed("--train-records", "own.jsonl") == ("letter", None, [])


def test_cited_words_go_into_the_records_and_the_answers_of_every_fold(data: Path) -> None:
    fixed = ["--data", str(data), "--model-name", "m", "--output-dir", "out"]
    plain, shown = cross_fit.parse(fixed), cross_fit.parse([*fixed, "--cited-words"])
    for settings, wanted in ((plain, False), (shown, True)):
        records = [settings.records(data, Path("r.jsonl"), seed) for seed in (None, 42)]
        assert [one.cited_words for one in records] == [wanted, wanted]
        answers = settings.evaluation(data, Path("a.json"), "gold", None)
        assert answers.cited_words is (True if wanted else None)
        assert ("--cited-words" in as_words(answers), "--no-cited-words" in as_words(answers)) == (wanted, False)
    remember_settings(plain, "1")
    (plain.output_dir / "base.json").touch()
    with pytest.raises(ConfigError, match="違い: cited_words"):
        remember_settings(shown, "1")
    with pytest.raises(ConfigError, match="--cited-words は候補を一つずつ示す形だけのものです"):
        cross_fit.parse([*fixed, "--cited-words", "--objective", "letter"])


def test_the_choice_form_from_an_adapter(
    data: Path, tiny_model_dir: Path, choice_maker: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    write_records(Path("other.jsonl"), choice_maker(2))
    stage = [
        "--model-name",
        str(tiny_model_dir),
        "--objective",
        "choice",
        "--lora-r",
        "2",
        "--max-steps",
        "1",
        "--device",
        "cpu",
    ]
    first = [*stage, "--train-file", "other.jsonl", "--output-dir", "first", "--rslora", "--lora-dtype", "bf16"]
    assert run_program(train_qwen_law_ft.main, first) == 0
    command = options(data, tiny_model_dir, "--dev", 0.2, "--objective", "choice", "--init-adapter", "first")
    assert run_program(cross_fit.main, command) in (0, 3)
    for number in (1, 2):
        fold = Path(f"out/seed_42/fold_{number}")
        manifest = json.loads((fold / "adapter/run.json").read_text("utf-8"))
        assert (manifest["form"], manifest["objective"]) == ("choice", "choice")
        assert manifest["init_adapter"]["path"] == "first"
        assert {"q0", "q1"} < set(manifest["trained_question_ids"])
        assert all(
            record.form == "choice" for name in ("train", "dev") for record in read_records(fold / f"{name}.jsonl")
        )
    for name in ("base", "seed_42/tuned"):
        assert read_result(Path(f"out/{name}.json")).run["plan"]["scoring"] == "choice"
    # An adapter that knows one of the questions is refused before anything runs.
    capsys.readouterr()
    seen = json.loads(Path("first/run.json").read_text("utf-8"))
    seen["trained_question_ids"].append(load_questions(data)[3].id)
    Path("first/run.json").write_text(json.dumps(seen), "utf-8")
    again = [word if word != "out" else "again" for word in command]
    assert run_program(cross_fit.main, again) == 1
    assert "--init-adapter first: --data の 1 問が学習か dev に使われています" in capsys.readouterr().err
    assert not Path("again").exists()
    # One that judged the choices in other prompts is refused too.
    assert run_program(cross_fit.main, [*again, "--cited-words"]) == 1
    assert "--init-adapter first: --cited-words を付けずに学習したアダプタですが" in capsys.readouterr().err
    # So is one that met it in a conversation.
    question = load_questions(data)[3]
    asked = "\n".join([question.question, *question.choices.values()])
    Path("talk.jsonl").write_text(json.dumps({"instruction": asked, "output": "a"}, ensure_ascii=False), "utf-8")
    seen["trained_question_ids"].pop()
    seen |= {"form": "chat", "train_file": {"path": "talk.jsonl", "sha256": sha256_file(Path("talk.jsonl"))}}
    Path("first/run.json").write_text(json.dumps(seen), "utf-8")
    assert run_program(cross_fit.main, again) == 1
    assert "--init-adapter first: --data の 1 問が学習か dev に使われています" in capsys.readouterr().err
    assert not Path("again").exists()


@pytest.mark.parametrize(
    ("mode", "change", "more", "message"),
    [
        ("direct", {}, [], "は cot のレコードです。--mode cot を指定"),
        ("cot", {"question": "別の問い"}, [], "の問題ではありません"),
        ("cot", {}, ["--train-orders", 4], "--train-records のレコードはそのまま使う"),
    ],
)
def test_records_that_do_not_belong_are_refused(
    data: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str],
    mode: str, change: dict[str, str], more: list[str], message: str,
) -> None:  # fmt: skip
    built = build_records(load_questions(data)[:2], "cot", context_plan("gold", 3, None))
    records = [one.record for one in built]
    if change:
        # Prompt and meta say the same: only the question is another than the file's.
        records = [
            replace(one, input=one.input.replace(one.meta["question"], change["question"]), meta=one.meta | change)
            for one in records
        ]
    write_records(Path("own.jsonl"), records)
    more = ["--mode", mode, "--train-records", "own.jsonl", "--objective", "text", *more]
    assert run_program(cross_fit.main, options(data, tiny_model_dir, *more)) == 1
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


def test_records_of_other_prompts_are_refused_before_the_untuned_model_is_asked(
    data: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    built = [one.record for one in build_records(load_questions(data), "direct", context_plan("gold", 3, None))]
    write_records(Path("own.jsonl"), [replace(one, meta=one.meta | {"few_shot": True}) for one in built])
    assert run_program(cross_fit.main, options(data, tiny_model_dir, "--train-records", "own.jsonl")) == 1
    assert "は例題の付いたレコードですが、評価は例題なしで尋ねます。" in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--train-file", "x.jsonl"], "--train-file は cross_fit が自分で決める"),
        (["--resume"], "--resume は cross_fit が自分で決める"),
        (["--seeds", "0"], "--seeds は 1 以上"),
        (["--folds", "1"], "--folds は 2 以上"),
        (["--workers", "0"], "--workers は 1 以上"),
        (["--reading-test", "--index-dir", "none"], "索引がありません"),
        (["--without-gold", "0.3"], "--without-gold は --train-context distractors"),
        (["--train-context", "distractors", "--index-dir", "none"], "索引がありません"),
        (["--context", "rag", "--index-dir", "none"], "索引がありません"),
        (["--learning-rate", "-1"], "learning-rate"),
        (["--objective", "choice", "--train-orders", "4"], "--train-orders とは使えません"),
        (["--init-adapter", "none"], "アダプタのフォルダがありません"),
        (["--config", "run.yaml"], "--config は cross_fit が自分で決める"),
        (["--mode", "cot"], "--mode cot では --objective text にしてください"),
        (["--objective", "text", "--train-mode", "cot"], "--train-mode cot は --mode direct のレコードを断ります"),
    ],
)
def test_bad_settings_are_refused_before_anything_runs(
    data: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    assert run_program(cross_fit.main, options(data, tiny_model_dir, *more)) == 1
    assert message in capsys.readouterr().err
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("name", "value", "more"),
    [
        ("LORA_PATH", "adapter", []),
        ("LLM_BACKEND", "openai", []),
        ("BNB_4BIT_COMPUTE_DTYPE", "float16", ["--use-4bit"]),
    ],
)
def test_what_the_environment_says_of_the_model_is_refused(
    data: Path, tiny_model_dir: Path, capsys: Any, monkeypatch: Any, name: str, value: str, more: list[str]
) -> None:
    monkeypatch.setenv(name, value)
    assert run_program(cross_fit.main, options(data, tiny_model_dir, *more)) == 1
    assert f"{name}={value} があります" in capsys.readouterr().err
    assert not Path("out").exists()


def test_an_unknown_training_option_is_wrong_usage(data: Path, tiny_model_dir: Path) -> None:
    with pytest.raises(SystemExit) as stop:
        run_program(cross_fit.main, options(data, tiny_model_dir, "--no-such-option"))
    assert stop.value.code == 2
    assert not Path("out").exists()


def test_a_folder_with_other_files_is_left_alone(
    data: Path, tiny_model_dir: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out").mkdir()
    Path("out/letter.txt").write_text("mine", "utf-8")
    assert run_program(cross_fit.main, options(data, tiny_model_dir)) == 1
    assert "別のファイルがあります" in capsys.readouterr().err


@pytest.mark.slow
def test_the_whole_sample_with_the_shipped_tiny_model_in_five_minutes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    fixed = ["--data", SAMPLE / "selection.json", "--model-name", SAMPLE / "tiny-qwen3", "--output-dir", "out"]
    training = ["--folds", 5, "--num-epochs", 1, "--batch-size", 16, "--gradient-accumulation-steps", 1]
    training += ["--train-orders", 1, "--no-activation-checkpointing", "--report", "report.html"]
    begun = time.monotonic()
    code = run_program(cross_fit.main, [str(option) for option in (*fixed, *training)])
    seconds = time.monotonic() - begun

    questions = {one.id: one for one in load_questions(SAMPLE / "selection.json")}
    base, pooled = read_result(Path("out/base.json")), read_result(Path("out/seed_42/tuned.json"))
    assert code == (3 if base.run["distrust"] or pooled.run["distrust"] else 0)
    # Every question is tested once.
    assert [outcome.id for outcome in pooled.outcomes] == [outcome.id for outcome in base.outcomes] == list(questions)
    assert_counts_follow_from_the_answers(
        json.loads(Path("out/cross_fit.json").read_text("utf-8")), questions, base, pooled
    )
    assert Path("report.html").stat().st_size < 3 * 2**20
    assert seconds < 300


@pytest.mark.parametrize("text", ['{"editor.fontSize": 14}', "[1, 2]"])
@pytest.mark.parametrize("beside", [False, True])
def test_settings_of_another_program_are_left_alone(tmp_path: Path, text: str, beside: bool) -> None:
    mine = tmp_path / "mine/settings.json"
    mine.parent.mkdir()
    mine.write_text(text, "utf-8")
    if beside:
        (mine.parent / "notes.txt").write_text("x", "utf-8")
    settings = cross_fit.parse(["--data", "data.json", "--model-name", "m", "--output-dir", str(mine.parent)])
    with pytest.raises(ConfigError, match="別のファイルがあります"):
        remember_settings(settings, "1")
    assert mine.read_text("utf-8") == text
