"""How commands speak: to people, to machines, on a terminal, and when something is wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from carecircle.errors import CarecircleError, InputError, UsageError
from carecircle.language import Language, text, use_language
from carecircle.model import Profile
from carecircle.outputs import speakable, to_json
from carecircle.report import facts


@dataclass(frozen=True)
class Session:
    """How a command speaks: for people (stdout and stderr) or for machines (one JSON object on stdout)."""

    as_json: bool
    quiet: bool

    def say(self, sentence: str) -> None:
        """Print a sentence for people."""
        if not (self.as_json or self.quiet):
            typer.echo(speakable(sentence))

    def note(self, sentences: list[str]) -> None:
        """Print what a user should know beside the results."""
        if not (self.as_json or self.quiet):
            for sentence in sentences:
                typer.echo(speakable(text("cli.note", note=sentence)), err=True)

    def done(self, summary: dict[str, Any]) -> None:
        """Print the summary for machines."""
        if self.as_json:
            typer.echo(to_json(summary))

    @contextmanager
    def progress(self, total: int) -> Iterator[Callable[[str, int, int], None]]:
        """Show a bar on a terminal; elsewhere stay silent."""
        console = Console(stderr=True)
        hidden = self.as_json or self.quiet or not console.is_terminal
        with Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            TimeElapsedColumn(),
            console=console,
            transient=True,
            disable=hidden,
        ) as bar:
            task = bar.add_task("", total=total)
            yield lambda stage, number, _of: bar.update(task, completed=number, description=text(f"stage.{stage}"))


@contextmanager
def session(lang: str, *, as_json: bool, quiet: bool) -> Iterator[Session]:
    """Run a command: errors meant for the user become a message and exit code 1."""
    language: Language = "en" if lang == "en" else "zh"
    with use_language(language):
        try:
            if lang not in {"zh", "en"}:
                raise UsageError(text("usage.language"))
            yield Session(as_json, quiet)
        except CarecircleError as error:
            _fail(error, as_json=as_json)
        except MemoryError:
            typer.echo(text("cli.memory"), err=True)
            raise typer.Exit(1) from None


def _fail(error: CarecircleError, *, as_json: bool) -> None:
    problems = [item.as_dict() for item in error.problems] if isinstance(error, InputError) else []
    if as_json:
        typer.echo(to_json({"error": type(error).__name__, "message": str(error), "problems": problems}))
    else:
        typer.echo(speakable(text("cli.error", message=str(error))), err=True)
    raise typer.Exit(1)


def profile_words(traveller: Profile) -> str:
    """Return who travels, and how fast, as a sentence."""
    name = facts.label("fact.profile_", traveller.name)
    return text("cli.profile", profile=name, speed=f"{traveller.speed_mps:.2f}")
