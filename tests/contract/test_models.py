"""What every model promises."""

import math

import pytest

from cryptopilot.adapters.models.rule_based import MomentumModel, NewsModel, TechnicalModel
from cryptopilot.domain.prediction import Evidence
from cryptopilot.domain.tape import Tape
from cryptopilot.ports.model import Model
from cryptopilot.rules.features import Features
from cryptopilot.runtime import wiring
from cryptopilot.simulation.sandbox import DEFAULT_SYMBOLS, SandboxMarket

MODELS: list[Model] = [model for model, _ in wiring.MODELS]
"""Whatever is listed is tested."""
NAN = float("nan")


@pytest.fixture(scope="module")
def evidence() -> list[Evidence]:
    """Five hundred instants of twelve coins, from the very first bar on, with and without news."""
    market = SandboxMarket(5, DEFAULT_SYMBOLS, 300_000, 1_763_856_000_000)
    found = []
    for number, symbol in enumerate(market.symbols):
        tape, instrument = Tape.new(), market.instruments[symbol]
        for i in range(500):
            bar = market.closed(market.first_decision + i * 300_000).bars[symbol]
            price = instrument.price
            tape.advance(price(bar.high), price(bar.low), price(bar.close), instrument.volume(bar.volume))
            own = NAN if i % 3 else (i % 7 - 3) / 2
            found.append(Evidence(symbol, tape.row(), own, NAN if number % 2 else 0.5))
    return found


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.card.name)
def test_it_answers_for_every_symbol_with_as_many_parts_as_its_card_names(
    model: Model, evidence: list[Evidence]
) -> None:
    parts = model.parts(evidence)
    assert len(parts) == len(evidence)
    assert {len(p) for p in parts} == {len(model.card.parts)}
    assert model.card.name
    assert model.card.version


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.card.name)
def test_its_score_stays_within_one_or_it_abstains(model: Model, evidence: list[Evidence]) -> None:
    scores = [sum(p) for p in model.parts(evidence)]
    known = [s for s in scores if not math.isnan(s)]
    assert len(known) > 1000
    assert all(-1 <= s <= 1 for s in known)
    assert max(known) > 0 > min(known)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.card.name)
def test_it_says_the_same_of_one_symbol_whoever_stands_beside_it(model: Model, evidence: list[Evidence]) -> None:
    for one in evidence[300:320]:
        alone = model.parts([one])[0]
        beside = model.parts([evidence[0], one])[1]
        assert repr(alone) == repr(beside)


@pytest.mark.parametrize("model", MODELS, ids=lambda m: m.card.name)
def test_of_a_symbol_of_which_nothing_is_known_it_abstains(model: Model) -> None:
    unknown = Evidence("NEW/USDT", Features(*[NAN] * len(Features._fields)), NAN, NAN)
    assert math.isnan(sum(model.parts([unknown])[0]))


def test_every_listed_model_has_a_name_of_its_own_and_a_weight() -> None:
    assert len({model.card.name for model in MODELS}) == len(MODELS)
    assert all(weight > 0 for _, weight in wiring.MODELS)


def test_a_model_that_lacks_its_input_abstains_instead_of_guessing(evidence: list[Evidence]) -> None:
    young = evidence[3]
    for model in (TechnicalModel(), MomentumModel()):
        assert math.isnan(sum(model.parts([young])[0]))
    assert math.isnan(sum(NewsModel().parts([young._replace(own_news=NAN)])[0]))
