"""Builders of opened images from short lists of entries."""

from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from fastpath.images.image import Image, open_image
from fastpath.images.key_builder import ListSpec
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.urls import UrlsBuilder
from fastpath.images.verdict import Action, Tier
from fastpath.people.policy_writer import ProfileSpec, pack_policy
from fastpath.people.subscribers_writer import pack_subscribers
from fastpath.wire.name import to_wire

KEY = bytes(range(16))
LISTS = (
    ListSpec("csam", Tier.CSAM, 0, Action.SPLASH, True),
    ListSpec("orders", Tier.ORDER, 0, Action.SPLASH, False),
    ListSpec("orders-two", Tier.ORDER, 0, Action.SPLASH, False),
    ListSpec("help", Tier.HELP, 0, Action.PASSTHRU, False),
    ListSpec("adult", Tier.CATEGORY, 1, Action.SPLASH, False),
    ListSpec("games", Tier.CATEGORY, 70, Action.SPLASH, False),
    ListSpec("allowed", Tier.SECURITY, 0, Action.NXDOMAIN, False),
    ListSpec("malware", Tier.SECURITY, 0, Action.NXDOMAIN, False),
    ListSpec("tiktok", Tier.SERVICE, 65, Action.SPLASH, False),
)
NUMBER = {spec.id: number for number, spec in enumerate(LISTS)}

Entry = (
    tuple[str, str, int]
    | tuple[str, str, int, int]
    | tuple[str, str, int, int, int]
    | (tuple[str, str, int, int, int, bytes])
)


class Images:
    """Writes images into a folder and opens them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.generation = 0
        self.lists: tuple[ListSpec, ...] = LISTS

    def try_out(self, *list_ids: str) -> None:
        """From now on these lists are in the shadow: counted, not enforced."""
        self.lists = tuple(spec._replace(action=Action.SHADOW) if spec.id in list_ids else spec for spec in LISTS)

    def names(
        self,
        entries: Iterable[Entry],
        base: Image | None = None,
        drops: Iterable[str] = (),
        folding: Collection[str] = (),
    ) -> Image:
        """entries  (list id, name, mode[, action[, order[, local data]]]);   folding  ids of lists that fold."""
        number = {spec.id: at for at, spec in enumerate(self.lists)}
        builder = NamesBuilder(KEY, [spec._replace(folds=spec.id in folding) for spec in self.lists])
        for name in drops:
            builder.drop(to_wire(name.encode()))
        for list_id, name, *rest in entries:
            builder.add(to_wire(name.encode()), number[list_id], *rest)
        return self._write(ImageKind.NAMES, lambda out, *g: builder.build(out, *g), base)

    def urls(self, entries: Iterable[Entry], base: Image | None = None, drops: Iterable[str] = ()) -> Image:
        """entries  (list id, canonical URL, mode[, action[, order]])."""
        builder = UrlsBuilder(KEY, self.lists)
        for url in drops:
            builder.drop(url.encode())
        for list_id, url, *rest in entries:
            builder.add(url.encode(), NUMBER[list_id], *rest)
        return self._write(ImageKind.URLS, lambda out, *g: builder.build(out, *g), base)

    def subscribers(self, rows: Iterable[tuple[str, int | None]], base: Image | None = None) -> Image:
        return self._write(ImageKind.SUBSCRIBERS, lambda out, made, on: pack_subscribers(out, made, on, rows), base)

    def policy(self, profiles: Iterable[tuple[int, ProfileSpec]], base: Image | None = None) -> Image:
        """profiles  (subscriber, its profile)."""
        pairs = list(profiles)
        specs = [spec for _, spec in pairs]
        of = [(subscriber, index) for index, (subscriber, _) in enumerate(pairs)]
        return self._write(ImageKind.POLICY, lambda out, made, on: pack_policy(out, made, on, specs, of), base)

    def _write(self, kind: ImageKind, write: Callable[..., object], base: Image | None) -> Image:
        self.generation += 1
        path = self.folder / f"{kind.name}-{self.generation}.img"
        with path.open("wb") as out:
            write(out, self.generation, base.generation if base is not None else 0)
        return open_image(path, kind)
