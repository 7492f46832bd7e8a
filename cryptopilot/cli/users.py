"""``cryptopilot users``: what the owner of the home does about people, with no server running."""

import sys
from typing import Annotated

import typer

from cryptopilot.cli.output import clear_errors, say, say_json

app = typer.Typer(no_args_is_help=True, help="People who may sign in: list them, help them in, put them out.")

Json = Annotated[bool, typer.Option("--json", help="Answer with one JSON document.")]
Name = Annotated[str, typer.Argument(help="Username.")]


@app.command("list")
@clear_errors
def list_users(as_json: Json = False) -> None:
    """List everybody, oldest first, with the number of their open sessions."""
    from cryptopilot.cli.people import listed_users  # noqa: PLC0415  # Keeps the other commands' start short.

    rows = listed_users()
    if as_json:
        say_json(rows)
        return
    for row in rows:
        state = "disabled" if row["disabled"] else f"{row['sessions']} open sessions"
        say([f"{row['username']}  {row['role']}  since {row['created_at']}  {state}"])
    say([] if rows else ["nobody yet; the one-time code of the first start makes the first user"])


@app.command()
@clear_errors
def password(
    name: Name,
    stdin: Annotated[bool, typer.Option("--stdin", help="Read the new password as one line of standard input.")] = (
        False
    ),
    as_json: Json = False,
) -> None:
    """Give somebody a new password; all their sessions end."""
    from cryptopilot.cli.people import reset_password  # noqa: PLC0415

    reset_password(name, _read_line() if stdin else _ask())
    done = {"username": name, "password": "changed"}
    say_json(done) if as_json else say([f"{name} has a new password; all sessions ended"])


@app.command("sign-out")
@clear_errors
def sign_out(name: Name, as_json: Json = False) -> None:
    """End all sessions of somebody."""
    from cryptopilot.cli.people import signed_out  # noqa: PLC0415

    ended = signed_out(name)
    done = {"username": name, "sessions_ended": ended}
    say_json(done) if as_json else say([f"sessions of {name} that ended: {ended}"])


@app.command("rotate-key")
@clear_errors
def rotate_key(as_json: Json = False) -> None:
    """Sign tokens with a new key; those of the old one count for fifteen minutes more."""
    from cryptopilot.cli.people import rotated_key  # noqa: PLC0415

    kid = rotated_key()
    say_json({"kid": kid}) if as_json else say([f"tokens are signed with key {kid} from the next start on"])


def _read_line() -> str:
    return sys.stdin.readline().rstrip("\r\n")


def _ask() -> str:
    return str(typer.prompt("New password", hide_input=True, confirmation_prompt=True, err=True))
