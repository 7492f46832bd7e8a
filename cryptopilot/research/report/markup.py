"""Small pieces of HTML: everything that is not markup already is escaped here."""

from collections.abc import Iterable, Sequence
from html import escape

from cryptopilot.research.report.wording import printable, typeset


def name(text: str) -> str:
    """A name from outside: escaped, and nothing in it that turns text around."""
    return escape(printable(text))


def figure(shown: str) -> str:
    """A figure, or a text of ours with figures in it, as it is typeset; escaped."""
    return escape(typeset(shown))


def sign(value: float) -> str:
    """The class of a gain or a loss; none of 0 and of what is unknown."""
    return "gain" if value > 0 else "loss" if value < 0 else ""


def tag(kind: str, content: str, class_: str = "") -> str:
    return f'<{kind} class="{class_}">{content}</{kind}>' if class_ else f"<{kind}>{content}</{kind}>"


def section(title: str, *content: str, class_: str = "") -> str:
    return tag("section", "\n".join((tag("h2", escape(title)), *content)), class_)


def note(text: str) -> str:
    return tag("p", escape(text), "note")


def table(head: Sequence[str], rows: Iterable[str], class_: str = "") -> str:
    """*head* is plain text, *rows* are markup."""
    heads = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in head)
    return tag("table", f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{chr(10).join(rows)}\n</tbody>", class_)


def row(first: str, cells: Iterable[str]) -> str:
    """A row under its own heading; both are markup, cells with their ``td``."""
    return f'<tr><th scope="row">{first}</th>{"".join(cells)}</tr>'


def scrolled(content: str, title: str, class_: str = "") -> str:
    """What is wider or longer than its place, for hands, wheels and keys."""
    kind = f"wide {class_}".strip()
    return f'<div class="{kind}" role="region" tabindex="0" aria-label="{escape(title)}">{content}</div>'
