"""What runs write about themselves so that another run can go on from them, compare them or refuse them, as models.

Unknown fields are kept out of what is compared, and a file that does not fit is refused in one line by whoever reads it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from enum import StrEnum
from pathlib import PurePath
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .files import sha256_text, to_json

# What a reader calls the settings of a run that must be the same when it is gone on with.
SETTING_NAMES = {
    "data": "問題ファイルの内容",
    "ids": "問題の選び方",
    "plan": "尋ね方",
    "model": "モデル",
    "prompt_version": "プロンプトの版",
    "extra": "検索",
    "context": "文脈",
}
# Of what a loaded model says about itself, what decides its answers; where it lies and what it runs on do not.
DECIDING_FACTS = (
    "base_model", "quantization", "dtype", "chat_format", "template_sha256", "tokenizer_sha256",
)  # fmt: skip
# Of what a server says about itself, what tells one model from another behind the same name; of files their last part.
SERVED_FACTS = ("digest", "root", "parent", "model_path")


class Distrust(StrEnum):
    """Why a result says of itself that it must not be trusted; each reason begins with the code and a colon."""

    COLLAPSED = "COLLAPSED"  # nearly every answer is one letter
    FAILED = "FAILED"  # the backend gave some questions no answer
    UNREAD = "UNREAD"  # too many written answers name no letter
    TRAINED = "TRAINED"  # the adapter was trained on some questions
    DEV = "DEV"  # the adapter's checkpoint was chosen by some questions
    UNKNOWN = "UNKNOWN"  # the adapter does not say what it was trained on


_DISTRUST_NAMES = {
    Distrust.COLLAPSED: "COLLAPSED",
    Distrust.FAILED: "答えの得られない問題",
    Distrust.UNREAD: "読み取れない答え",
    Distrust.TRAINED: "学習に使った問題",
    Distrust.DEV: "チェックポイントを選ぶのに使った問題",
    Distrust.UNKNOWN: "何を学習したか分からないアダプタ",
}


def distrust_code(reason: str) -> Distrust | None:
    """The code of a reason; None for one of before 0.3.0 that has none."""
    code = reason.partition(":")[0]
    return Distrust(code) if code in Distrust.__members__ else None


def distrust_name(reason: str) -> str:
    """What a reader calls the kind of a reason, in a few words."""
    code = distrust_code(reason)
    return reason.partition(":")[0] if code is None else _DISTRUST_NAMES[code]


class ResumeKey(BaseModel):
    """The settings that a resumed run must share with the interrupted one, by the names of ``SETTING_NAMES``."""

    model_config = ConfigDict(frozen=True)

    settings: dict[str, Any]

    @property
    def sha256(self) -> str:
        """Hash of all of them."""
        return sha256_text(to_json({name: self.settings[name] for name in sorted(self.settings)}))

    def differences(self, stored: Mapping[str, Any]) -> list[str]:
        """What ``stored`` settings differ in, as a reader calls it: ``尋ね方（orders 1 → 4）``."""
        # As they are once written: a tuple is a list then.
        now, found = ResumeKey.model_validate_json(self.model_dump_json()).settings, []
        for name in dict.fromkeys([*SETTING_NAMES, *now, *stored]):
            one, other = now.get(name), stored.get(name)
            if one == other:
                continue
            parts = differing_values(other, one)
            found.append(SETTING_NAMES.get(name, name) + (f"（{'、'.join(parts)}）" if parts else ""))
        return found


class ProgressHead(BaseModel):
    """The first line of the file that an evaluation appends its answers to.

    key       hash of the settings
    settings  those of ``ResumeKey``, so that a refusal can name what differs
    model     what the model said about itself when it was loaded
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    kind: Literal["evaluation-progress"] = "evaluation-progress"
    key: str
    settings: dict[str, Any] = Field(default_factory=dict)
    model: dict[str, Any] = Field(default_factory=dict)


class _Part(BaseModel):
    """A part of a file that programs look into: what is there has its type, what a version did not write is None, and
    what they do not know is left alone."""

    model_config = ConfigDict(frozen=True, strict=True, extra="allow")


class BaseModelFacts(_Part):
    """The base model of an adapter: name as given, commit of the Hub, SHA-256 of its configuration and weights."""

    name: str | None = None
    revision: str | None = None
    config_sha256: str | None = None
    weights_sha256: str | None = None  # since 0.3.0


class ChatFacts(_Part):
    """How an adapter was asked: the chat format, SHA-256 of the template and of the tokenizer."""

    format: str | None = None
    template_sha256: str | None = None
    tokenizer_sha256: str | None = None  # since 0.3.0


class QuantizationFacts(_Part):
    """How the base was stored while the adapter was trained."""

    load_in_4bit: bool | None = None
    compute_dtype: str | None = None
    quant_type: str | None = None
    double_quant: bool | None = None
    lm_head_4bit: bool | None = None


class AdapterRun(_Part):
    """``run.json`` of an adapter or of a model that was exported from one, as far as other programs look into it."""

    base_model: BaseModelFacts | None = None
    chat: ChatFacts | None = None
    quantization: QuantizationFacts | None = None
    files: dict[str, str] | None = None
    trained_question_ids: list[Any] | None = None
    trained_question_hashes: list[Any] | None = None
    dev_question_ids: list[Any] | None = None
    dev_question_hashes: list[Any] | None = None
    few_shot: bool | None = None
    cited_words: bool | None = None
    use_context: bool | None = None
    export: dict[str, Any] | None = None


def differing_values(one: Any, other: Any) -> list[str]:
    """The fields that two objects differ in, sorted, with both values where they are short; none for no objects."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        return []
    names = sorted(name for name in {*one, *other} if one.get(name) != other.get(name))
    shown = {name: (_short(one.get(name)), _short(other.get(name))) for name in names}
    return [name if None in values else f"{name} {' → '.join(map(str, values))}" for name, values in shown.items()]


def _short(value: Any) -> str | None:
    """A value for one line: a long text (a hash) by its beginning; None for what has parts of its own."""
    if isinstance(value, str):
        return value if len(value) <= 40 else f"{value[:12]}…"
    return "なし" if value is None else str(value) if isinstance(value, bool | int | float) else None


def differing_facts(now: Mapping[str, Any], stored: Mapping[str, Any]) -> list[str]:
    """Names of the deciding facts (``DECIDING_FACTS``) that two loaded models differ in, where both say them."""
    found = []
    for name in DECIDING_FACTS:
        one, other = now.get(name), stored.get(name)
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            same = {key for key in {*one, *other} if key != "name"}
            found += [f"{name}.{key}" for key in sorted(same) if one.get(key) != other.get(key)]
        elif name in now and name in stored and one != other:
            found.append(name)
    one, other = served_model(now), served_model(stored)
    return found + [f"server.{key}" for key in one if key in other and one[key] != other[key]]


def served_model(model: Mapping[str, Any]) -> dict[str, str]:
    """What a server's model is known by (``SERVED_FACTS``), as far as ``model`` says it."""
    server = model.get("server")
    said = {key: server.get(key) for key in SERVED_FACTS} if isinstance(server, Mapping) else {}
    return {key: PurePath(str(value)).name for key, value in said.items() if value}


def index_without_place(index: Any) -> Any:
    """What a result says of its index without folders and files, where what lies in them has a hash of its own."""
    if not isinstance(index, Mapping) or not index.get("corpus_hash"):
        return index
    places = {"index_dir", "rewrite_cache", *(("rewrite",) if index.get("rewritings_sha256") else ())}
    found = {**index, "retriever": _without(index.get("retriever") or {}, places)}
    if isinstance(reranker := index.get("reranker"), Mapping):
        # A model of the Hub has no hash here, and older results of it have no place for one.
        found["reranker"] = _without(reranker, {"model" if reranker.get("model_sha256") else "model_sha256"})
    if isinstance(embedding := index.get("embedding"), Mapping):
        found["embedding"] = _without(embedding, {"query"})  # ``query_adapter_sha256`` says what it names
    return found


def same_index(first: Any, other: Any) -> bool:
    """Whether two results, or a result and a search of now, say that one index was searched alike, on days with one law;
    the day (``law_since``) counts where both say it."""
    one, two = index_without_place(first), index_without_place(other)
    if isinstance(one, Mapping) and isinstance(two, Mapping) and not (one.get("law_since") and two.get("law_since")):
        one, two = _without(one, {"law_since"}), _without(two, {"law_since"})
    return bool(one == two)


def _without(one: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    return {name: value for name, value in one.items() if name not in names}


def _asked(plan: Any) -> Any:
    """Without what changes no answer: a smaller card writes fewer at once."""
    return _without(plan, {"batch_size"}) if isinstance(plan, Mapping) else plan


def asked_differently(first: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    """What the ``run`` of two results do not share of how they were asked, as a reader calls it."""
    found = [] if _asked(first.get("plan")) == _asked(other.get("plan")) else ["plan"]
    found += [] if first.get("prompt_version") == other.get("prompt_version") else ["prompt_version"]
    same = same_index(first.get("index"), other.get("index"))
    return found if same else [*found, "索引か検索の設定"]
