"""`hocket serve`: take calls from browsers, programs and carriers."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.text import Text

from hocket.agent.loader import load_agent
from hocket.errors import MissingError


def serve(
    agent: str = typer.Argument(help="An agent: package.module:name, or path/to/file.py."),
    host: str = typer.Option("127.0.0.1", help="The address to listen on; 0.0.0.0 for all."),
    port: int = typer.Option(8080, help="For pages and tickets; worker i takes media at PORT+1+i."),
    workers: int = typer.Option(1, help="Processes that hold calls; one a core."),
    dev: bool = typer.Option(
        False, "--dev/--no-dev", help="For trying out: this machine only, and its pages may call."
    ),
    origin: list[str] = typer.Option([], help="Pages of this origin may call; may be given several times."),
    public_url: str = typer.Option("", help="Where callers reach this server through a proxy."),
    public_ip: str = typer.Option("", help="Where WebRTC reaches this server, if its own addresses are private."),
    trusted_proxy: list[str] = typer.Option(
        [], help="Address or network of a proxy whose X-Forwarded-For is believed; may be given several times."
    ),
    metrics_from: list[str] = typer.Option(
        [], help="Address or network that sees /metrics without an API key; may be given several times."
    ),
    tls_cert: str = typer.Option("", help="Certificate chain, PEM."),
    tls_key: str = typer.Option("", help="Its key, PEM."),
    drain_timeout: float = typer.Option(300.0, help="Seconds that calls may go on when the server is to stop."),
    max_calls: int | None = typer.Option(None, help="Calls of one worker at a time."),
    max_calls_per_address: int | None = typer.Option(
        None, help="Calls of one worker at a time whose tickets were given to pages at one address."
    ),
) -> None:
    """Serve an agent: a page to talk to it, WebSockets, WebRTC and phone streams.

    Secrets come by environment: HOCKET_API_KEYS, HOCKET_SECRET, TWILIO_AUTH_TOKEN, TELNYX_PUBLIC_KEY.
    """
    try:
        from hocket.gateway.server import serve as run
        from hocket.gateway.settings import Settings, secrets_of
    except ModuleNotFoundError as error:
        raise MissingError(
            f"Serving calls needs {error.name}, which is not installed: pip install hocket[serve]"
        ) from None
    settings = Settings(
        agent=agent,
        host=host,
        port=port,
        workers=workers,
        dev=dev,
        origins=tuple(origin),
        public_url=public_url,
        public_ip=public_ip,
        trusted_proxies=tuple(trusted_proxy),
        metrics_from=tuple(metrics_from),
        tls_cert=tls_cert,
        tls_key=tls_key,
        drain_timeout_s=drain_timeout,
        max_calls=max_calls,
        max_calls_per_address=max_calls_per_address,
        secrets=secrets_of(),
    )
    console = Console(stderr=True)
    name = load_agent(agent).name
    with console.status(f"getting {name} ready") as status:

        def ready(address: str) -> None:
            status.stop()
            said = Text(f"{name} takes calls at ").append(address, style="bold cyan")
            console.print(said.append("   (Ctrl-C ends)", style="dim"))

        run(settings, ready)
