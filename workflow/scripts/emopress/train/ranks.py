"""The processes that train one model together, a GPU each: what each has to do, and what they exchange.

`emopress.jobs.processes` starts them. The gradients are summed here and not by DistributedDataParallel, which waits
forever where a process has no text of a batch, and for trainable tensors that a batch does not use.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, distributed

GOLDEN = 0x9E3779B1  # odd, so that no two ranks have the same multiple modulo 2**32
BUCKET = 2**23  # numbers that are summed over the processes at once, 32 MiB of fp32


@dataclass(frozen=True)
class Ranks:
    """This process among those that train with it: number `rank` of `world`, alone by default."""

    rank: int = 0
    world: int = 1

    @classmethod
    def here(cls) -> "Ranks":
        """Return the ranks of the process group that this process is in, if any."""
        if not (distributed.is_available() and distributed.is_initialized()):
            return cls()
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def first(self) -> bool:
        """Whether this process is the one that judges the model and writes files."""
        return self.rank == 0

    def seed(self, common: int) -> int:
        """Return this process's own seed, for its dropout; the first one's is `common`.

        They differ in the low 32 bits, which are all that torch's generator on the CPU takes.
        """
        return common + self.rank * GOLDEN % 2**32

    def share(self, indices: list[int]) -> list[int]:
        """Return this process's texts of a batch, [] if there are fewer texts than processes."""
        return indices[self.rank :: self.world]

    def whole(self, logits: Tensor, count: int) -> Tensor:
        """Return the logits [count, C] of a batch from those of this process's share, `logits` [n, C].

        Those of the other processes are constants, so that the gradient of any loss on the result is, summed over
        the processes, the gradient of that loss on the whole batch.
        """
        most = -(-count // self.world)
        padded = F.pad(logits.detach(), (0, 0, 0, most - len(logits))).contiguous()
        parts = [torch.empty_like(padded) for _ in range(self.world)]
        distributed.all_gather(parts, padded)
        parts[self.rank] = logits
        result = logits.new_empty(count, logits.shape[1])
        for rank, part in enumerate(parts):
            result[rank :: self.world] = part[: len(range(rank, count, self.world))]
        return result

    @torch.no_grad()
    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Make each gradient the sum of those of all processes; one that no process has stays None."""
        if self.world == 1:
            return
        trained = [p for p in parameters if p.requires_grad]
        has = torch.tensor([int(p.grad is not None) for p in trained], device=_device())
        distributed.all_reduce(has, distributed.ReduceOp.MAX)
        gradients: list[Tensor] = []
        for parameter, somewhere in zip(trained, has.tolist(), strict=True):
            if somewhere:
                if parameter.grad is None:
                    parameter.grad = torch.zeros_like(parameter)
                gradients.append(parameter.grad)
        for bucket in _buckets(gradients):
            flat = torch.cat([gradient.reshape(-1) for gradient in bucket])
            distributed.all_reduce(flat)
            summed = flat.split([gradient.numel() for gradient in bucket])
            for gradient, values in zip(bucket, summed, strict=True):
                gradient.copy_(values.view_as(gradient))

    @torch.no_grad()
    def start_alike(self, model: torch.nn.Module, epochs: int) -> None:
        """Give every process the first one's weights; RuntimeError if they have trained other numbers of `epochs`."""
        if self.world == 1:
            return
        (expected,) = self.from_first([epochs])
        if expected != epochs:
            raise RuntimeError(
                f"process {self.rank} resumed after epoch {epochs}, not {expected:.0f}"
            )
        for tensor in model.state_dict().values():
            distributed.broadcast(tensor, 0)

    def from_first(self, numbers: list[float]) -> list[float]:
        """Return the first process's `numbers`, in all of them."""
        if self.world == 1:
            return numbers
        values = torch.tensor(numbers, dtype=torch.float64, device=_device())
        distributed.broadcast(values, 0)
        return [float(value) for value in values.tolist()]


def _device() -> torch.device:
    """Return where the process group's backend wants its tensors."""
    if distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def _buckets(tensors: list[Tensor]) -> Iterator[list[Tensor]]:
    """Yield neighbours of one type together, of at most about BUCKET numbers."""
    bucket: list[Tensor] = []
    for tensor in tensors:
        full = sum(t.numel() for t in bucket) + tensor.numel() > BUCKET
        if bucket and (full or tensor.dtype != bucket[0].dtype):
            yield bucket
            bucket = []
        bucket.append(tensor)
    if bucket:
        yield bucket
