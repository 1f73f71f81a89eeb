"""Write the answer key of the course: every exercise with its solution, for teachers.

    python tools/answer_key.py [file]    by default .cache/answer-key.md

It is made from the cells of the notebooks that are tagged "solution", which student copies lack.
"""

import argparse
import re
from pathlib import Path

import course_map
import pages

from snnlab._files import write_atomically

DEFAULT = pages.ROOT / ".cache" / "answer-key.md"
FOLDED = re.compile(r"</?details>|<summary>.*?</summary>")


def key():
    """The whole key as Markdown."""
    parts = ["# Answer key", "Not for students: made by `python tools/answer_key.py`."]
    for path in course_map.lessons():
        lesson, said = course_map.about(path), []
        parts.append(f"## {lesson['number']}. {lesson['title']}")
        for cell in course_map.read(path)["cells"]:
            if "solution" in cell["metadata"].get("tags", []):
                text = "".join(cell["source"])
                if cell["cell_type"] == "code":
                    name, number = re.search(r'snnlab\.check\(\s*"(n\d\d\.q(\d))"', text).groups()
                    code = f"```python\n{text}\n```"
                    parts, said = [*parts, f"### Exercise {number}", *said, f"`{name}`", code], []
                else:
                    said.append(FOLDED.sub("", text).strip())
    return "\n\n".join(parts) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("file", nargs="?", type=Path, default=DEFAULT)
    path = parser.parse_args().file
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, lambda file: file.write(key().encode("utf-8")))
    print(path)


if __name__ == "__main__":
    main()
