"""The report as text says the same as the page, in columns that fit a terminal."""

from cryptopilot.research import report
from cryptopilot.research.report.rows import SECTIONS
from tests.fakes.backtests import a_manifest
from tests.unit.research.report.test_page import runs


def lines(**given: object) -> list[str]:
    return report.text(runs(**given), a_manifest()).splitlines()


def test_every_figure_has_its_line_and_no_line_is_wider_than_a_terminal() -> None:
    found = lines()
    assert found[0].startswith("Backtest of default: 9 symbols, 1h, 2022-01-01 to 2022-03-25 (84 days), money in USDT")
    for row in (row for part in SECTIONS for row in part.rows):
        assert len([line for line in found if line.startswith(f"{row.label} ")]) == 1
    assert max(len(line) for line in found) <= 120
    assert found[-1] == f"manifest {a_manifest().id}"


def test_figures_stand_below_each_other_at_optimistic_expected_and_harsh_costs() -> None:
    heads = [
        line
        for line in lines()
        if line.endswith("optimistic            expected               harsh        buy and hold")
    ]
    assert len(heads) == len(SECTIONS)


def test_months_years_groups_and_refusals_follow() -> None:
    found = lines()
    for title in ("Months", "By symbol", "By tag", "By reason", "Why no trade?"):
        assert [line for line in found if line.startswith(f"{title} ")]
    assert [line.split() for line in found if line.startswith("min_confidence")] == [["min_confidence", "900", "78.9%"]]


def test_of_many_symbols_the_best_and_the_worst_ten_are_shown() -> None:
    found = lines(symbols=[f"C{i:02}/USDT" for i in range(60)], trades=600)
    named = [line for line in found if line.startswith("C") and "/USDT" in line]
    assert len(named) == 20
    assert "between the best and the worst ten are left out)" in "\n".join(found)


def test_a_name_cannot_colour_the_terminal_or_move_its_cursor() -> None:
    found = report.text(
        runs(symbols=("\x1b[31mRED\x1b[0m", "A\rB\x08", "\u202eX")), a_manifest(strategy="\x1b]0;x\x07")
    )
    assert all(letter.isprintable() or letter == "\n" for letter in found)


def test_a_run_without_trades_has_no_empty_tables() -> None:
    found = lines(trades=0)
    assert not [line for line in found if line.startswith("By ")]
