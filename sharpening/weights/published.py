"""What is known of weight files that others have published: where they come from, on what terms, and which network they fill."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["PublishedFile"]


@dataclass(frozen=True, kw_only=True)
class PublishedFile:
    """One published file. The project holds none of them: users bring their own.

    Attributes:
        name: what it is called here; `weights import FILE --as NAME` uses it.
        file: its name where it is published.
        source: who published it and where, in the words of that place.
        licence: the terms in plain words.
        free_use: whether they allow commercial use, training data included.
        paper: what to cite.
        model: name of the network that it fills, as its card will say.
        build: "package.module:function" that gives the network, or names and shapes of the tensors, as converted.
        convert: "package.module:function" from the published tensors to the house's; "" where the names are the same.
        note: what else its user must know.
        sha256: of the file, or its first digits, where they are known.
    """

    name: str
    file: str
    source: str
    licence: str
    free_use: bool
    model: str
    build: str
    convert: str = ""
    paper: str = ""
    note: str = ""
    sha256: str = ""
