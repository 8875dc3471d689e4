"""Results of one training repeated with other seeds: whether that is what they are, as their adapters' run.json say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.files import sha256_file
from ...core.manifests import read_adapter_manifest
from ...evaluation.comparing.run_differences import ADAPTER, NAMES, differences
from ...evaluation.results.file import Result
from ...training.run_manifest import training_differences

# What the records of a training are, whichever questions they hold: a file of its own for each seed may differ in those.
_RECORDS = (
    "form", "train_mode", "prompt_version", "use_context", "context_source", "retriever_type", "top_k", "few_shot",
    "few_shot_source", "cited_words",
)  # fmt: skip
_UNEVEN = 1.1  # how many times as many questions one seed may have learned from


@dataclass(frozen=True, slots=True)
class Repeat:
    """One of the trainings."""

    seed: int
    questions: int  # that it learned from
    train_sha256: str  # of their file
    init_adapter: str | None  # folder of the adapter that it started from

    def as_json(self) -> dict[str, Any]:
        """For ``compare_runs.py --pool-seeds --json``."""
        return {"seed": self.seed, "questions": self.questions, "train_sha256": self.train_sha256}


def repeats_of(results: Sequence[Result]) -> list[Repeat]:
    """The trainings behind every result but the first, which is what they are held against.

    Raises DataError, one line, when they are fewer than two, were asked otherwise than the first or each other, or are
    not one training that was repeated with other seeds, on the same questions or on as many of the same kind.
    """
    base, *tuned = results
    if base.facts.adapter is not None:
        raise DataError(
            f"{base.path}: --pool-seeds の最初には、アダプタのないモデルの結果（調整前）を指定してください。"
        )
    if len(tuned) < 2:
        raise DataError(
            "--pool-seeds: 種を変えて学習した結果が 2 つ以上必要です。調整前の結果の後に、2 つ以上並べてください。"
        )
    for result in tuned:
        _check_asked_alike(base, result)
    manifests = [_manifest(result) for result in tuned]
    for result, manifest in zip(tuned[1:], manifests[1:], strict=True):
        if different := _training_differences(manifests[0], manifest):
            raise _unlike(tuned[0], result, different)
    _check_as_many(tuned, manifests)
    repeats = [_repeat(manifest) for manifest in manifests]
    seeds = [one.seed for one in repeats]
    if twice := [seed for number, seed in enumerate(seeds) if seed in seeds[:number]]:
        raise DataError(
            f"--pool-seeds: 種 {twice[0]} の学習が 2 回あります。違う --seed で学習した結果を指定してください。"
        )
    return repeats


def training_line(repeats: Sequence[Repeat]) -> str:
    """What was repeated, for a terminal."""
    seeds = "、".join(str(one.seed) for one in repeats)
    sizes = sorted({one.questions for one in repeats})
    questions = "〜".join(str(size) for size in dict.fromkeys((sizes[0], sizes[-1])))
    files = "同じ" if len({one.train_sha256 for one in repeats}) == 1 else "種ごとに別の"
    initial = repeats[0].init_adapter
    start = "" if initial is None else f"、--init-adapter {initial} から"
    return f"まとめた学習: 種 {seeds}、{questions} 問（{files}学習データ{start}）"


def _check_asked_alike(base: Result, result: Result) -> None:
    found = differences(base.facts, result.facts)
    if ADAPTER not in found:
        raise DataError(f"{result.path}: アダプタのない結果なので、--pool-seeds ではまとめられません。")
    if others := [NAMES[name] for name in found if name != ADAPTER]:
        raise DataError(
            f"{base.path} と {result.path}: アダプタのほかに{'、'.join(others)}が違うので、--pool-seeds ではまとめられません。"
            "同じ尋ね方で評価した結果を指定してください。"
        )


def _manifest(result: Result) -> dict[str, Any]:
    """The ``run.json`` that the result's adapter had when it was asked."""
    adapter = result.facts.adapter
    if adapter is None or not isinstance(adapter.path, str):
        raise DataError(
            f"{result.path}: アダプタが一つの結果ではないので、--pool-seeds ではまとめられません。"
            "交差適合の種は cross_fit.py --seeds がまとめます。"
        )
    file = Path(adapter.path) / "run.json"
    if not file.is_file() or sha256_file(file) != adapter.run_sha256:
        raise DataError(
            f"{result.path}: 採点したときのアダプタの記録（{file}）がないか変わっていて、種だけが違う学習か確かめられません。"
            "アダプタのフォルダを元の場所に戻すか、--pool-seeds なしで比べてください。"
        )
    manifest = read_adapter_manifest(file.parent)
    train = manifest.get("train_file")
    needed = {**manifest, **(train if isinstance(train, dict) else {})}
    if missing := [
        name for name in ("config", "chat", "base_model", "seed", "questions", "sha256") if name not in needed
    ]:
        raise DataError(
            f"{file}: {'、'.join(missing)} の記録がなく（前の版の学習）、種だけが違う学習か確かめられません。"
            "--pool-seeds なしで比べてください。"
        )
    return manifest


def _training_differences(one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    alike = {**other, "config": {**other["config"], "seed": one["config"].get("seed")}}
    found = training_differences(alike, one)
    found += [f"学習データの {name}" for name in _RECORDS if one.get(name) != other.get(name)]
    # With dev questions the best step is kept, without them the last.
    if (one.get("eval_file") is None) != (other.get("eval_file") is None):
        found.append("--eval-file の有無")
    if bool(one.get("generated")) != bool(other.get("generated")):
        found.append("作った問題で学習したか")
    return found


def _check_as_many(tuned: Sequence[Result], manifests: Sequence[Mapping[str, Any]]) -> None:
    """Raise DataError where one training saw many more questions than another, whichever came first."""
    counts = [(int(manifest["train_file"]["questions"]), place) for place, manifest in enumerate(manifests)]
    (least, few), (most, many) = min(counts), max(counts)
    if most > _UNEVEN * least:
        raise _unlike(tuned[few], tuned[many], [f"学習した問題の数: {least} → {most}"])


def _unlike(one: Result, other: Result, different: Sequence[str]) -> DataError:
    return DataError(
        f"{one.path} と {other.path}: 種のほかも違う学習なので、--pool-seeds ではまとめられません"
        f"（{' ／ '.join(different)}）。--pool-seeds なしで比べてください。"
    )


def _repeat(manifest: Mapping[str, Any]) -> Repeat:
    train, initial = manifest["train_file"], manifest.get("init_adapter")
    start = str(initial["path"]) if initial else None
    return Repeat(int(manifest["seed"]), int(train["questions"]), str(train["sha256"]), start)
