"""What an adapter's ``run.json`` forbids: scoring its own training questions, or asking in another way than it learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...core.errors import DataError
from ...core.prompts import FORMS, Form, prompt_version
from ...core.questions import Question, content_hash
from ...data.clusters import question_keys
from ...data.few_shot import same_source
from ...data.records import CHAT
from .plan import EvaluationPlan, Scoring


@dataclass(frozen=True, slots=True)
class TrainedOn:
    """Questions of an evaluation that the adapter has seen, and what they were recognised by."""

    by_id: tuple[str, ...]
    by_content: tuple[str, ...]  # same text under another id
    dev: tuple[str, ...] = ()  # never trained on, but the checkpoint was chosen by them

    @property
    def count(self) -> int:
        """How many were trained on."""
        return len(self.by_id) + len(self.by_content)


def trained_questions(manifest: Mapping[str, Any], questions: Sequence[Question], where: str) -> TrainedOn:
    """The questions that the manifest says were trained on, or that chose the checkpoint (as far as it says: adapters
    of before 0.2.0 do not). Raises DataError when it does not say what was trained on."""
    try:
        ids = {str(name) for name in manifest["trained_question_ids"]}
        hashes = {str(value) for value in manifest["trained_question_hashes"]}
    except (KeyError, TypeError):
        raise DataError(
            f"{where}: run.json に学習に使った問題（trained_question_ids・trained_question_hashes）の記録がありません。"
            "このプログラムで学習したアダプタを指定してください。"
        ) from None
    digests = {question.id: content_hash(question.question, question.choices) for question in questions}
    by_id = tuple(name for name in digests if name in ids)
    by_content = tuple(name for name, digest in digests.items() if name not in ids and digest in hashes)
    dev_ids = {str(name) for name in manifest.get("dev_question_ids") or []}
    dev_hashes = {str(value) for value in manifest.get("dev_question_hashes") or []}
    trained = {*by_id, *by_content}
    dev = tuple(
        name for name, digest in digests.items() if name not in trained and (name in dev_ids or digest in dev_hashes)
    )
    return TrainedOn(by_id, by_content, dev)


def with_conversations(seen: TrainedOn, asked: Sequence[str]) -> TrainedOn:
    """``seen`` and the questions that stand in the adapter's conversations (``asked_in_conversations``)."""
    more = tuple(name for name in asked if name not in {*seen.by_id, *seen.by_content})
    return TrainedOn(seen.by_id, seen.by_content + more, tuple(name for name in seen.dev if name not in more))


def sharing_clusters(
    manifest: Mapping[str, Any], questions: Sequence[Question], seen: TrainedOn
) -> tuple[str, ...] | None:
    """Questions that the adapter has not seen, about articles that it was trained on; None when it does not say which.

    Adapters of earlier versions say one article of each cluster only. A split into whole clusters shares none.
    """
    if not isinstance(manifest.get("trained_clusters"), list):
        return None
    clusters = {str(name) for name in manifest["trained_clusters"]}
    known = {*seen.by_id, *seen.by_content, *seen.dev}
    return tuple(
        question.id
        for question in questions
        if question.id not in known and not clusters.isdisjoint({question.cluster, *question_keys(question)})
    )


def adapter_form(manifest: Mapping[str, Any] | None, where: str) -> Form | None:
    """The form the adapter was trained in; None without a manifest, and for one that learned conversations, no questions.

    A manifest of before 0.3.0 does not say: letter.
    """
    if manifest is None or manifest.get("form") == CHAT:
        return None
    form: Form = manifest.get("form", "letter")
    if form not in FORMS:
        raise DataError(f"{where}: run.json の form が {form!r} です（{'、'.join(FORMS)} のいずれか）。")
    return form


def check_prompt_version(manifest: Mapping[str, Any], form: Form, where: str) -> None:
    """Raise DataError unless the adapter was trained on prompts worded as they are now.

    ``form`` is how it is asked. One that was trained in another form never saw these prompts: nothing to compare.
    """
    if adapter_form(manifest, where) != form:
        return
    trained, now = manifest.get("prompt_version"), prompt_version(form)
    if trained != now:
        raise DataError(
            f"{where}: アダプタはプロンプトの版（prompt_version）{trained!r} で学習したものですが、今の版は {now!r} です。"
            "今の版で学習し直してください。"
        )


def resolve_few_shot(manifest: Mapping[str, Any] | None, asked: bool | None, cot: bool, where: str) -> bool:
    """Whether prompts hold examples: as asked, else as the adapter was trained, else not.

    Raises DataError when what is asked differs from what the adapter learned. A cot prompt never holds examples.
    """
    if manifest is None or cot:
        return bool(asked)
    trained = bool(manifest.get("few_shot", False))
    if asked is not None and asked != trained:
        have, want = ("あり", "--few-shot") if trained else ("なし", "--no-few-shot")
        raise DataError(
            f"{where}: アダプタは例題{have}で学習したものです。{want} を指定するか、この指定を外してください。"
        )
    return trained


def resolve_cited_words(manifest: Mapping[str, Any] | None, asked: bool | None, scoring: Scoring, where: str) -> bool:
    """Whether what a choice only cites stands under it: as asked, else as the adapter was trained, else not.

    Raises DataError when what is asked differs from what the adapter learned in the choice form. One of another form
    never saw such prompts: nothing to compare, and asked in another form there is nothing to show.
    """
    if scoring != "choice" or adapter_form(manifest, where) != "choice":
        return bool(asked)
    trained = bool((manifest or {}).get("cited_words", False))
    if asked is not None and asked != trained:
        have, want = ("添えて", "--cited-words") if trained else ("添えずに", "--no-cited-words")
        raise DataError(
            f"{where}: アダプタは引用だけの候補に条文の文言を{have}学習したものです。{want} を指定するか、この指定を外してください。"
        )
    return trained


def check_few_shot_source(manifest: Mapping[str, Any], source: str, where: str) -> None:
    """Raise DataError unless the examples are those the adapter was trained with, naming the option to give.

    The wording of the built-in ones is the prompts' own (``check_prompt_version``); an adapter that does not say where
    its examples came from is left to ``adapter_notes``.
    """
    trained = _sources(manifest)
    if not trained or any(same_source(source, one) for one in trained):
        return
    kind, identity, *name = trained[0].split(":", 2)
    if kind == source.split(":")[0] == "builtin":
        return
    if kind == "builtin":
        learned, way = "組み込みの例題", "--few-shot-path を外してください"
    else:
        learned = f"ファイル {''.join(name)}（SHA-256 {identity[:12]}…）から選んだ例題"
        way = "--few-shot-path にそのファイルを指定してください"
    raise DataError(f"{where}: アダプタは{learned}で学習したもので、指定した例題と違います。{way}。")


def _sources(manifest: Mapping[str, Any]) -> list[str]:
    value = manifest.get("few_shot_source") or []
    return [value] if isinstance(value, str) else [str(one) for one in value if one is not None]


_REQUANTISED = (
    "統合したモデルを 4bit にし直して評価しています。丸めの誤差はアダプタの変化と同じほど大きいので、書き出したモデルの成績ではありません"
    "（--no-hf-load-in-4bit を付けてください）。"
)


def quantization_note(manifest: Mapping[str, Any], model_key: Mapping[str, Any]) -> str | None:
    """A remark where the base is stored in another way than the adapter was trained on; None where it is the same.

    It is another model then, by as much as rounding to 4 bits moves the weights. A merged model holds what the adapter
    learned on: rounded again, it loses about as much as the adapter gave. An adapter of another tool does not say.
    """
    if "quantization" not in manifest or "load_in_4bit" not in model_key:
        return None
    if manifest.get("export"):
        return _REQUANTISED if model_key["load_in_4bit"] else None
    trained = manifest["quantization"] or {}
    learned = (bool(trained.get("load_in_4bit")), trained.get("quant_type"), bool(trained.get("lm_head_4bit")))
    loaded = bool(model_key["load_in_4bit"])
    asked = (loaded, model_key["bnb"][1] if loaded else None, False)
    if learned == asked:
        return None
    return f"アダプタは{_stored(*learned)}のベースモデルで学習していますが、{_stored(*asked)}のベースモデルで評価しています。"


def _stored(four: bool, quant_type: str | None, head: bool) -> str:
    return f" 4bit {quant_type}{'（出力層も）' if head else ''}" if four else "量子化なし"


def adapter_notes(
    manifest: Mapping[str, Any], plan: EvaluationPlan, model_key: Mapping[str, Any] | None = None
) -> list[str]:
    """Remarks where the adapter is asked in a way that it never saw; none of them forbids the evaluation.

    Which context it was trained with is only remarked on: training with the right article among distractors and
    evaluating with retrieval is what such records are for.
    """
    notes = []
    form = adapter_form(manifest, "run.json")
    if form is None:
        notes.append("アダプタは会話のデータで学習したもので、問題の問い方は学んでいません。")
    elif form != plan.form:
        notes.append(f"アダプタは {form} の形で学習していますが、--scoring {plan.scoring} で評価しています。")
    mode, asked = manifest.get("train_mode"), "cot" if plan.cot else "direct"
    if mode in ("direct", "cot") and mode != asked:
        notes.append(f"アダプタは {mode} のレコードだけで学習していますが、{asked} で評価しています。")
    if (stored := quantization_note(manifest, model_key or {})) is not None:
        notes.append(stored)
    trained = manifest.get("use_context")
    if trained is False and plan.context != "none":
        notes.append(f"アダプタは参照条文なしで学習していますが、--context {plan.context} で評価しています。")
    if trained is True and plan.context == "none":
        notes.append("アダプタは参照条文ありで学習していますが、--context none で評価しています。")
    if plan.few_shot and not _sources(manifest):
        notes.append("アダプタの run.json に例題の出どころがなく、同じ例題かどうかを確かめられません。")
    return notes
