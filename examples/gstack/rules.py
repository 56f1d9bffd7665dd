"""A team of rules, for work without a key: they know one idea, and make the mistakes that loops are for.

What is asked is told by the heading of its prompt. The builder forgets a letter first; a reviewer finds that the name
is not escaped; a user who says nothing finds another bug.
"""

from collections.abc import Callable

from artefacts import (
    Audit,
    Change,
    Changes,
    Design,
    File,
    Finding,
    Findings,
    Lines,
    Option,
    Options,
    Plan,
    PlanReview,
    Questions,
    Retro,
    Voice,
)
from team import Role, Team

from perdure import Scripted

TYPO = 'return f"<p>Hello, {nam}.</p>"'
PLAIN = 'return f"<p>Hello, {name}.</p>"'
ESCAPED = 'return f"<p>Hello, {escape(name)}.</p>"'
ANYBODY = "return f\"<p>Hello, {escape(name or 'you')}.</p>\""

TEST = """
    def test_it_greets_by_name(self) -> None:
        self.assertIn("Hello, Ann.", page("Ann"))
"""
TEST_NOBODY = """
    def test_it_greets_whoever_says_no_name(self) -> None:
        self.assertIn("Hello, you.", page(""))
"""


def files(prompt: str) -> dict[str, str]:
    """The files that a prompt shows."""
    shown = prompt.partition("=== ")[2].partition("\n\nWhat ")[0].partition("\n\nMend ")[0].partition("\n\nFind ")[0]
    named = (part.partition("\n") for part in shown.split("\n\n=== "))
    return {name: f"{text.rstrip()}\n" for name, _, text in named}


def line(prompt: str) -> str:
    return next(text.strip() for text in files(prompt)["app.py"].splitlines() if "return" in text)


def edited(prompt: str, message: str, app: str, test: str = "") -> Change:
    code = files(prompt)
    text = code["app.py"].replace(line(prompt), app)
    if "escape(" in app and "import escape" not in text:
        text = text.replace("import sys\n", "import sys\nfrom html import escape\n")
    tests = code["test_app.py"] if test in code["test_app.py"] else code["test_app.py"] + test
    return Change(message, [File("app.py", text), File("test_app.py", tests)])


def build(prompt: str) -> Change:
    wrong = "attempt: None" in prompt
    return edited(prompt, "feat: greet visitors by name", TYPO if wrong else PLAIN, TEST)


def mend(prompt: str) -> Change:
    if "not escaped" in prompt:
        return edited(prompt, "fix: escape the name", ESCAPED)
    return Change("fix: nothing", [])


def mend_bugs(prompt: str) -> Changes:
    if "without a name" not in prompt:
        return Changes([])
    return Changes([edited(prompt, "fix: greet whoever says no name", ANYBODY, TEST_NOBODY)])


def attacked(prompt: str) -> Findings:
    unescaped = "+    " + PLAIN in prompt
    return Findings([Finding("app.py: page", "the name is not escaped", "high", 9, False)] if unescaped else [])


def used(prompt: str) -> Findings:
    nobody = "Hello, ." in prompt
    return Findings(
        [Finding("app.py: page", "without a name it says `Hello, .`", "medium", 10, True)] if nobody else []
    )


PREMISES = ["Visitors who are greeted by name come back.", "A visitor's name is known when the page is made."]
GREETING = Design(
    title="A greeting",
    problem="Visitors do not feel meant.",
    evidence="Ann of the bakery asked twice whether the page knew her.",
    wedge="One page that says the name.",
    premises=PREMISES,
    approach="Put the name into the page.",
    success=["Half of those who were greeted come back within a month."],
    assignment="Watch Ann use it, and say nothing.",
)
REVIEW = PlanReview(
    score=8,
    examined=["the page", "its callers"],
    failure_modes=["a name that is code"],
    decisions=[],
    out_of_scope=["other languages"],
    already_there=["the page"],
    summary="Small, and worth it.",
)

#: By the heading of the prompt.
ANSWERS: dict[str, Callable[[str], object]] = {
    "Which three questions": lambda _: Questions(
        "Who would miss it tomorrow?", "What do they do today instead?", "Name one of them."
    ),
    "One more push": lambda _: "You said that they like it. What did one of them do?",
    "What others know": lambda _: "Shops that know their customers greet them. Nobody says whether it pays.",
    "What this stands on": lambda _: Lines(PREMISES),
    "Ways to build it": lambda _: Options(
        [
            Option("in the page", "S", "done today", "the name has to be escaped"),
            Option("a service", "M", "every page has it", "one more thing to run"),
        ]
    ),
    "Write the design": lambda _: GREETING,
    "Take the design apart": lambda _: Lines(["It does not say what is shown without a name."]),
    "One voice on the plan": lambda _: Voice(8, ["nothing is said of a name that is code"]),
    "Weigh the voices": lambda _: REVIEW,
    "Make the plan": lambda _: Plan("Greet by name.", ["page() says the name"], ["the name is in the page"], []),
    "Build it": build,
    "Critical pass": lambda _: Findings([]),
    "Security pass": attacked,
    "Adversary": attacked,
    "Mend the findings": mend,
    "Use it": used,
    "Mend the bugs": mend_bugs,
    "Hunt": lambda _: Findings([]),
    "Is there a hole": lambda _: Findings([]),
    "Hold it against the plan": lambda _: Audit("minor", 90, [], ["Visitors are greeted by name."]),
    "Speak now": lambda _: Lines([]),
    "Look back": lambda _: Retro(["It is live."], ["A letter was forgotten."], ["Run the tests before saying done."]),
}


def answer(prompt: str) -> object:
    return ANSWERS[prompt.partition("\n")[0].removeprefix("# ")](prompt)


OFFLINE = Team(*(Role([Scripted(name, answer)]) for name in ("first", "second", "builder", "clerk")))
