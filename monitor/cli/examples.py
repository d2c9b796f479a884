"""One example of every command, for the foot of its `--help`."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import typer

#: What is typed after `crackmonitor`, by the words of the command.
EXAMPLES: Mapping[str, str] = MappingProxyType(
    {
        "init": "wall-survey",
        "upgrade": "--workspace wall-survey",
        "worker": "--workspace wall-survey",
        "dashboard": "--workspace wall-survey",
        "growth": "north-wall",
        "doctor": "--workspace wall-survey",
        "analyse": "photo.jpg --reference first.jpg --mm-per-px 0.2",
        "register": "first.jpg photo.jpg",
        "measure": "mask.png --mm-per-px 0.2",
        "ingest": "photos/ --location north-wall",
        "simulate": "made-up --scenario seasonal",
        "train": "--data patches --out weights",
        "evaluate": "--data patches",
        "validate": "--quick",
        "demo": "demo --no-serve",
        "bench": "--only dashboard --sites 20 --readings 2000",
        "capacity": "--megapixels 12",
        "benchmark": "--quick --out results",
        "baselines": "weights --data patches",
        "report": "north-wall --out north-wall.pdf",
        "export": "north-wall --format csv",
        "api": "--workspace wall-survey",
        "site add": '"Town hall" --time-zone Europe/Berlin',
        "site list": "--json",
        "site adapt": '"Town hall" --history',
        "patch list": "45 --most 10",
        "patch accept": "45 --at 120,300",
        "patch reject": "45 --at 120,300",
        "crack list": "north-wall",
        "crack accept": 'north-wall A --why "Seen on site."',
        "crack reject": 'north-wall B --why "It is a cable."',
        "crack mark": 'north-wall --line 100,200,180,420 --why "Seen on site."',
        "crack corrections": "north-wall",
        "location add": 'north-wall --site "Town hall" --interval-days 7',
        "location list": "--json",
        "location scale": "north-wall --mm-per-px 0.2",
        "location reference": "north-wall first.jpg",
        "location interval": "north-wall --days 14",
        "location rule": "north-wall --metric max_width_mm --kind level --fire 2 --clear 1.8",
        "location confirm-time": '45 "2026-03-01 09:30"',
        "location event": "north-wall --at 2026-03-01 --kind repair",
        "location events": "north-wall",
        "location withdraw-event": '3 --why "It was the other wall."',
        "location temperature": "north-wall weather.csv",
        "location recipe": "north-wall --switch",
        "location gauge": "north-wall --crack A --width-mm 1.4 --at 2026-03-01",
        "location trigger-plan": "north-wall --amber-rate 0.2 --red-rate 0.5 --agreed-by Engineer",
        "capture list": "--location north-wall",
        "capture move": '45 --location south-wall --why "It shows the south wall."',
        "capture withdraw": '45 --why "A hand is in front of the lens."',
        "capture restore": '45 --why "The hand hides nothing."',
        "capture remeasure": "45",
        "alert list": "--location north-wall",
        "alert acknowledge": "1 --by Ada",
        "alert assign": "1 --to Bea",
        "alert comment": '1 "The scaffold is up."',
        "alert close": '1 --action "Grouted."',
        "alert test": "--by Ada",
        "alert check": "--workspace wall-survey",
        "db backup": "saved.zip",
        "db restore": "saved.zip",
        "db check": "--workspace wall-survey",
        "access setup": "--metadata-url https://login.example.org/openid-configuration --client-id cracks",
        "access add": "ada --role engineer",
        "access list": "--json",
        "access role": 'ada operator --site "Town hall"',
        "access remove": "ada",
        "access password": "ada",
        "token add": 'gate-camera --site "Town hall" --scope push',
        "token list": "--all",
        "token revoke": "3",
    }
)


def show_examples(app: typer.Typer, group: Sequence[str] = ()) -> None:
    """Put them under the help of all commands of `app`."""
    for command in app.registered_commands:
        assert command.callback is not None, "every command is a function"
        words = " ".join((*group, command.name or command.callback.__name__.replace("_", "-")))
        if words in EXAMPLES:
            command.epilog = f"Example: crackmonitor {words} {EXAMPLES[words]}"
    for below in app.registered_groups:
        if below.typer_instance is not None and below.name:
            show_examples(below.typer_instance, (*group, below.name))
