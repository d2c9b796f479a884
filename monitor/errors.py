"""Every exception this project raises on purpose, as one tree.

    CrackmonitorError           anything a person can act on; str(error) is a full sentence
    ├── MisuseError             the caller asked for something that does not exist or contradicts itself
    │   ├── UnknownNameError    a key that is not in a table; the message lists the known ones
    │   └── SettingsError       the settings file cannot be read or does not make sense
    ├── UnreadableImageError    a file that is not a picture we accept (quarantined, never retried)
    ├── LostOriginalError       the kept file of one capture is gone, while others are there
    ├── WeightsError            shipped or configured weights are absent, altered or of another architecture
    ├── RecipeError             a recipe that was recorded cannot be run here any more
    ├── AccessError             nobody is logged in, or who is may not do this
    ├── ClusterError            the machines that analyse elsewhere are out of reach, or none of them is free
    ├── StorageError            the database is absent, locked, read-only or of another schema version
    └── DeliveryError           a notification could not be sent; `permanent` says whether a retry helps

"Could not be measured" is *not* in this tree: it is data (see `monitor.records.Status`).
"""

from collections.abc import Iterable


class CrackmonitorError(Exception):
    """Base of all errors meant for people: the message says what happened and what to do."""


class MisuseError(CrackmonitorError):
    """The request itself is wrong; repeating it unchanged cannot succeed."""


class UnknownNameError(MisuseError):
    """A name that is not among the known ones."""

    def __init__(self, what: str, name: str, known: Iterable[str]) -> None:
        self.name = name
        self.known = tuple(sorted(known))
        listed = ", ".join(self.known) if self.known else "none yet"
        super().__init__(f"Unknown {what} '{name}'. Known: {listed}.")


class SettingsError(MisuseError):
    """The settings file cannot be read or does not make sense."""


class UnreadableImageError(CrackmonitorError):
    """The file is not a picture this service accepts."""


class LostOriginalError(CrackmonitorError):
    """The original of a capture is missing where it was kept."""


class WeightsError(CrackmonitorError):
    """Network weights are absent, altered, or belong to another architecture."""


class RecipeError(CrackmonitorError):
    """Captures cannot be analysed any more as they were when the recipe was recorded."""


class AccessError(CrackmonitorError):
    """Nobody is logged in, or whoever is may not do this."""


class ClusterError(CrackmonitorError):
    """The machines that analyse captures elsewhere cannot be used as they are."""


class StorageError(CrackmonitorError):
    """The database cannot be used as it is."""


class DeliveryError(CrackmonitorError):
    """A notification could not be delivered."""

    def __init__(self, message: str, *, permanent: bool = False) -> None:
        super().__init__(message)
        self.permanent = permanent
