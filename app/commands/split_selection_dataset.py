"""Split a question file into train/dev/test or k folds by article cluster."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log
from ..core.errors import ConfigError, DataError
from ..core.files import read_json, sha256_file, sha256_text, write_json, write_text
from ..core.locks import folder_lock
from ..core.manifests import run_header
from ..core.options import add_options, faults, from_arguments, option, refuse
from ..core.outputs import Output, check_folder_place, check_outputs, in_ledger, json_kind
from ..core.questions import Question
from ..data.lawqa import load_questions, read_samples, samples_text
from ..data.splits import check_disjoint, fold_by_cluster, overlap_statistics, side_statistics, split_by_cluster

EXAMPLES = (
    "python scripts/split_selection_dataset.py --lawqa-path sample/selection.json --output-dir results/split",
    "python scripts/split_selection_dataset.py --lawqa-path data/lawqa_jp/selection.json --output-dir results/split "
    "--train 0.6 --dev 0.1 --test 0.3 --seed 7",
    "python scripts/split_selection_dataset.py --lawqa-path sample/selection.json --output-dir results/folds --folds 5",
)


# What a side is called, as a ledger names it: nothing else is ever removed.
_SIDE = re.compile(r"(?:fold_[1-9][0-9]*/)?(?:train|dev|test)\.json")


@dataclass(frozen=True, kw_only=True)
class SplitSettings:
    """How a question file is split: by shares, or into folds with the rest shared out."""

    lawqa_path: Path = field(metadata=option("lawqa_jp 形式の問題ファイル"))
    output_dir: Path = field(metadata=option("書き出すフォルダ（split.json と問題ファイル）"))
    train: float = field(default=0.6, metadata=option("train の割合"))
    dev: float = field(default=0.1, metadata=option("dev の割合。0 なら作らない"))
    test: float = field(default=0.3, metadata=option("test の割合"))
    folds: int | None = field(default=None, metadata=option("k 個の組に分け、組ごとに残りを train（と dev）にする"))
    seed: int = field(default=42, metadata=option("乱数の種", least=0, below=2**32))

    def __post_init__(self) -> None:
        refuse(faults(self))


def parser() -> JapaneseParser:
    parser = JapaneseParser("四択問題を条文クラスタごとに train/dev/test または k 個の組に分ける。", EXAMPLES)
    add_options(parser, SplitSettings)
    return parser


def main(argv: Sequence[str]) -> int:
    settings: SplitSettings = from_arguments(SplitSettings, parser().parse_args(argv))
    print(write_split(settings, run_header(argv)))
    return 0


def write_split(settings: SplitSettings, header: Mapping[str, Any]) -> Path:
    """Write the sides and ``split.json``, whose path is returned. Raises DataError when two sides would share an article."""
    questions = load_questions(settings.lawqa_path)
    rounds = _rounds(questions, settings)
    for sides in rounds.values():
        check_disjoint(sides)
    samples = read_samples(settings.lawqa_path)
    manifest: dict[str, Any] = {
        "kind": "split",
        "run": header,
        "source": {"path": str(settings.lawqa_path), "sha256": sha256_file(settings.lawqa_path)},
        "seed": settings.seed,
        "folds": settings.folds,
        "overlap": overlap_statistics(questions),
        "clusters": {question.id: question.cluster for question in questions},
        "sides": {},
    }
    texts: dict[Path, str] = {}
    for name, sides in rounds.items():
        for side, members in sides.items():
            path = settings.output_dir / name / f"{side}.json"
            ids = {question.id for question in members}
            chosen = [sample for sample in samples if sample["ファイル名"].strip() in ids]
            texts[path] = samples_text(chosen)
            file = path.relative_to(settings.output_dir).as_posix()
            manifest["sides"][file.removesuffix(".json")] = {
                "file": file, "sha256": sha256_text(texts[path]), **side_statistics(members), "ids": [q.id for q in members]
            }  # fmt: skip
    check_folder_place("--output-dir", settings.output_dir)
    with folder_lock(settings.output_dir):
        _write(settings, texts, manifest)
    return settings.output_dir / "split.json"


def _write(settings: SplitSettings, texts: dict[Path, str], manifest: dict[str, Any]) -> None:
    """Write the sides, then ``split.json``, which vouches for them; only sides of an earlier split are replaced or removed.

    What is about to be written stands in ``.split.writing.json`` meanwhile: after a kill the files are known as ours.
    """
    folder = settings.output_dir
    done, writing = folder / "split.json", folder / ".split.writing.json"
    ours = in_ledger(done, writing)
    stale = _stale(folder, texts, done, writing)
    outputs = [Output("--output-dir", path, ours) for path in (*texts, *filter(os.path.lexists, stale))]
    check_outputs([*outputs, Output("--output-dir", done, json_kind("split"))], {"--lawqa-path": settings.lawqa_path})
    before = {path: [sha256_file(path)] if path.exists() else [] for path in (*texts, *stale)}
    names = {path: path.relative_to(folder).as_posix() for path in before}
    coming = {path: [sha256_text(text)] for path, text in texts.items()}
    write_json(writing, {"kind": "split-writing", "files": {
        names[path]: [*coming.get(path, []), *digests] for path, digests in before.items()
    }})  # fmt: skip
    done.unlink(missing_ok=True)
    for path, text in texts.items():
        write_text(path, text)
        side = manifest["sides"][names[path].removesuffix(".json")]
        log(f"{path}: {side['questions']} 問、{side['clusters']} クラスタ")
    for path in stale:
        _remove(path, folder)
    write_json(done, manifest)
    writing.unlink()


def _stale(folder: Path, texts: Mapping[Path, str], *ledgers: Path) -> list[Path]:
    """The sides of an earlier split that this one does not write: what is in them is in other sides now."""
    named: set[str] = set()
    for ledger in ledgers:
        with suppress(DataError, AttributeError, TypeError):  # missing, broken or no ledger: it names nothing
            value = read_json(ledger)
            named.update(str(entry.get("file")) for entry in value.get("sides", {}).values())
            named.update(value.get("files", {}))
    return sorted({folder / name for name in named if _SIDE.fullmatch(name)} - set(texts))


def _remove(path: Path, folder: Path) -> None:
    """Remove a side, and the folder of its fold with it where nothing else is in there."""
    if os.path.lexists(path):
        path.unlink()
        log(f"{path}: 前の分割の組で、今度の分割にはないので消しました")
    if path.parent != folder:
        with suppress(OSError):  # something of the user's lies beside it, or it has gone
            path.parent.rmdir()


def _rounds(questions: Sequence[Question], settings: SplitSettings) -> dict[str, dict[str, list[Question]]]:
    """Folder name → its sides; one nameless round for a plain split."""
    shares = {side: share for side in ("train", "dev", "test") if (share := getattr(settings, side)) != 0}
    if "train" not in shares:
        raise ConfigError("--train 0: 学習に使う組がありません。0 より大きい数にしてください。")
    if settings.folds is None:
        return {"": split_by_cluster(questions, shares, settings.seed)}
    rounds: dict[str, dict[str, list[Question]]] = {}
    for number, test in enumerate(fold_by_cluster(questions, settings.folds, settings.seed), start=1):
        held_out = {question.id for question in test}
        rest = [question for question in questions if question.id not in held_out]
        inner = {side: shares[side] for side in shares if side != "test"}
        rounds[f"fold_{number}"] = {**split_by_cluster(rest, inner, settings.seed), "test": list(test)}
    return rounds
