"""The archive role: keeps records of blocks as files, and finds them.   It needs filterd[audit]."""

import asyncio
from pathlib import Path

from filterd.box.errors import MissingPart
from filterd.box.places import ARCHIVE, BLOCKS, archive_socket
from filterd.config import Config
from filterd.process.json_socket import serve
from filterd.process.lifecycle import stop_requested, tell_we_live
from filterd.process.log_level import follow_log_level


async def live(config: Config, config_file: Path, index: int) -> int:
    """Keep records until SIGTERM."""
    del index
    try:
        from filterd.audit.archive.archive_service import Archive
        from filterd.audit.archive_messages import ARCHIVE_REQUESTS
    except ImportError as reason:
        raise MissingPart(
            f"archive: {reason}; not started, batches wait; install filterd[audit], or set /records/store: database"
        ) from reason
    stopping = stop_requested()
    archive = Archive(config.state_dir / BLOCKS)
    place = archive_socket(config.run_dir)
    server = await serve(place, ARCHIVE, ARCHIVE_REQUESTS, archive.answer)
    try:
        async with asyncio.TaskGroup() as group:
            work = (archive.tend(), follow_log_level(config, config_file), tell_we_live())
            tasks = [group.create_task(each) for each in work]
            await stopping.wait()
            for task in tasks:
                task.cancel()
    finally:
        server.close()
        place.unlink(missing_ok=True)
        archive.close()
    return 0
