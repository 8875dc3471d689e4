"""An optimiser that trains bfloat16 weights as if they were float32.

A step of AdamW is about as large as the learning rate, 2e-4; a bfloat16 weight of 0.1 has its neighbours 5e-4 apart, so
most steps would be rounded away and nothing learned. Here each float32 weight is kept in two halves: the upper 16 bits
rounded, which are the bfloat16 weight that the model computes with, and what is missing to the float32 weight as a
16-bit integer. Together they are the float32 weight bit for bit, so the steps are those of float32 training, at six
bytes a weight with its gradient instead of eight. (Splitting a float this way: "split SGD", arXiv 2005.04680.)

Imports torch at the top: import this module only where a model is trained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch


def split(whole: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A float32 tensor as (bfloat16 nearest to it, int16 rest); ``join`` gives it back exactly."""
    bits = whole.view(torch.int32)
    # Adding half a step before the lower bits are cut off rounds to the nearest; the rest then fits into 16 bits.
    upper = (bits + 0x8000) >> 16
    return upper.to(torch.int16).view(torch.bfloat16), (bits - (upper << 16)).to(torch.int16)


def join(rounded: torch.Tensor, rest: torch.Tensor) -> torch.Tensor:
    """The float32 tensor that ``split`` took apart."""
    return ((rounded.view(torch.int16).to(torch.int32) << 16) + rest).view(torch.float32)


class MasterWeights(torch.optim.Optimizer):  # type: ignore[misc]  # torch ships no types that mypy follows here
    """``inner`` on float32 copies of the bfloat16 parameters, which exist only during a step; others it has itself.

    ``inner`` must not have taken a step yet. Learning rates and the like are read from this optimiser's own groups.
    """

    def __init__(self, inner: torch.optim.Optimizer) -> None:
        super().__init__([dict(group) for group in inner.param_groups], {})
        self.inner = inner
        self._whole: dict[torch.nn.Parameter, torch.nn.Parameter] = {}
        self._rest: dict[torch.nn.Parameter, torch.Tensor] = {}
        for group in inner.param_groups:
            group["params"] = [self._stand_in(parameter) for parameter in group["params"]]

    def _stand_in(self, parameter: torch.nn.Parameter) -> torch.nn.Parameter:
        if parameter.dtype is not torch.bfloat16:
            return parameter
        # Without values until a step needs them.
        self._whole[parameter] = torch.nn.Parameter(torch.empty(0, dtype=torch.float32, device=parameter.device))
        self._rest[parameter] = torch.zeros_like(parameter, dtype=torch.int16)
        return self._whole[parameter]

    def step(self, closure: Callable[[], float] | None = None) -> None:
        """One step of ``inner``. ``closure`` is not supported."""
        if closure is not None:
            raise ValueError("this optimiser takes no closure")
        for own, theirs in zip(self.param_groups, self.inner.param_groups, strict=True):
            theirs.update({name: value for name, value in own.items() if name != "params"})
        for parameter, whole in self._whole.items():
            if parameter.grad is not None:
                whole.data = join(parameter.data, self._rest[parameter])
                whole.grad = parameter.grad.float()
        self.inner.step()
        for parameter, whole in self._whole.items():
            if whole.grad is not None:
                parameter.data, self._rest[parameter] = split(whole.data)
                whole.grad, whole.data = None, whole.data.new_empty(0)

    def state_dict(self) -> dict[str, Any]:
        """State of ``inner``, the rests of the weights, and the groups without their parameters."""
        return {
            "inner": self.inner.state_dict(),
            "rest": list(self._rest.values()),
            "groups": [
                {name: value for name, value in group.items() if name != "params"} for group in self.param_groups
            ],
        }

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Go on from what ``state_dict`` returned, the parameters themselves being restored elsewhere."""
        self.inner.load_state_dict(state_dict["inner"])
        for rest, stored in zip(self._rest.values(), state_dict["rest"], strict=True):
            rest.copy_(stored)
        for group, stored in zip(self.param_groups, state_dict["groups"], strict=True):
            group.update(stored)
