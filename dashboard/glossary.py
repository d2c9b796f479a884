"""The words of the pages, for newcomers. Pure."""

#: Word -> what it means, in the order in which one meets them.
WORDS = {
    "Site, location": "A building; one view of one wall that is photographed again and again.",
    "Capture, reference": "One photo; the one that all others of its location are laid onto.",
    "Registration": "Laying a photo onto the reference, so that the same pixel shows the same spot of the wall.",
    "Scale": "Millimetres per pixel of the reference. Without one, sizes are in pixels.",
    "Relevance, mask": "What made the photo look cracked to the classifier; the pixels that are crack.",
    "Opening": "How far the lips of a crack are apart at a place, across the crack.",
    "Station, profile": "A fixed measuring place along a crack; how light or dark the photo is across the crack there.",
    "Widest, mean opening, change": "Where it gapes widest; the mean of all stations; of that, since the reference.",
    "Lips, shear": "The change as the wall's texture on both sides shows it; how far the sides moved past each other.",
    "Reading, grade": "One photo's numbers; A, B or C: how far they may be trusted. C counts in no rate.",
    "Growth rate, interval": "By how much it grows a year; where the true rate lies in nine of ten cases.",
    "Smallest rate that would show": "What these readings could just tell from standstill.",
    "Season": "What opens and closes every year with warmth and moisture. Telling it from growth takes a year.",
    "Verdict": "Dormant, seasonal, progressive, accelerating, or not enough data, with its evidence.",
    "Trigger plan, level": "What green, amber and red mean here: what is done, by whom, until when.",
    "Alert, stale": "Something that needs somebody; photos have stopped coming, so that what is known grows old.",
    "Acknowledge, close": "Somebody has seen an alert; it has been dealt with, and how is kept.",
    "Event": "Something that breaks the history: a repair, a repaint, a new camera. Readings before it count no more.",
    "Recipe": "Everything that decides a number. Numbers of two recipes are never mixed in one trend.",
    "Withdrawn, moved": "A photo that should not have arrived; one that was put where it belongs. The reason is kept.",
    "Worker": "What takes photos in, measures, judges and sends messages. Pages only show; it has to run.",
}


def as_table() -> str:
    """All words as a Markdown table."""
    rows = "\n".join(f"| **{word}** | {meaning} |" for word, meaning in WORDS.items())
    return f"| Word | Meaning |\n|:--|:--|\n{rows}"
