"""Property 8, at the hand: who is overtaken after the first look and before the journal is written is refused by the journal."""

from __future__ import annotations

from platform_support import Bench, SteppedClock, demo_config


async def test_p08_a_holder_that_is_overtaken_between_two_looks_does_nothing(tmp_path):
    bench = Bench(demo_config(tmp_path), SteppedClock())
    await bench.run("switch_traffic", "INC-2.s1:0", epoch=2, weights={"east": 50, "west": 50})
    before = dict(bench.platform.origins)

    async def seen_before_the_other_began(target):
        return 0

    bench.workshop.operations._journal.highest_epoch = seen_before_the_other_began
    late = await bench.run("switch_traffic", "INC-1.s1:0", epoch=1, weights={"east": 0, "west": 100})
    bench.close()
    assert late.status == "refused"
    assert "epoch 1 is stale, 2 has acted" in late.error
    assert bench.platform.origins == before
