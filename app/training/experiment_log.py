"""The experiment log of a run in the form the user asked for, filled in; and the same form empty, as a template."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..core.cli import format_seconds
from .run_verdict import command_line, evaluation_command, outcome_lines

BLANK = "（記入）"
# The settings that an experiment is compared by; everything else is in run.json.
MAIN_SETTINGS = (
    ("objective", "損失（objective）"),
    ("num_epochs", "エポック数"),
    ("max_steps", "最大ステップ数"),
    ("learning_rate", "学習率"),
    ("batch_size", "バッチサイズ"),
    ("gradient_accumulation_steps", "勾配累積"),
    ("max_seq_length", "最大トークン数"),
    ("warmup_ratio", "ウォームアップの割合"),
    ("weight_decay", "weight decay"),
    ("lora_r", "LoRA r"),
    ("lora_alpha", "LoRA alpha"),
    ("rslora", "rank-stabilised LoRA"),
    ("lora_dropout", "LoRA dropout"),
    ("target_modules", "LoRA の対象"),
    ("use_4bit", "4bit（QLoRA）"),
    ("seed", "乱数の種"),
)

TEMPLATE = """\
# 学習実験ログ

| 項目 | 内容 |
|---|---|
| 実験ID | {{ experiment_id }} |
| 日時 | {{ date }} |
| GitのコミットID | {{ commit }} |
| 使用モデル名 | {{ model }} |
| 使用した JSONL ファイル | {{ train_file }} |
| 開発用の JSONL ファイル | {{ eval_file }} |
| 学習時間 | {{ duration }} |
| 最大メモリ | {{ memory }} |

## 主要ハイパーパラメータ

| 項目 | 値 |
|---|---|
{% for name, value in settings -%}
| {{ name }} | {{ value }} |
{% endfor %}
## 学習の経過

- 最初と最後の損失: {{ losses }}
- 開発用データの正答率: {{ dev }}
{% for line in outcome -%}
- {{ line }}
{% endfor %}
## 学習後に実行した評価コマンドと結果

```bash
{{ command }}
```

| 評価 | 正答率 | 正答数/問題数 |
|---|---|---|
{% for name, accuracy, counts in evaluations -%}
| {{ name }} | {{ accuracy }} | {{ counts }} |
{% endfor %}
## 所感

{{ blank }}

## 次のアクション

{{ blank }}
"""


def render_template() -> str:
    """The empty form, every field to be filled in by hand."""
    return _render(
        dict.fromkeys(("experiment_id", "date", "commit", "model", "train_file", "eval_file", "duration", "memory", "losses", "dev"), BLANK)
        | {
            "settings": [(label, BLANK) for _, label in MAIN_SETTINGS],
            "outcome": [f"残したアダプタ: {BLANK}"],
            "command": command_line("モデル名", "アダプタのフォルダ", ["--context", "rag"], use_4bit=True),
            "evaluations": [(BLANK, BLANK, BLANK)],
        }
    )  # fmt: skip


def render_experiment_log(manifest: Mapping[str, Any], evaluations: Sequence[Mapping[str, Any]] = ()) -> str:
    """The form filled from an adapter's ``run.json``.

    ``evaluations`` are rows with ``name``, ``correct`` and ``total``; without any, that row is left to be filled in.
    """
    config, training = manifest["config"], manifest["training"]
    history = training["loss_history"]
    return _render(
        {
            "experiment_id": Path(config["output_dir"]).name,
            "date": manifest["run"]["started_at"],
            "commit": manifest["run"]["git_revision"] or "（git の外で実行）",
            "model": manifest["base_model"]["name"],
            "train_file": _file(manifest["train_file"]),
            "eval_file": _file(manifest["eval_file"]) if manifest["eval_file"] else "なし",
            "duration": f"{format_seconds(training['seconds'])}（{training['steps']} ステップ）",
            "memory": describe_memory(manifest["memory"]),
            "settings": [(label, _value(config[name])) for name, label in MAIN_SETTINGS],
            "losses": f"{history[0]['loss']:.4f} → {history[-1]['loss']:.4f}" if history else "記録なし",
            "dev": describe_dev(training),
            "outcome": outcome_lines(manifest),
            "command": evaluation_command(manifest),
            "evaluations": [
                (row["name"], f"{row['correct'] / row['total']:.1%}", f"{row['correct']}/{row['total']}")
                for row in evaluations
            ]
            or [(BLANK, BLANK, BLANK)],
        }
    )


def describe_dev(training: Mapping[str, Any]) -> str:
    """How dev accuracy went: untuned, then the best evaluation."""
    rows = training["dev_history"]
    if not rows:
        return "開発用データなし"
    best = training["best"]
    first = f"学習前 {rows[0]['accuracy']:.1%}、" if rows[0]["step"] == 0 else ""
    return f"{first}最良 {best['accuracy']:.1%}（{best['step']} ステップ目）"


def describe_memory(memory: Mapping[str, Any]) -> str:
    """Peak memory in GiB: of the GPU where there was one, and of the process."""
    parts = []
    if memory.get("gpu_peak_allocated_bytes"):
        parts.append(f"GPU {memory['gpu_peak_allocated_bytes'] / 2**30:.2f} GiB")
    if memory.get("peak_rss_bytes"):
        parts.append(f"プロセス {memory['peak_rss_bytes'] / 2**30:.2f} GiB")
    return "、".join(parts) or "記録なし"


def _file(facts: Mapping[str, Any]) -> str:
    return f"{facts['path']}（{facts['records']} 件、SHA-256 {facts['sha256'][:12]}…）"


def _value(value: Any) -> str:
    if isinstance(value, bool):
        return "あり" if value else "なし"
    if isinstance(value, list):
        return "、".join(map(str, value))
    return "指定なし" if value is None else str(value)


def _render(values: Mapping[str, Any]) -> str:
    from jinja2 import Environment, StrictUndefined

    # Markdown, not HTML: nothing to escape but the column mark, which paths do not hold.
    environment = Environment(undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False)  # noqa: S701
    return environment.from_string(TEMPLATE).render(blank=BLANK, **values)
