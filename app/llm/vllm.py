"""vLLM asked by token ids (https://docs.vllm.ai, POST /v1/completions with ``logprob_token_ids``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..core.errors import BackendError
from .backend import Generation
from .by_text import count_of
from .letters import LetterScores
from .token_server import TokenServer
from .top_logprobs import log_sum

# vLLM's MAX_LOGPROB_TOKEN_IDS: as many are told in one request.
MAX_IDS = 128
# Prompts of one request, where there are more than may be asked at once: one request of 48 took half the time of 48.
MAX_PROMPTS = 16


class VLLM(TokenServer):
    """A model, or an adapter on it, behind vLLM's server."""

    backend = "vllm"

    def about(self) -> dict[str, Any]:
        """See ``TokenServer``: the folder or Hub name served under the model's name, its context length, vLLM's version.

        Raises BackendError when the server has no model of that name.
        """
        listed = self.client.get("/v1/models").get("data")
        models = {str(one.get("id")): one for one in listed or [] if isinstance(one, dict)}
        if self.config.model not in models:
            raise BackendError(
                f"{self.client.address}: モデル {self.config.model} がありません（あるのは {'、'.join(models) or 'なし'}）。"
                "--llm-model を直してください。"
            )
        model = models[self.config.model]
        return {
            "root": model.get("root"),
            "parent": model.get("parent"),
            "max_model_len": count_of(model, "max_model_len"),
            "version": self.client.get("/version").get("version"),
        }

    def text_of_ids(self, ids: Sequence[int]) -> str:
        """See ``TokenServer``."""
        return str(self.client.post("/detokenize", {"model": self.config.model, "tokens": list(ids)}).get("prompt"))

    def scores(self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]]) -> LetterScores:
        """See ``TokenServer``. Raises BackendError for a vLLM that does not know ``logprob_token_ids``."""
        import numpy as np

        wanted = [index for ids in answers for index in ids]
        parts = [wanted[start : start + MAX_IDS] for start in range(0, len(wanted), MAX_IDS)]
        size = min(MAX_PROMPTS, -(-len(rows) // self.concurrency)) or 1
        groups = [[list(row) for row in rows[start : start + size]] for start in range(0, len(rows), size)]
        asked = [(group, part) for group in groups for part in parts]
        bodies = [
            {
                "model": self.config.model, "prompt": group, "max_tokens": 1, "temperature": 0.0, "logprobs": 1,
                "logprob_token_ids": part, "return_tokens_as_token_ids": True,
            }
            for group, part in asked
        ]  # fmt: skip
        values = self.client.post_all("/v1/completions", bodies)
        tables = [self._listed(value, len(group)) for value, (group, _) in zip(values, asked, strict=True)]
        logprobs = []
        for first in range(0, len(tables), len(parts)):
            for told in zip(*tables[first : first + len(parts)], strict=True):
                listed = {key: value for part in told for key, value in part.items()}
                if not listed.keys() >= set(wanted):
                    raise BackendError(
                        f"{self.client.address}/v1/completions: 答えのトークンの確率が応答にありません。"
                        "logprob_token_ids を知る新しい vLLM を使ってください。"
                    )
                logprobs.append([log_sum([listed[index] for index in ids]) for ids in answers])
        table = np.array(logprobs, dtype=np.float32)
        return LetterScores(table, np.exp(table).sum(axis=1))

    def _listed(self, value: Mapping[str, Any], prompts: int) -> list[dict[int, float]]:
        """For each of a request's prompts, token id → log-probability of its first token; vLLM writes ``token_id:5``."""
        try:
            choices = {int(choice["index"]): choice for choice in value["choices"]}
            tables = [choices[index]["logprobs"]["top_logprobs"][0] for index in range(prompts)]
            return [
                {int(name.removeprefix("token_id:")): float(logprob) for name, logprob in table.items()}
                for table in tables
            ]
        except (KeyError, IndexError, TypeError, AttributeError, ValueError):
            raise BackendError(
                f"{self.client.address}/v1/completions: 応答に、{prompts} 個のプロンプトのそれぞれの "
                "logprobs.top_logprobs がありません。vLLM のアドレスか確かめてください。"
            ) from None

    @property
    def writing_path(self) -> str:
        """See ``TokenServer``."""
        return "/v1/completions"

    def request(self, row: Sequence[int], budget: int, temperature: float) -> dict[str, Any]:
        """See ``TokenServer``; the sampling that the model's own configuration would add is left out."""
        return {
            "model": self.config.model, "prompt": list(row), "max_tokens": budget, "temperature": temperature,
            "seed": self.config.seed, "top_p": 1.0, "top_k": -1, "min_p": 0.0, "repetition_penalty": 1.0,
            "stop_token_ids": [self._stop_id],
        }  # fmt: skip

    def written(self, value: Mapping[str, Any]) -> Generation:
        """See ``TokenServer``."""
        try:
            choice = value["choices"][0]
            text = str(choice["text"])
        except (KeyError, IndexError, TypeError):
            raise BackendError(
                f"{self.client.address}/v1/completions: 応答に choices[0].text がありません。vLLM のアドレスか確かめてください。"
            ) from None
        usage = value.get("usage")
        return Generation(
            text.strip(),
            count_of(usage, "prompt_tokens"),
            count_of(usage, "completion_tokens"),
            truncated=choice.get("finish_reason") == "length",
        )

    def piece(self, event: Mapping[str, Any]) -> str:
        """See ``TokenServer``."""
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices else None
        text = choice.get("text") if isinstance(choice, dict) else None
        return text if isinstance(text, str) else ""
