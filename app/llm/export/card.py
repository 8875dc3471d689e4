"""The model card of an exported folder, in Japanese and English, filled from run.json and the evaluations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Measured:
    """One evaluation result.

    file       where it stands
    tuned      with this adapter; else the base model alone
    correct, total, ci95  as the result's summary has them (ci95: 95 % interval of the accuracy)
    data       question file and the start of its SHA-256
    context    none, rag or gold
    distrust   why the result must not be trusted
    """

    file: str
    tuned: bool
    correct: int
    total: int
    ci95: tuple[float, float]
    data: str
    context: str
    distrust: tuple[str, ...]


def front_matter(manifest: Mapping[str, Any], kind: str) -> str:
    """The YAML that the Hub reads."""
    library = "transformers" if kind == "merged" else "gguf"
    base = str(manifest["base_model"]["name"])
    return f"---\nlanguage: [ja]\nlibrary_name: {library}\nbase_model: {_quoted(base)}\ntags: [legal, law, lora, horei-ft]\n---\n"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def model_card(
    manifest: Mapping[str, Any], results: Sequence[Measured], *, name: str, commands: Sequence[tuple[str, str]]
) -> str:
    """The whole README.md. ``manifest`` is the exported run.json; ``commands`` are (title, shell command)."""
    export = manifest["export"]
    return "\n".join(
        [
            front_matter(manifest, export["kind"]),
            f"# {name}",
            "",
            *_section(manifest, results, japanese=True),
            "## 動かし方 / Serving",
            "",
            *(line for title, command in commands for line in (f"{title}:", "", "```", command, "```", "")),
            *_section(manifest, results, japanese=False),
        ]
    )


def _section(manifest: Mapping[str, Any], results: Sequence[Measured], *, japanese: bool) -> list[str]:
    def say(ja: str, en: str) -> str:
        return ja if japanese else en

    export, lora = manifest["export"], manifest.get("lora") or {}
    onto = export["quantization"]
    rows = [
        (say("ベースモデル", "Base model"), _base(manifest)),
        (say("統合先", "Merged onto"), say("4bit から戻した重み", "dequantised 4-bit weights") + f" ({onto['quant_type']})" if onto
         else say("元の重み", "the original weights")),
        (say("重みの型", "Weights"), export["dtype"]),
        (say("学習した問題", "Trained on"), f"{len(manifest.get('trained_question_ids') or [])}{say(' 問', ' questions')}"
         + f" (SHA-256 {_short((manifest.get('train_file') or {}).get('sha256'))})"),
        (say("学習の形", "Training"), f"{manifest.get('train_mode')}, {manifest.get('objective')}, LoRA r={lora.get('r')} alpha={lora.get('alpha')}, seed {manifest.get('seed')}"),
        (say("プロンプトの版", "Prompt version"), str(manifest.get("prompt_version"))),
        (say("アダプタ", "Adapter"), f"SHA-256 {_short(export['adapter']['weights_sha256'])}"),
    ]  # fmt: skip
    lines = [
        say("## このモデル", "## This model"),
        "",
        say(
            "日本の法令の選択式問題に答えるよう LoRA で調整した重みです。法律相談に代わるものではありません。"
            "ライセンスはベースモデルのものに従います。",
            "Weights tuned with LoRA to answer multiple-choice questions on Japanese law. No substitute for legal advice. "
            "The licence is that of the base model.",
        ),
        "",
        f"| {say('項目', 'Item')} | {say('値', 'Value')} |",
        "|---|---|",
        *(f"| {left} | {_cell(right)} |" for left, right in rows),
        "",
        say("## 評価", "## Evaluation"),
        "",
        *_results(results, japanese=japanese),
        "",
        say("## 書き出した形の確かめ", "## Export check"),
        "",
        *_checks(export.get("checks") or {}, japanese=japanese),
        "",
        say(
            "どの問題で学習したかは run.json にあり、horei-ft の評価はその問題での採点を断ります。",
            "run.json names the questions that were trained on; horei-ft refuses to score the model on them.",
        ),
        "",
    ]
    return lines


def _base(manifest: Mapping[str, Any]) -> str:
    base = manifest["base_model"]
    revision = base.get("revision")
    return f"{base['name']}" + (f" ({revision[:12]})" if revision else "")


def _results(results: Sequence[Measured], *, japanese: bool) -> list[str]:
    if not results:
        return ["評価の結果は付いていません（--results）。" if japanese else "No evaluation was attached (--results)."]
    head = (
        "| モデル | 正解 | 正解率 | 95 % 区間 | 問題 | 文脈 | 注意 |"
        if japanese
        else "| Model | Correct | Accuracy | 95 % interval | Questions | Context | Note |"
    )
    names = ("調整後", "調整前") if japanese else ("tuned", "base")
    return [
        head,
        "|---|---|---|---|---|---|---|",
        *(
            f"| {names[0] if one.tuned else names[1]} | {one.correct}/{one.total} | {one.correct / one.total:.1%} | "
            f"{one.ci95[0]:.1%}–{one.ci95[1]:.1%} | {_cell(one.data)} | {one.context} | {_cell('; '.join(one.distrust)) or '–'} |"
            for one in results
        ),
    ]


def _checks(checks: Mapping[str, Any], *, japanese: bool) -> list[str]:
    if not checks:
        return ["まだ確かめていません。" if japanese else "Not checked yet."]
    head = (
        "| 形 | 尋ね方 | 最大の差 | 差の中央値 | 変わった答え | 許容（最大・中央値） |"
        if japanese
        else "| Form | Asked as | Largest difference | Median | Other answers | Tolerance (largest, median) |"
    )
    rows = [head, "|---|---|---|---|---|---|"]
    for kind, check in checks.items():
        limit = check["tolerance"]
        rows += [
            f"| {kind} | {one['form']} | {one['largest']:.4f} | {one['median']:.4f} | {one['flips']}/{one['questions']} | "
            f"{limit['largest']:g}, {limit['median']:g} |"
            for one in check["differences"]
        ]
    return rows


def _short(digest: Any) -> str:
    return f"{str(digest)[:12]}…" if digest else "–"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
