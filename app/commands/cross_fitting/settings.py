"""The settings of a cross-fit: its own, and those of the trainings, with what won on dev where nothing is said."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from ...core.errors import ConfigError
from ...core.options import faults, like, option, refuse, typed_settings
from ...core.prompts import Form
from ...data.context import ContextSource
from ...data.record_settings import WITHOUT_GOLD, Mode, RecordSettings
from ...evaluation.running.settings import EvaluationSettings
from ...evaluation.running.shard import Shard, shard_argument
from ...llm.model_options import ModelOptions
from ...training.arguments import config_from_arguments
from ...training.arguments import parser as training_parser
from ...training.config import TrainConfig

# What a training is told by the cross-fit. --config would bring in settings that neither the folder's record nor the
# evaluation knows of.
_OWN = ("--train-file", "--eval-file", "--output-dir", "--model-name", "--resume", "--dry-run", "--seed", "--config")


@dataclass(frozen=True, kw_only=True)
class CrossFitSettings:
    """Which questions are shared out to how many folds, and how every fold is trained and asked.

    training  the settings of every training, but for its files and its seed
    plan      whether a training stops where the card's memory is predicted to be too small
    words     the options of the trainings as they were typed, and those that follow from what was not said
    """

    data: Path = field(metadata=option("lawqa_jp 形式の問題ファイル"))
    model_name: str = field(metadata=option("ベースモデルのフォルダ、または Hugging Face Hub の名前"))
    output_dir: Path = field(metadata=option("結果のフォルダ。同じ引数で再び実行すると続きから行う"))
    folds: int = field(default=5, metadata=option("組の数 k", least=2))
    seeds: int = field(default=1, metadata=option("乱数の種を変えて繰り返す回数", least=1))
    seed: int = field(default=42, metadata=option("最初の乱数の種", least=0, below=2**32))
    dev: float = field(
        default=0.1, metadata=option("各組の学習側から dev に回す割合。0 なら作らない", least=0, below=1)
    )
    mode: Mode = field(default="direct", metadata=option("学習レコードと評価の形式"))
    context: Literal["none", "rag", "gold"] = field(default="gold", metadata=option("評価と dev の文脈"))
    train_context: ContextSource | None = field(
        default=None, metadata=option("学習レコードの文脈（既定: --context と同じ）")
    )
    without_gold: float | None = like(
        RecordSettings,
        "without_gold",
        help=f"--train-context distractors で根拠条文を入れない割合（既定 {WITHOUT_GOLD}）",
    )
    train_records: Path | None = field(
        default=None,
        metadata=option(
            "学習レコードを作らずここから取り、各組の学習側の問題の分だけを使う（generate_rationales.py の JSONL など）",
            metavar="JSONL",
        ),
    )
    top_k: int = field(default=3, metadata=option("検索する条の数"))
    reading_test: bool = field(
        default=False,
        metadata=option(
            "各組のモデルと調整前のモデルに、文脈なし・正解の条文を抜いた検索結果でも尋ね、条文が足すものを全組・全 seed で比べる"
            "（索引が要る。終わったフォルダに付けると、足りない評価だけを行う）"
        ),
    )
    index_dir: Path | None = field(
        default=None, metadata=option("索引のフォルダ（rag、distractors、--reading-test のとき）")
    )
    train_orders: Literal[1, 4] | None = field(
        default=None,
        metadata=option(
            "文字で答える形で学習し、学習レコードの選択肢の並びの数をこれにする（choice の形では使わない）。"
            "4 なら --share-prefix（--batch-size は問題の数になる）と、direct では --objective letter も付ける"
        ),
    )
    few_shot: bool = field(default=False, metadata=option("例題を付ける（既定: 付けない）"))
    cited_words: bool = like(RecordSettings, "cited_words")
    workers: int = field(
        default=1,
        metadata=option(
            "N 組を別々のプロセスで同時に行う。GPU は一枚ずつ、CPU はスレッドを分け、経過は組ごとの log.txt に書く",
            metavar="N",
            least=1,
        ),
    )
    shard: Shard | None = field(
        default=None,
        metadata=option(
            "調整前の評価と組のうちの一部だけを、自分の --output-dir で行う（1/6 から 6/6 を、別々の計算機で）",
            metavar="番号/個数",
            read=shard_argument,
        ),
    )
    merge: tuple[Path, ...] = field(
        default=(),
        metadata=option(
            "--shard のフォルダをすべて渡すと、--output-dir に写して一つの結果にする（渡したフォルダはそのまま残る）",
            metavar="DIR",
        ),
    )
    report: Path | None = like(EvaluationSettings, "report")
    training: TrainConfig
    plan: bool = True
    words: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        refuse(faults(self))
        letters = {
            "--mode cot": self.mode == "cot",
            "--train-orders": self.train_orders is not None,
            "--train-records": self.train_records is not None,
            "--few-shot": self.few_shot,
        }
        if self.form == "choice" and any(letters.values()):
            names = "、".join(name for name, given in letters.items() if given)
            raise ConfigError(
                f"--objective choice は選択肢を一つずつ示すので、{names} とは使えません。外してください。"
            )
        if self.cited_words and self.form != "choice":
            raise ConfigError(
                "--cited-words は候補を一つずつ示す形だけのものです。--objective choice を指定してください。"
            )
        if self.without_gold is not None and self.train_context != "distractors":
            raise ConfigError("--without-gold は --train-context distractors と一緒に使います。")
        if self.train_records is not None and (
            self.train_context is not None or self.train_orders is not None or self.few_shot
        ):
            raise ConfigError(
                "--train-records のレコードはそのまま使うので、--train-context、--train-orders、--few-shot とは使えません。"
            )
        if self.mode == "cot" and self.training.objective == "letter":
            raise ConfigError(
                "--objective letter は direct のレコードだけに使えます。--mode cot では --objective text にしてください。"
            )
        if self.training.train_mode not in ("auto", self.mode):
            raise ConfigError(f"--train-mode {self.training.train_mode} は --mode {self.mode} のレコードを断ります。外してください。")  # fmt: skip
        if self.shard and (self.merge or self.report):
            raise ConfigError("--shard は一部だけの結果なので、--merge、--report とは使えません。")
        if self.reading_test and self.context != "gold":
            raise ConfigError(f"--reading-test は三通りの文脈で尋ねるので、--context {self.context} とは使えません。")

    @property
    def form(self) -> Form:
        """How records are made and every model is asked."""
        return "choice" if self.training.objective == "choice" else "letter"

    @property
    def searches(self) -> bool:
        """Whether records or answers are over articles that an index is searched for (a reading test's apart)."""
        return bool({self.context, self.train_context} & {"rag", "distractors"})

    @property
    def all_seeds(self) -> range:
        """The seed of each repetition."""
        return range(self.seed, self.seed + self.seeds)

    def seed_dir(self, seed: int) -> Path:
        """The folder of one repetition."""
        return self.output_dir / f"seed_{seed}"

    def fold_dirs(self, seed: int) -> list[Path]:
        """The folder of each fold of one repetition."""
        return [self.seed_dir(seed) / f"fold_{number}" for number in range(1, self.folds + 1)]

    def fold_training(self, fold: Path, seed: int) -> TrainConfig:
        """The training in the folder of a fold."""
        dev = fold / "dev.jsonl" if self.dev > 0 else None
        return replace(
            self.training, train_file=fold / "train.jsonl", eval_file=dev, output_dir=fold / "adapter", seed=seed
        )

    def records(self, questions: Path, output: Path, seed: int | None) -> RecordSettings:
        """The records of a fold: to learn from with the training's ``seed``, or with None those of dev, which are chosen
        and measured as will be evaluated, whatever was trained on."""
        common: dict[str, Any] = {
            "lawqa_path": questions, "output_path": output, "mode": self.mode, "form": self.form,
            "few_shot": self.few_shot, "cited_words": self.cited_words, "top_k": self.top_k, "index_dir": self.index_dir,
        }  # fmt: skip
        if seed is None:
            return RecordSettings(**common, context=self.context)
        return RecordSettings(
            **common, context=self.train_context or self.context, orders=self.train_orders or 1,
            without_gold=self.without_gold, seed=seed,
        )  # fmt: skip

    def evaluation(self, questions: Path, output: Path, context: str, adapter: Path | None) -> EvaluationSettings:
        """The evaluation of the untuned model (None) or of an adapter, loaded as the training does, whatever the
        environment says."""
        four_bits = self.training.use_4bit
        asked: dict[str, Any] = (
            {"scoring": "choice", "cited_words": self.cited_words or None} if self.form == "choice" else {"orders": 4}
        )
        return EvaluationSettings(
            data=questions,
            output=output,
            context=context,  # type: ignore[arg-type]  # one of EvaluationSettings' own
            top_k=self.top_k,
            index_dir=self.index_dir,
            use_cot=self.mode == "cot",
            few_shot=None if self.mode == "cot" else self.few_shot,
            model=ModelOptions(
                hf_model_name=self.model_name,
                hf_lora_path=adapter,
                hf_load_in_4bit=four_bits,
                bnb_4bit_quant_type=self.training.bnb_4bit_quant_type if four_bits else None,
                bnb_4bit_compute_dtype=self.training.bnb_4bit_compute_dtype if four_bits else None,
                device=self.training.device,
                # Of an adapter it is what its run.json says anyway; the untuned model is to be asked in the same.
                chat_format=None if self.training.chat_format == "auto" else self.training.chat_format,
            ),
            **asked,
        )


def settings_of(program: argparse.ArgumentParser, own: argparse.Namespace, training: Sequence[str]) -> CrossFitSettings:
    """The settings of parsed ``own`` options and of those that are the trainings'.

    Where nothing is said, what won on dev (docs/experiments.md has the table): the choice form; of letters, four orders
    and with them the letter objective (direct records only). Raises ConfigError for options that a training is told by
    the cross-fit.
    """
    for word in training:
        if (name := word.partition("=")[0]) in _OWN:
            raise ConfigError(f"{name} は cross_fit が自分で決めるので指定できません。")
    parsers = training_parser(unset=True), training_parser()
    for one in parsers:
        one.prog = Path(sys.argv[0]).name
    said = vars(parsers[0].parse_args(training))
    words, orders = _completed(own, said, training)
    files = ["--model-name", own.model_name, "--train-file", "train.jsonl", "--output-dir", "adapter"]
    files += ["--eval-file", "dev.jsonl"] if own.dev > 0 else []
    settings: CrossFitSettings = typed_settings(
        program,
        CrossFitSettings,
        own,
        train_orders=orders,
        training=config_from_arguments(parsers[1].parse_args([*files, *words])),
        plan=not said["no_plan"],
        words=tuple(words),
    )
    return settings


def _completed(
    own: argparse.Namespace, said: Mapping[str, Any], training: Sequence[str]
) -> tuple[list[str], int | None]:
    """The trainings' options with those that were not said, and the orders of their records."""
    words, orders = list(training), own.train_orders
    of_letters = said["share_prefix"] is not None or said["loss_on_output_only"] is False
    letters = own.mode == "cot" or orders or own.train_records or own.few_shot or of_letters
    if said["objective"] == "choice" or (said["objective"] is None and not letters):
        return words + ([] if said["objective"] else ["--objective", "choice"]), orders
    if own.train_records is None:
        orders = orders or 4
    if orders == 4:
        if not of_letters:
            words.append("--share-prefix")
        if own.mode == "direct" and said["objective"] is None and said["loss_on_output_only"] is not False:
            words += ["--objective", "letter"]
    return words, orders
