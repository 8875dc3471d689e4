"""The parts of an evaluation (``--shard``) as the one result they are: none missing, none twice, all asked alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...core.errors import DataError
from ...core.manifests import now
from ...core.questions import Question
from ...core.runs import asked_differently, served_model
from ..results.doubts import doubts
from ..results.file import Result
from ..results.outcomes import Outcome
from ..results.summary import summarize
from .evaluate import distrust_reasons, without_place, write_whole
from .guards import TrainedOn
from .plan import EvaluationPlan
from .shard import Shard

# Of a part's adapter, what must be the same in all.
_SAME_ADAPTER = ("run_sha256", "weights_sha256")
# Of the model, where it ran: every part has its own card or server. What an adapter is, its hashes say.
_PLACE = {"device", "host", "lora_path"}


def check_shards(parts: Sequence[Result], questions: Sequence[Question]) -> None:
    """Raises DataError, naming the file, unless the parts are those of one evaluation of ``questions``: all, each once."""
    first = parts[0]
    found: dict[int, Path] = {}
    for part in parts:
        facts = part.run.get("shard")
        if not isinstance(facts, Mapping):
            raise DataError(f"{part.path}: --shard で評価した結果ではありません。")
        if asked := asked_differently(first.run, part.run):
            raise DataError(
                f"{first.path} と {part.path}: {'、'.join(asked)} が違います。同じ引数と索引で評価した結果だけをまとめられます。"
            )
        # A part that was finished before it was resumed says less of the model.
        said = [_said(one.run["model"]) for one in (first, part)]
        if different := sorted(key for key in said[0].keys() & said[1].keys() if said[0][key] != said[1][key]):
            raise DataError(
                f"{first.path} と {part.path}: モデルの {'、'.join(different)} が違います。同じモデルで評価した結果だけをまとめられます。"
            )
        adapters = [[(one.run.get("adapter") or {}).get(key) for key in _SAME_ADAPTER] for one in (first, part)]
        if part.run["data"]["sha256"] != first.run["data"]["sha256"] or adapters[0] != adapters[1]:
            raise DataError(
                f"{first.path} と {part.path}: 問題ファイルかアダプタが違います。同じものを評価し直してください。"
            )
        number = facts["number"]
        if (facts["of"], facts["questions"]) != (first.run["shard"]["of"], first.run["shard"]["questions"]):
            raise DataError(f"{first.path} と {part.path}: --shard の個数か、全体の問題数が違います。")
        if number in found:
            raise DataError(f"{found[number]} と {part.path}: どちらも --shard {number}/{facts['of']} です。")
        found[number] = part.path
    count = first.run["shard"]["of"]
    if missing := [f"{number}/{count}" for number in range(1, count + 1) if number not in found]:
        raise DataError(
            f"{len(missing)} 個の結果が足りません: --shard {'、'.join(missing)}。評価してからまとめてください。"
        )
    for part in parts:
        wanted = Shard(part.run["shard"]["number"], count).take(questions)
        if [question.id for question in wanted] != [outcome.id for outcome in part.outcomes]:
            raise DataError(
                f"{part.path}: 問題が --data（と --samples・--seed）の {part.run['shard']['number']}/{count} と違います。"
                "評価したときと同じ引数を指定してください。"
            )


def _said(model: Mapping[str, Any]) -> dict[str, Any]:
    """What parts must have in common of what a model says of itself: that of its server by name, and of files their
    contents where these are known, else their names, since every machine has them in folders of its own."""
    places = {*_PLACE, "server"} | ({"tokenizer"} if model.get("tokenizer_sha256") else set())
    server = model.get("server")
    served = {**server, **served_model(model)} if isinstance(server, Mapping) else {}
    return {
        **{name: value for name, value in without_place(model).items() if name not in places},
        **{f"server.{name}": value for name, value in served.items()},
    }


def merge_shards(
    parts: Sequence[Result],
    questions: Sequence[Question],
    output: Path,
    *,
    header: Mapping[str, Any],
    data: Mapping[str, Any],
) -> tuple[dict[str, Any], list[str]]:
    """Write the parts as one result, that of the evaluation without ``--shard``; its summary, and why it must not be
    trusted (empty when it may be).

    ``data`` describes the question file as given now. Raises DataError for parts that do not make one.
    """  # fmt: skip
    check_shards(parts, questions)
    first = parts[0].run
    if data["sha256"] != first["data"]["sha256"]:
        raise DataError(
            f"{data['path']}: 評価したときと内容が違います。{parts[0].path} の問題ファイルを指定してください。"
        )
    by_id: dict[str, Outcome] = {outcome.id: outcome for part in parts for outcome in part.outcomes}
    outcomes = [by_id[question.id] for question in questions]
    plan = EvaluationPlan(**first["plan"])
    summary = {
        **summarize(outcomes, questions, plan),
        "seconds": round(sum(float(part.summary["seconds"]) for part in parts), 2),
    }
    adapter, trained = _adapter(parts)
    unknown = adapter is not None and adapter["run_sha256"] is None
    distrust = (*distrust_reasons(trained, unknown), *doubts(outcomes, summary))
    run = {
        **{name: value for name, value in first.items() if name != "shard"},
        **header,
        "finished_at": now(),
        "data": dict(data),
        "adapter": adapter,
        # None where the system of a part does not tell.
        "peak_rss_bytes": max(
            (peak for part in parts if (peak := part.run["peak_rss_bytes"]) is not None), default=None
        ),
        "notes": list(dict.fromkeys(note for part in parts for note in part.run["notes"])),
        "shards": [str(part.path) for part in parts],
        "distrust": list(distrust),
    }
    write_whole(output, run, summary, outcomes, plan)
    return summary, list(distrust)


def _adapter(parts: Sequence[Result]) -> tuple[dict[str, Any] | None, TrainedOn]:
    """The adapter's facts of all parts together, and what of the questions it has seen."""
    each = [part.run["adapter"] for part in parts]
    if each[0] is None:
        return None, TrainedOn((), ())
    seen = {
        name: [one for facts in each for one in facts["trained_on"].get(name, [])] for name in each[0]["trained_on"]
    }
    shared = [facts["shared_clusters"] for facts in each]
    whole = {**each[0], "trained_on": seen, "shared_clusters": None if None in shared else sum(shared)}
    return whole, TrainedOn(**{name: tuple(ids) for name, ids in seen.items()})
