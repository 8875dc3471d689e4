"""A Hugging Face model, in 4 bits or plain, with or without a LoRA adapter: text answers and letter probabilities."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from ..core.chat import ChatFormat, chat_template_hash
from ..core.errors import ConfigError, ModelError
from ..core.prompts import Form
from .adapters import (
    adapter_chat_format,
    adapter_folder,
    attach_adapter,
    check_base,
    check_chat,
)
from .backend import NO_SAMPLERS, Generation
from .by_tokens import AskedByTokens
from .exported import what_was_trained
from .letters import (
    MAX_BATCH_TOKENS,
    KeptPrefix,
    LetterScores,
    plan_batches,
    score_letters,
    score_letters_shared_prefix,
)
from .loading import Quantization, base_model_facts, load_base_model, load_tokenizer
from .model_files import tokenizer_sha256
from .pieces import pieces_of


@dataclass(frozen=True, slots=True)
class HFLLMConfig:
    """What is loaded and how it writes.

    model_name              folder or Hugging Face Hub name of the base model
    lora_path               folder of a trained adapter, None for the base model alone
    device                  auto (GPU if there is one), cpu, cuda or cuda:N
    max_new_tokens          longest answer, in tokens
    temperature             0 takes the most probable token each time; above 0 samples
    load_in_4bit            store the linear layers in 4 bits
    bnb_4bit_compute_dtype  float16, bfloat16 or float32
    bnb_4bit_quant_type     nf4 or fp4
    """

    model_name: str
    lora_path: str | None = None
    device: str = "auto"
    max_new_tokens: int = 256
    temperature: float = 0.0
    load_in_4bit: bool = True
    bnb_4bit_compute_dtype: str = "bfloat16"
    bnb_4bit_quant_type: str = "nf4"

    def __post_init__(self) -> None:
        if self.max_new_tokens < 1:
            raise ConfigError(f"max_new_tokens は 1 以上にしてください（指定は {self.max_new_tokens}）。")
        if self.temperature < 0:
            raise ConfigError(f"temperature は 0 以上にしてください（指定は {self.temperature}）。")

    @property
    def quantization(self) -> Quantization | None:
        """The 4-bit settings, None when the model is loaded plain."""
        if not self.load_in_4bit:
            return None
        return Quantization(True, self.bnb_4bit_compute_dtype, self.bnb_4bit_quant_type)


@contextmanager
def _memory_named() -> Iterator[None]:
    """Turns the GPU's out-of-memory error into one line with the ways out."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError as error:
        raise ModelError(
            "GPU のメモリが足りません。4bit で読み込む（--hf-load-in-4bit）、文脈を減らす（--top-k）、"
            "一度に書かせる数を減らす（--batch-size）のいずれかを試してください。"
        ) from error


def _forget_published_settings(model: Any) -> None:
    """Leave of the generation settings that came with the model only its end tokens.

    ``generate`` fills in from them whatever it is not told: a repetition penalty of 1.1 would write other answers than
    ``stream`` does, and than the servers that the same model is asked through.
    """
    from transformers import GenerationConfig

    own = getattr(model, "generation_config", None)
    model.generation_config = GenerationConfig(eos_token_id=getattr(own, "eos_token_id", None))


class HFLoRALLM(AskedByTokens):
    """The loaded model. Prompts go through ``app.core.chat`` in the format the adapter was trained with."""

    def __init__(self, config: HFLLMConfig, *, chat_format: ChatFormat | None = None, form: Form = "letter") -> None:
        """Load model and adapter. ``chat_format`` None takes the adapter's, or the tokenizer's own template.

        Raises ModelError when something is missing, the adapter was trained on another base or chat template, or the
        tokenizer has no single tokens for the answers of ``form``.
        """
        self.config = config
        folder = None if config.lora_path is None else adapter_folder(config.lora_path)
        trained = what_was_trained(config.model_name, folder)
        self.manifest = None if trained is None else trained[1]
        trained_format = adapter_chat_format(self.manifest)
        if self.manifest is not None and chat_format not in (None, trained_format):
            raise ModelError(
                f"{config.lora_path or config.model_name}: アダプタは --chat-format {trained_format} で学習したものです（指定は {chat_format}）。"
            )
        used_format: ChatFormat = chat_format or trained_format
        tokenizer = load_tokenizer(config.model_name)
        if trained is not None:
            check_chat(trained[0], self.manifest, tokenizer, used_format)
        super().__init__(tokenizer, used_format, form)
        self.model = load_base_model(config.model_name, quantization=config.quantization, device=config.device)
        _forget_published_settings(self.model)
        self.base_model = base_model_facts(config.model_name, self.model)
        if folder is not None:
            check_base(folder, self.manifest, config.model_name, self.model)
            self.model = attach_adapter(self.model, folder)
        self._kept_prefix = KeptPrefix()

    def facts(self) -> dict[str, Any]:
        """What a result records about the model: base, adapter, quantisation, chat format, device."""
        quantization = self.config.quantization
        return {
            "backend": "hf",
            "base_model": self.base_model,
            "lora_path": self.config.lora_path,
            "quantization": None if quantization is None else asdict(quantization),
            "dtype": str(self.model.dtype).removeprefix("torch."),
            "samplers": NO_SAMPLERS,
            "device": str(self.model.device),
            "chat_format": self.chat_format,
            "template_sha256": chat_template_hash(self.tokenizer, self.chat_format),
            "tokenizer_sha256": tokenizer_sha256(self.tokenizer),
        }

    def invoke(self, prompt: str, **kwargs: Any) -> str:
        """The answer to one prompt; keywords as in ``generate``."""
        return self.generate([prompt], **kwargs)[0].text

    def generate(
        self,
        prompts: Sequence[str],
        *,
        max_new_tokens: int | None = None,
        temperature: float | None = None,
        max_batch_tokens: int = MAX_BATCH_TOKENS,
    ) -> list[Generation]:
        """Answers in the order of the prompts, batched by length."""
        budget = self.config.max_new_tokens if max_new_tokens is None else max_new_tokens
        heat = self.config.temperature if temperature is None else temperature
        rows = [self.encode(prompt) for prompt in prompts]
        for number, row in enumerate(rows, start=1):
            self._check_length(row, budget, number)
        answers: dict[int, Generation] = {}
        for batch in plan_batches([len(row) + budget for row in rows], max_batch_tokens):
            with _memory_named():
                written = self._generate_batch([rows[index] for index in batch], budget, heat)
            answers.update(zip(batch, written, strict=True))
        return [answers[index] for index in range(len(rows))]

    def _check_length(self, row: Sequence[int], budget: int, number: int = 1) -> None:
        limit = getattr(self.model.config, "max_position_embeddings", None)
        if limit is not None and len(row) + budget > limit:
            raise ModelError(
                f"{number} 番目のプロンプトは {len(row)} トークンで、回答 {budget} トークンを足すと"
                f"モデルの上限 {limit} を超えます。文脈（--top-k）か回答の長さを減らしてください。"
            )

    def _generate_batch(self, rows: Sequence[Sequence[int]], budget: int, temperature: float) -> list[Generation]:
        import torch
        from transformers import GenerationConfig

        longest = max(len(row) for row in rows)
        pad = self.tokenizer.pad_token_id
        ids = torch.tensor([[pad] * (longest - len(row)) + list(row) for row in rows])
        mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
        settings = GenerationConfig(
            max_new_tokens=budget,
            do_sample=temperature > 0,
            eos_token_id=sorted(self._ends()),
            pad_token_id=pad,
            use_cache=True,
            # Left out, top_k is 50.
            **({"temperature": temperature, "top_k": 0, "top_p": 1.0} if temperature > 0 else {}),
        )
        with torch.no_grad():
            output = self.model.generate(
                input_ids=ids.to(self.model.device),
                attention_mask=mask.to(self.model.device),
                generation_config=settings,
            )
        return [self._read(tokens, len(row)) for tokens, row in zip(output[:, longest:].tolist(), rows, strict=True)]

    def stream(
        self, prompt: str, *, max_new_tokens: int | None = None, temperature: float | None = None
    ) -> Iterator[str]:
        """See ``TextBackend``. Token after token, so that leaving the iterator ends the work."""
        budget = self.config.max_new_tokens if max_new_tokens is None else max_new_tokens
        heat = self.config.temperature if temperature is None else temperature
        row = self.encode(prompt)
        self._check_length(row, budget)
        return pieces_of(self._tokens_of(row, budget, heat), self._decode)

    def _tokens_of(self, row: Sequence[int], budget: int, temperature: float) -> Iterator[int]:
        import torch

        ids = torch.tensor([list(row)], device=self.model.device)
        past, ends = None, self._ends()
        for _ in range(budget):
            with _memory_named(), torch.no_grad():
                output = self.model(input_ids=ids, past_key_values=past, use_cache=True, logits_to_keep=1)
                logits, past = output.logits[0, -1].float(), output.past_key_values
                if temperature > 0:
                    chosen = torch.multinomial(torch.softmax(logits / temperature, dim=-1), 1)
                else:
                    chosen = logits.argmax(dim=-1, keepdim=True)
            token = int(chosen)
            if token in ends:
                return
            yield token
            ids = chosen[None]

    def _decode(self, tokens: Sequence[int]) -> str:
        return str(self.tokenizer.decode(list(tokens), skip_special_tokens=True))

    def _ends(self) -> set[int]:
        """The tokens that end an answer: the template's, and those that the model's own configuration names.

        A template may write another token than the model learned to stop with.
        """
        own = getattr(getattr(self.model, "generation_config", None), "eos_token_id", None)
        return {self._stop_id, *(own if isinstance(own, list) else [] if own is None else [own])}

    def _read(self, tokens: list[int], prompt_tokens: int) -> Generation:
        end = next((place for place, token in enumerate(tokens) if token in self._ends()), None)
        stopped = end is not None
        kept = tokens[:end]
        return Generation(self._decode(kept).strip(), prompt_tokens, len(kept) + stopped, truncated=not stopped)

    def score_ids(
        self, rows: Sequence[Sequence[int]], answers: Sequence[Sequence[int]], *, shared_prefix: bool
    ) -> LetterScores:
        """See ``AskedByTokens``. Raises ModelError for a row longer than the model, and for a full card."""
        with _memory_named():
            if shared_prefix:
                return score_letters_shared_prefix(self.model, rows, answers, kept=self._kept_prefix)
            return score_letters(self.model, rows, answers)
