"""Where a box keeps what: a folder for each role, so that none can take another's place.

    state_dir  database/   filterd.db           control and web write        run_dir  control/  control.sock
               keys/       of pseudonyms: control alone                               control-splash/  control.sock
               lists/      copies of lists: control alone                             NAME/     worker.sock
               images/     control writes, workers read                               dns/      the key of DNS cookies
               desk/       of the desk's secrets: web alone
               image-key/  control writes, workers read                               counters-ROLE/  metrics reads it
               people-key/ of telephone numbers: web alone
               spool/      NAME/, NAME-tcp/: the worker NAME writes,                  reader.sock  readers of lists
                           control empties                                            sealed.sock  of sealed ones
               sealed-key/ opens sealed lists: their reader alone                 radius/   radius.sock
               sessions/   journal of sessions: radius alone
               siem/       how far records were sent: siem alone
               session-images/  radius writes, workers and control read        archive/  archive.sock
               blocks/     batches/: control writes, archive empties; LEDGER/: archive alone

Who may do what there: docs/internals/roles.md.  Under one supervisor all of it has one owner.
"""

from collections.abc import Iterator
from pathlib import Path

from filterd.box.errors import WrongUse

IMAGES, SPOOL, LISTS, KEYS, DATABASE = "images", "spool", "lists", "keys", "database"
DESK = "desk"  # what web alone reads: the key of the desk's secrets
IMAGE_KEY = "image-key"  # apart from the images, so that a backup can leave it out
SEALED_KEY = "sealed-key"  # in the laboratory, where systemd holds no credential
PEOPLE_KEY = "people-key"  # apart from the database, so that a copy of that one has no number in clear
SESSIONS = "sessions"  # what network access servers have reported
SESSION_IMAGES = "session-images"
SESSIONS_MANIFEST = "sessions.json"  # names the levels there, next to them
BLOCKS = "blocks"  # records of blocks, where they are files
UNFINISHED = "unfinished"  # of a gate worker: connections that servers may not have finished
PUBLIC = Path("config/public")  # files of lists that are public: control writes, web reads
CONTROL, DNS, RADIUS, SPLASH = "control", "dns", "radius", "splash"  # folders of what runs; a worker's has its name
ARCHIVE = "archive"
SIEM = "siem"  # how far records were sent, and the folder of what runs
CONTROL_FOR_SPLASH = "control-splash"
FILE = "filterd.db"
CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"


def database_file(state_dir: Path) -> Path:
    """The database; its folder is made where it is missing.

    Raises WrongUse where a database lies at its place of earlier versions: a box must not begin again without it."""
    earlier, place = state_dir / FILE, state_dir / DATABASE / FILE
    try:
        has_earlier = earlier.exists()
    except PermissionError as reason:  # of the folder: say what was asked for
        raise PermissionError(reason.errno, reason.strerror, str(place)) from reason
    if has_earlier:
        raise WrongUse(
            f"{earlier}: the database has a folder of its own now; not opened; stop filterd, and move {earlier}* "
            f"to {place.parent}, with the keys as docs/operate/upgrading.md says"
        )
    place.parent.mkdir(parents=True, exist_ok=True)
    return place


def keys_folder(state_dir: Path) -> Path:
    """The folder of the keys, readable by its owner alone; made where it is missing."""
    folder = state_dir / KEYS
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def control_socket(run_dir: Path) -> Path:
    return run_dir / CONTROL / "control.sock"


def splash_socket(run_dir: Path) -> Path:
    """Where control answers the splash: in a folder of its own, so that its account can be given this one alone."""
    return run_dir / CONTROL_FOR_SPLASH / "control.sock"


def radius_socket(run_dir: Path) -> Path:
    """Where the role that hears network access servers says what it knows."""
    return run_dir / RADIUS / "radius.sock"


def archive_socket(run_dir: Path) -> Path:
    """Where the role that keeps records of blocks as files is asked for them."""
    return run_dir / ARCHIVE / "archive.sock"


def reader_socket(run_dir: Path) -> Path:
    """Where systemd starts a reader of lists for anyone who asks, under filterd-reader.socket; else nothing is
    there."""
    return run_dir / "reader.sock"


def sealed_socket(run_dir: Path) -> Path:
    """The same of readers of sealed lists, under filterd-sealed.socket."""
    return run_dir / "sealed.sock"


def keep_out_of_backups(folder: Path) -> None:
    """Mark a folder as one that backup programs leave out (bford.info/cachedir); made where it is missing."""
    tag = folder / "CACHEDIR.TAG"
    if not tag.exists():
        folder.mkdir(parents=True, exist_ok=True)
        tag.write_text(CACHE_TAG)


def folder_of(name: str) -> str:
    """The folder of a process in run_dir: control-0 → control, dns-1 → dns-1.   Workers alone can be several."""
    return name if name.startswith((DNS, "gate")) else name.removesuffix("-0")


def name_of(folder: str) -> str:
    """The process that has a folder in run_dir, as folder_of()."""
    return folder if "-" in folder else f"{folder}-0"


def role_of(worker: str) -> str:
    """The role of a worker: dns-0 → dns."""
    return worker.partition("-")[0]


def worker_socket(run_dir: Path, name: str) -> Path:
    return run_dir / name / "worker.sock"


def worker_sockets(run_dir: Path) -> dict[str, Path]:
    """The sockets that are there, by the name of their worker."""
    return {path.parent.name: path for path in sorted(run_dir.glob("*/worker.sock"))}


def counters_folder(run_dir: Path, owner: str) -> Path:
    """The folder of the counters of a role's workers, or of control's.

    Apart from what else a worker reports: who reads counters has no need to reach its socket or its spool."""
    return run_dir / f"counters-{role_of(owner)}"


def counters_files(run_dir: Path) -> Iterator[Path]:
    """Every file of counters, by name."""
    yield from sorted(run_dir.glob("counters-*/*"), key=lambda path: path.name)
