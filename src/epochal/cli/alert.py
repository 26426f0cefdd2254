"""``epochal alert``: be told by webhook or mail when a run fails, stalls or crosses a bound.

A server tells; while none runs, rules can be made and what they find waits.
"""

from __future__ import annotations

from typing import Annotated

import typer

from epochal.api import alert_questions as q
from epochal.api import connect
from epochal.cli.figures import ago
from epochal.cli.options import Home, Json, Url
from epochal.cli.terminal import Col, note, print_json, print_line, print_table
from epochal.domain.alert import Level, MailSettings, NewRule, Security, When
from epochal.domain.names import DEFAULT_ENTITY
from epochal.errors import InvalidInput

app = typer.Typer()

Project = Annotated[str, typer.Argument(help="The project.", show_default=False)]
RuleId = Annotated[str, typer.Argument(metavar="RULE", help="Id of the rule.", show_default=False)]
Entity = Annotated[str, typer.Option(help="Whose project.")]


@app.command()
def add(
    project: Project,
    when: Annotated[When, typer.Option(help="What to wait for.", show_default=False)],
    webhook: Annotated[str, typer.Option(help="Address that gets JSON by POST.")] = "",
    email: Annotated[str, typer.Option(help="Who gets a mail.")] = "",
    key: Annotated[str, typer.Option(help="Series of a threshold.")] = "",
    above: Annotated[float | None, typer.Option(help="Told when it is more.")] = None,
    below: Annotated[float | None, typer.Option(help="Told when it is less.")] = None,
    minutes: Annotated[float, typer.Option(help="Without a point until a run is stalled.")] = 10.0,
    level: Annotated[Level, typer.Option(help="Least level of run.alert().")] = "info",
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Make a rule; it tells of what happens from now on."""
    rule = NewRule(
        when=when, webhook=webhook, email=email, key=key, above=above, below=below,
        minutes=minutes, level=level,
    )  # fmt: skip
    made = connect(url, home=home).source.ask(q.AddRule(entity, project, rule))
    if json:
        print_json(made)
        return
    print_line(f"{made.id}: {made.target} is told when {made.says}")
    note(f"see whether it arrives with `epochal alert try {project} {made.id}`")


@app.command()
def ls(
    project: Project,
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """List the rules of a project."""
    found = connect(url, home=home).source.ask(q.ListRules(entity, project))
    if json:
        print_json(found)
        return
    if not found.rules:
        note(f"no rules yet; `epochal alert add {project} --when failed --webhook URL` makes one")
        return
    columns = [Col("rule"), Col("when", wrap=True), Col("tells"), Col("made", rank=1)]
    print_table(
        columns, [(one.id, one.says, one.target, ago(one.created_us)) for one in found.rules]
    )


@app.command()
def rm(
    project: Project,
    rule: RuleId,
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
) -> None:
    """Forget a rule."""
    connect(url, home=home).source.ask(q.RemoveRule(entity, project, rule))
    note(f"rule {rule} is gone")


@app.command(name="try")
def try_(
    project: Project,
    rule: RuleId,
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
) -> None:
    """Let a rule tell something now, so that one sees whether it arrives."""
    connect(url, home=home).source.ask(q.TryRule(entity, project, rule))
    note(f"a server tells it at once; `epochal alert log {project}` says how it went")


@app.command()
def log(
    project: Project,
    entity: Entity = DEFAULT_ENTITY,
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Show what the rules found, and whether it was told."""
    found = connect(url, home=home).source.ask(q.ListDeliveries(entity, project))
    if json:
        print_json(found)
        return
    if not found.deliveries:
        note("the rules have found nothing yet")
        return
    columns = [Col("found", rank=1), Col("what", wrap=True), Col("to", rank=2), Col("state")]
    columns += [Col("attempts", right=True, rank=3), Col("error", wrap=True)]
    print_table(
        columns,
        [
            (ago(one.created_us), one.title, one.target, one.state, str(one.attempts), one.error)
            for one in found.deliveries
        ],
    )


@app.command()
def mail(
    host: Annotated[
        str | None, typer.Option(help="The SMTP server; without it, show what is set.")
    ] = None,
    port: Annotated[int, typer.Option(help="Its port.")] = 587,
    security: Annotated[Security, typer.Option(help="How the connection is kept private.")] = (
        "starttls"
    ),
    user: Annotated[str, typer.Option(help="Who logs in.")] = "",
    password_file: Annotated[
        typer.FileText | None, typer.Option(help="File with the password; - reads stdin.")
    ] = None,
    sender: Annotated[str, typer.Option(help="The address that mails come from.")] = "",
    home: Home = None,
    url: Url = None,
    json: Json = False,
) -> None:
    """Name the mail server, or show it without its password."""
    source = connect(url, home=home).source
    if host is None:
        found = source.ask(q.GetMail())
    else:
        password = None if password_file is None else password_file.read().strip("\r\n")
        if user and password is None and not source.ask(q.GetMail()).has_password:
            raise InvalidInput(f"give the password of {user} with --password-file FILE")
        settings = MailSettings(
            host=host, port=port, security=security, user=user, password=password, sender=sender
        )
        found = source.ask(q.SetMail(settings))
    if json:
        print_json(found)
    elif not found.host:
        note("no mail server is named; `epochal alert mail --host HOST --sender ADDRESS` does it")
    else:
        who = f", as {found.user}" if found.user else ""
        print_line(f"{found.sender} by {found.host}:{found.port} ({found.security}){who}")
