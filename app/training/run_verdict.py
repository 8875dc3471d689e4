"""What a run came to: whether its adapter or the model it started from is the better one, and what to run next."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

# With k questions changed, all of them for the better, the exact sign test (McNemar) gives p = 2 · ½^k two-sided:
# below .05 from six on.
FEWEST_CHANGED = 6
# Words that every shell takes as they are, Japanese ones included.
_PLAIN = re.compile(r"[\w@%+=:,./-]+")


def untuned_note(accuracy: float, questions: int) -> str | None:
    """A line when the model that training starts from leaves the dev file nothing to show; else None.

    ``accuracy`` (0–1) is the starting model's on ``questions`` dev questions.
    """
    wrong = round((1 - accuracy) * questions)
    if wrong >= FEWEST_CHANGED:
        return None
    if questions < FEWEST_CHANGED:
        return (
            f"dev は {questions} 問しかないので、正答率では差を示せません（符号検定で p < .05 には"
            f" {FEWEST_CHANGED} 問以上の変化が要ります）。dev を増やしてください。"
        )
    return (
        f"学習前の誤答は {wrong} 問だけなので、すべて正解に変わっても符号検定で p < .05 になりません"
        f"（{FEWEST_CHANGED} 問以上が要ります）。この dev では学習の効果を示せません。"
    )


def verdict(
    dev_history: Sequence[Mapping[str, Any]], best: Mapping[str, Any] | None, questions: int
) -> dict[str, Any] | None:
    """``better``: ``start`` (the model before training) or ``adapter``, by the dev file; None without a dev file.

    ``reasons`` for the start are ``saturated`` (fewer than six wrong answers left to it), ``below_start`` (the kept
    step gives the right answers no higher log-probability) and ``collapsed`` (every evaluation answered with one letter).
    ``too_few`` says that the file has under six questions, which decides nothing.
    """
    before = next((row for row in dev_history if row["step"] == 0), None)
    if before is None or best is None:
        return None
    wrong = round((1 - before["accuracy"]) * questions)
    reasons = {
        "saturated": questions >= FEWEST_CHANGED > wrong,
        "below_start": best["gold_logprob"] <= before["gold_logprob"],
        "collapsed": bool(best["collapsed"]),
    }
    found = [name for name, holds in reasons.items() if holds]
    return {
        "better": "start" if found else "adapter",
        "reasons": found,
        "questions": questions,
        "too_few": questions < FEWEST_CHANGED,
    }


def outcome_lines(manifest: Mapping[str, Any]) -> list[str]:
    """What is kept, which model is the better one, and the evaluation to run next; for the terminal and the log."""
    training = manifest["training"]
    best, found = training["best"], training["verdict"]
    lines = []
    if best is None:
        lines.append(f"残したアダプタ: 最後の {training['steps']} ステップ目")
    else:
        before = next((row for row in training["dev_history"] if row["step"] == 0), None)
        was = "" if before is None else f"、学習前 {before['gold_logprob']:.3f}"
        lines.append(
            f"残したアダプタ: {best['step']} ステップ目（dev の正答の対数確率 {best['gold_logprob']:.3f}{was}、"
            f"正答率 {best['accuracy']:.1%}）"
        )
    if found is not None and found["better"] == "start":
        start = "--init-adapter のアダプタ" if manifest["init_adapter"] else "調整前のモデル"
        lines.append(f"注意: 使うなら、このアダプタではなく{start}です。{'。'.join(_reasons(found, training))}。")
    elif found is not None and found["too_few"]:
        lines.append(f"注意: {untuned_note(0.0, found['questions'])}")
    return lines


def _reasons(found: Mapping[str, Any], training: Mapping[str, Any]) -> list[str]:
    before = training["dev_history"][0]
    texts = {
        "saturated": (untuned_note(before["accuracy"], found["questions"]) or "").rstrip("。"),
        "below_start": f"dev の正答の対数確率が、学習前（{before['gold_logprob']:.3f}）を上回っていません",
        "collapsed": "どの時点でも、dev の答えが一文字に偏っています",
    }
    return [texts[name] for name in found["reasons"]]


def evaluation_command(manifest: Mapping[str, Any]) -> str:
    """The command that asks the adapter's test questions as it learned: form, context, examples, quantisation."""
    config = manifest["config"]
    words = ["--context", context_to_ask_with(manifest)]
    if words[1] == "rag":
        top_k = manifest["top_k"]
        words += ["--top-k", str(max(top_k) if isinstance(top_k, list) else top_k)]
        words += ["--index-dir", manifest["index_dir"]] if manifest["index_dir"] else []
    if manifest["form"] == "choice":
        words += ["--scoring", "choice", *(["--cited-words"] if manifest.get("cited_words") else [])]
    elif manifest["train_mode"] == "cot":
        words.append("--use-cot")
    elif manifest["few_shot"]:
        words += ["--few-shot-path", manifest["few_shot_path"]] if manifest["few_shot_path"] else ["--few-shot"]
    stored = manifest.get("quantization") or {}
    for option, name, usual in (("quant-type", "quant_type", "nf4"), ("compute-dtype", "compute_dtype", "bfloat16")):
        if stored.get(name, usual) != usual:  # what an evaluation takes where nothing is said
            words += [f"--bnb-4bit-{option}", stored[name]]
    return command_line(config["model_name"], config["output_dir"], words, use_4bit=config["use_4bit"])


def command_line(model_name: str, adapter: str, words: Sequence[str], *, use_4bit: bool) -> str:
    """The evaluation of an adapter with the options ``words``; the questions are left to the reader to name."""
    quantised = "--hf-load-in-4bit" if use_4bit else "--no-hf-load-in-4bit"
    options = ["--output", f"{adapter}/eval.json", "--llm-backend", "hf", "--hf-model-name", model_name]
    options += ["--hf-lora-path", adapter, quantised]
    quoted = " ".join(word if _PLAIN.fullmatch(word) else shlex.quote(word) for word in [*words, *options])
    return f"python scripts/evaluate_multiple_choice.py --data テスト用の問題.json {quoted}"


def context_to_ask_with(manifest: Mapping[str, Any]) -> str:
    """none, rag or gold: what the adapter's context stands for. Articles among distractors train for retrieval."""
    sources = manifest["context_source"]
    names = set(sources if isinstance(sources, list) else [sources])
    if None in names:  # records of before 0.2.0 say only by what they retrieved
        kinds = manifest["retriever_type"]
        names |= {
            kind if kind in ("none", "gold") else "rag" for kind in (kinds if isinstance(kinds, list) else [kinds])
        }
    if names & {"rag", "distractors"}:
        return "rag"
    return "gold" if "gold" in names else "none"
