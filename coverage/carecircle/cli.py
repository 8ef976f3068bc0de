"""The `carecircle` command."""

from __future__ import annotations

import sys
from importlib.metadata import version

import typer

from carecircle.commands import files, geocoding, inputs, policy, running, siting, travel

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Fifteen-minute elderly-care circles along real roads 一刻钟养老服务圈",
)
app.command("run")(running.run_plan)
app.command("check")(running.check_plan)
app.command("demo")(running.run_demo)
app.command("site")(siting.site_command)
app.command("times")(travel.times_command)
app.command("isochrones")(travel.isochrones_command)
app.command("coverage")(travel.coverage_command)
app.command("inspect")(files.inspect_command)
app.command("geocode")(geocoding.geocode_command)
app.command("fetch")(files.fetch_command)
app.command("template")(inputs.template_command)
app.add_typer(policy.app, name="policy")


@app.command("version")
def version_command() -> None:
    """Print the version."""
    typer.echo(version("carecircle"))


def main() -> None:
    """Run the command."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="replace")  # a Windows console may not know every character
    app()
