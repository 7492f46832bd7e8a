"""What the journal has kept stays readable, and is written again as the same bytes."""

from cryptopilot.adapters.storage.codec import decode_judged, encode_segment
from cryptopilot.domain.signal import Judged, Signal, words
from cryptopilot.rules.signals import BUY, HOLD, SELL

NAN = float("nan")
SEGMENT = bytes.fromhex(
    """
    93969da764656661756c74a84254432f55534454cf0000017e14a7100001a461637473cb3fe8000000000000cb3feccc
    cccccccccdce0047b760cb3fb70a3d70a3d70ace00464830ce004a95c0ce0f731400cf0000017e14ddfe80c2ac6d6178
    5f706f736974696f6ecb3fb999999999999acb3fc0000000000000a0969da764656661756c74a84554482f55534454cf
    0000017e14a71000ffa461637473cb3fc999999999999acb3feccccccccccccdce0047b760cb00000000000000000000
    00cf0000017e14ddfe80c3a0cb7ff8000000000000cb7ff8000000000000a76f726465722d31969da764656661756c74
    a85852502f55534454cf0000017e14a7100000ab6e6f5f706f736974696f6ecb3fc999999999999acb3feccccccccccc
    cdce0047b760cb0000000000000000000000cf0000017e14ddfe80c2ab6e6f5f706f736974696f6ecb7ff80000000000
    00cb7ff8000000000000a0
    """
)
ROOT = "64e0767be94a9c7d46739956e8248972a7cf0c2ab83dc740254ab046622b3f46"
"""A purchase, a sale and a HOLD, as the first version kept them before signals had types."""

BOUGHT = Signal(
    "default", "BTC/USDT", 1_641_024_000_000, BUY, "acts", 0.75, 0.9, 4_700_000, 0.09, 4_606_000, 4_888_000,
    259_200_000, 1_641_027_600_000,
)  # fmt: skip


def test_signals_kept_before_there_were_types_are_read_as_they_were_and_keep_their_root() -> None:
    kept = decode_judged(SEGMENT)
    assert kept[0] == Judged(BOUGHT, False, "max_position", 0.1, 0.125, "")
    assert [j.signal.side for j in kept] == [BUY, SELL, HOLD]
    assert [j.signal.signal_type for j in kept] == [j.signal.title for j in kept] == ["BUY", "SELL", "HOLD"]
    assert encode_segment(kept) == (SEGMENT, ROOT)


def test_a_type_of_its_own_is_kept_with_its_name_and_shows_its_side() -> None:
    raised = Judged(BOUGHT._replace(reason="BREAKOUT"), True, "", NAN, NAN, "order-1")
    body, _ = encode_segment((raised,))
    (again,) = decode_judged(body)
    assert again.signal == raised.signal
    assert (again.signal.signal_type, again.signal.title) == ("BREAKOUT", "BREAKOUT (buy)")


def test_a_type_that_is_no_longer_listed_can_still_be_told() -> None:
    assert words("RETIRED") == "RETIRED asked for it: a strategy, or a signal type that is no longer listed"
    assert words("no_edge") == "the prediction is too close to even"
