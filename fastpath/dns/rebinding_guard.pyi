def answer_leads_inside(answer: bytes) -> bool:
    """Whether a record of the answer section of `answer` has a private address."""
