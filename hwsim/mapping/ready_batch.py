"""What one batch of a layer made ready gave: codes, first events, and what the exact run shows."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from hwsim.array.fast_lanes import ACC, LINK
from hwsim.array.fast_run import Happened, LaneRun, first_places
from hwsim.array.fast_tally import register_ledgers
from hwsim.array.gemm import Datapath, Ints
from hwsim.array.ledger import Place
from hwsim.mapping.run import LayerLedger

if TYPE_CHECKING:
    from hwsim.mapping.ready import ReadyLayer


class Batch:
    """What one batch gave so far."""

    def __init__(self, ready: ReadyLayer, samples: int, first_sample: int) -> None:
        self.ready, self.first_sample = ready, first_sample
        self.codes = np.empty((samples, *ready.columns), ready.kind)
        self.exact_codes = self.codes
        self.places: list[Place | None] = [None, None, None]  # of chain, accumulator, requantizer
        self.requant_transient = np.zeros((ready.columns[0], ready.columns[2]), np.int64)
        self.changed, self.farthest = 0, 0

    def take(self, start: int, sums: tuple[Ints, Ints], found: Happened) -> None:
        """Some samples: exact sums, and what registers kept where any was run stepwise."""
        ready, (exact, kept), samples = self.ready, sums, len(sums[0])
        part = self.codes[start : start + samples]
        hardware = kept if found.stepped else exact
        flags, happened = ready.requantizer(hardware, part)
        if found.stepped:
            self._places(start, samples, found)
        if happened and self.places[2] is None:
            s, g, m, n = (int(i) for i in np.argwhere(flags)[0])
            s += self.first_sample + start
            k = ready.prepared.datapath.shape[3]
            self.places[2] = ready.prepared.schedule.place("requant", s, g, m, n, k)
        if not found.stepped or all(map(np.array_equal, hardware, exact)):  # sample by sample
            if self.exact_codes is not self.codes:
                self.exact_codes[start : start + samples] = part
            return
        if self.exact_codes is self.codes:
            self.exact_codes = np.empty_like(self.codes)
            self.exact_codes[:start] = self.codes[:start]
        theirs, own = self.exact_codes[start : start + samples], flags.copy() if happened else None
        flags = ready.requantizer.uncounted(exact, theirs)
        if own is not None:
            self.requant_transient += (own & ~flags).sum(axis=(0, 2), dtype=np.int64)
        self.changed += int(np.count_nonzero(part != theirs))
        apart = np.maximum(part, theirs) - np.minimum(part, theirs)  # modulo their own type
        self.farthest = max(self.farthest, int(apart.view(f"u{part.itemsize}").max(initial=0)))

    def _places(self, start: int, samples: int, found: Happened) -> None:
        """The first event of each register, where there was none before."""
        outputs = samples * int(np.prod(self.ready.columns))
        happened = found.first[[LINK, ACC]] < outputs
        if all(
            known is not None or not new for known, new in zip(self.places, happened, strict=False)
        ):
            return

        datapath, images = self.ready.prepared.datapath, self.ready.images.source
        groups, m, n = self.ready.columns

        def row(s: int, g: int, pixel: int) -> tuple[Datapath, int]:
            at = s * images.strides[0] + g * images.strides[1] + images.pixel[pixel]
            steps = images.codes[at + images.step]
            return replace(datapath, a=np.broadcast_to(steps, (1, groups, m, len(steps)))), 0

        schedule, number = self.ready.prepared.schedule, self.first_sample + start
        places = first_places((samples, groups, m, n), row, schedule, found.first, number)
        for i, place in enumerate(places):
            self.places[i] = self.places[i] or place

    def ledger(self, run: LaneRun) -> LayerLedger:
        """The ledger of the whole batch."""
        ready, groups = self.ready, self.ready.columns[0]
        places = (self.places[0], self.places[1])
        chain, acc = register_ledgers(ready.prepared.datapath, *run.tallies(), places)
        return LayerLedger(
            chain=chain,
            accumulator=acc,
            bias_events=np.zeros((groups, ready.columns[2]), np.int64),
            requant_events=ready.requantizer.events,
            requant_persistent=ready.requantizer.events - self.requant_transient,
            clipped=ready.requantizer.clipped,
            codes_changed=self.changed,
            max_code_change=self.farthest,
            first=min((place for place in self.places if place is not None), default=None),
        )
