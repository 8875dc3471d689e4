"""Write fine-tuning records (JSONL) from law questions."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..core.cli import JapaneseParser, log, progress
from ..core.errors import ConfigError
from ..core.files import sha256_file, write_json
from ..core.manifests import run_header
from ..core.outputs import RECORDS, Output, check_outputs, json_kind
from ..core.prompts import FORMS, prompt_version
from ..core.questions import Question
from ..data.context import CONTEXT_SOURCES, ContextSource
from ..data.few_shot import few_shot_from
from ..data.finetune import Built, build_records, build_statistics, describe, standard_name
from ..data.lawqa import load_questions
from ..data.mixing import Part, mixed, read_share, rest_share
from ..data.preview import marked_text, marked_tokens
from ..data.records import MODES, write_records
from ..retrieval.question_contexts import context_plan

WITHOUT_GOLD = 0.2  # the share that docs/cot-records.md and StepD_実験計画.md speak of
EXAMPLES = (
    "python scripts/build_finetune_dataset.py --lawqa-path sample/selection.json --no-rag --mode direct "
    "--output-path results/finetune/ft_direct_full_norag.jsonl",
    "python scripts/build_finetune_dataset.py --lawqa-path data/lawqa_jp/selection.json --all --index-dir data/index",
    "python scripts/build_finetune_dataset.py --lawqa-path sample/selection.json --mode cot --context gold --preview 3",
    "python scripts/build_finetune_dataset.py --lawqa-path results/split/train.json --context distractors --top-k 3 "
    "--without-gold 0.2 --orders 4 --index-dir data/index --output-path results/finetune/ft_direct_distractors.jsonl",
    "python scripts/build_finetune_dataset.py --lawqa-path results/split/train.json --form choice --context gold "
    "--output-path results/finetune/choice_gold.jsonl",
    "python scripts/build_finetune_dataset.py --lawqa-path results/split/train.json --mix results/generated/questions.json=0.7 "
    "--form choice --context gold --output-path results/finetune/choice_mixed.jsonl",
)


def parser() -> JapaneseParser:
    parser = JapaneseParser("法令の四択問題から、学習用レコード（JSONL）を作る。", EXAMPLES)
    parser.add_argument("--lawqa-path", type=Path, required=True, help="lawqa_jp 形式の問題ファイル")
    parser.add_argument(
        "--mix", nargs="+", default=[], metavar="FILE=SHARE",
        help="ほかの問題ファイルを、全体に占める割合で混ぜる（generated/questions.json=0.7 など。残りが --lawqa-path の分）",
    )  # fmt: skip
    parser.add_argument(
        "--output-path", type=Path,
        help="書き出す JSONL。--all のときはフォルダ（既定 results/finetune）。--preview だけなら省略できる",
    )  # fmt: skip
    parser.add_argument(
        "--mode", choices=MODES, default="direct", help="direct は文字だけ、cot は理由と文字（既定 direct）"
    )
    parser.add_argument(
        "--context", choices=CONTEXT_SOURCES,
        help="参照条文: none、rag（検索）、gold（問題の条文）、distractors（問題の条文を、検索したほかの条の間に置く）。既定 rag",
    )  # fmt: skip
    parser.add_argument("--no-rag", action="store_true", help="検索を使わない（--context none と同じ）")
    parser.add_argument("--top-k", type=int, default=3, help="渡す条文の数（rag、distractors。既定 3）")
    parser.add_argument(
        "--without-gold", type=float, metavar="SHARE",
        help=f"distractors で、根拠条文を入れない問題の割合。正答は変えない（既定 {WITHOUT_GOLD}）",
    )  # fmt: skip
    parser.add_argument("--index-dir", type=Path, help="scripts/build_index.py が作ったフォルダ（既定は設定の値）")
    # Off unless asked for, as in the evaluation: examples lengthen every prompt, and both sides must agree.
    parser.add_argument(
        "--few-shot", action=argparse.BooleanOptionalAction, help="direct に例題を付ける（既定: 付けない）"
    )
    parser.add_argument(
        "--few-shot-path",
        type=Path,
        help="例題を付け、この問題ファイルから選ぶ（同じ条文クラスタは避ける）。評価する問題のないファイルにする。"
        "--few-shot だけなら組み込みの例題",
    )
    parser.add_argument("--samples", type=int, help="はじめの N 問だけを使う。--mix では全体の数")
    parser.add_argument("--orders", type=int, choices=(1, 4), default=1, help="選択肢の並べ方の数（既定 1）")
    parser.add_argument(
        "--form", choices=FORMS, default="letter",
        help="letter 四つの選択肢を並べて文字で答える、choice 選択肢を一つずつ示して○か×で答える（既定 letter）",
    )  # fmt: skip
    parser.add_argument(
        "--all", action="store_true", help="標準の 4 ファイル（direct・cot × 検索なし・あり）を一度に作る"
    )
    parser.add_argument("--preview", type=int, default=0, metavar="N", help="N 件を、学習対象を ⟦ ⟧ で示して表示する")
    parser.add_argument("--tokenizer", help="--preview をこのモデルのトークナイザで、トークン単位で表示する")
    parser.add_argument("--seed", type=int, default=42, help="distractors の置き方の乱数の種（既定 42）")
    return parser


def main(argv: Sequence[str]) -> int:
    program = parser()
    arguments = program.parse_args(argv)
    if arguments.no_rag and arguments.context not in (None, "none"):
        program.error(f"--no-rag と --context {arguments.context} は一緒に使えません")
    if not (arguments.all or arguments.output_path or arguments.preview):
        program.error("--output-path（または --all、--preview）を指定してください")
    if arguments.all and arguments.context:
        program.error("--all は標準の 4 ファイルを作るので、--context は指定できません")
    if arguments.without_gold is not None and arguments.context != "distractors":
        program.error("--without-gold は --context distractors と一緒に使います")
    if arguments.form == "choice":
        _check_choice_form(arguments)
    if arguments.few_shot is False and arguments.few_shot_path:
        raise ConfigError("--no-few-shot と --few-shot-path は同時に指定できません。どちらかを外してください。")
    header = run_header(argv)
    questions, datasets, sources = _questions(arguments)
    without_gold = WITHOUT_GOLD if arguments.without_gold is None else arguments.without_gold
    source: ContextSource = "none" if arguments.no_rag else arguments.context or "rag"
    if arguments.all:
        plans = [context_plan("none", 0, None), context_plan("rag", arguments.top_k, arguments.index_dir)]
        folder = arguments.output_path or Path("results/finetune")
        jobs = [(folder / standard_name(mode, plan), mode, plan) for plan in plans for mode in MODES]
    else:
        plan = context_plan(source, arguments.top_k, arguments.index_dir,
                            questions=questions, without_gold=without_gold, seed=arguments.seed)  # fmt: skip
        jobs = [(arguments.output_path, arguments.mode, plan)]
    target = jobs[-1][0] and (
        jobs[-1][0].parent / "manifest.json" if arguments.all else jobs[-1][0].with_suffix(".manifest.json")
    )
    if target is not None:
        manifest_file = Output("--output-path の記録", target, json_kind("finetune_records"))
        check_outputs(
            [*(Output("--output-path", path, RECORDS) for path, *_ in jobs), manifest_file],
            {
                "--lawqa-path": arguments.lawqa_path,
                "--few-shot-path": arguments.few_shot_path,
                **{f"--mix {entry['path']}": Path(entry["path"]) for entry in sources[1:]},
            },
        )
    examples = few_shot_from(arguments.few_shot_path) if arguments.few_shot or arguments.few_shot_path else None
    manifest: dict[str, Any] = {
        "kind": "finetune_records",
        "run": header,
        "source": sources[0],
        **({"mixed": sources[1:]} if sources[1:] else {}),
        "prompt_version": prompt_version(arguments.form),
        "form": arguments.form,
        "seed": arguments.seed,
        "few_shot_source": examples.source if examples else None,
        "few_shot_path": str(arguments.few_shot_path) if arguments.few_shot_path else None,
        "files": {},
    }  # fmt: skip
    for path, mode, plan in jobs:
        built = build_records(
            progress(questions, total=len(questions), label=f"{mode}・{plan.source}"), mode, plan,
            orders=arguments.orders, form=arguments.form, dataset=datasets,
            few_shot=examples,
        )  # fmt: skip
        _preview(built, arguments)
        if path is not None:
            write_records(path, [one.record for one in built])
            share = {"without_gold": without_gold} if plan.source == "distractors" else {}
            statistics = build_statistics(built, {question.id: question for question in questions})
            manifest["files"][path.name] = {"mode": mode, "context": plan.source, "top_k": plan.top_k,
                                            "retriever_type": plan.retriever_type, **share, "sha256": sha256_file(path), **statistics}  # fmt: skip
            log(f"{path}: {len(built)} 件 （{describe(statistics)}）")
    if target is not None:
        write_json(target, manifest)
        print(target)
    return 0


def _check_choice_form(arguments: Any) -> None:
    """Raises ConfigError for options that say how letters are asked for."""
    unfit = [
        name
        for name, given in (
            ("--all", arguments.all),
            ("--mode cot", arguments.mode == "cot"),
            ("--orders 4", arguments.orders != 1),
            ("--few-shot", arguments.few_shot or arguments.few_shot_path),
        )
        if given
    ]
    if unfit:
        raise ConfigError(
            f"--form choice は選択肢を一つずつ示すので、{'、'.join(unfit)} とは使えません。外してください。"
        )


def _questions(arguments: Any) -> tuple[list[Question], dict[str, str], list[dict[str, Any]]]:
    """The questions to write, the data set of each by id, and what the manifest says about each file."""
    first = load_questions(arguments.lawqa_path)
    if arguments.samples is not None and arguments.samples < 1:
        raise ConfigError(f"--samples {arguments.samples}: 1 以上にしてください。")
    if not arguments.mix:
        questions = first[: arguments.samples]
        dataset = arguments.lawqa_path.resolve().parent.name
        return questions, {one.id: dataset for one in questions}, [_source(arguments.lawqa_path, len(questions))]
    others = [read_share(text) for text in arguments.mix]
    parts = [
        Part(arguments.lawqa_path, rest_share([share for _, share in others]), tuple(first)),
        *(Part(path, share, tuple(load_questions(path))) for path, share in others),
    ]
    drawn = mixed(parts, arguments.seed, arguments.samples)
    sources = []
    for part, used in zip(parts, drawn.used, strict=True):
        sources.append(_source(part.path, used) | {"of": len(part.questions), "share": float(part.share)})
        log(f"{part.path}: {len(part.questions)} 問のうち {used} 問（{used / len(drawn.questions):.1%}）")
    return list(drawn.questions), drawn.datasets, sources


def _source(path: Path, questions: int) -> dict[str, Any]:
    return {"path": str(path), "sha256": sha256_file(path), "questions": questions}


def _preview(built: Sequence[Built], arguments: Any) -> None:
    if arguments.preview <= 0:
        return
    tokenizer = None
    if arguments.tokenizer:
        from ..llm.loading import load_tokenizer

        tokenizer = load_tokenizer(arguments.tokenizer)
    for one in built[: arguments.preview]:
        print(f"--- {one.record.row_id}（{one.record.meta['mode']}）")
        print(marked_text(one.record) if tokenizer is None else marked_tokens(one.record, tokenizer))
