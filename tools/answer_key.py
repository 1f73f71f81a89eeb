"""Write the answer key of the course: every exercise with its solution, for teachers.

    python tools/answer_key.py [file]    by default .cache/answer-key.md

It is made from the cells of the notebooks that are tagged "solution", which student copies lack.
"""

import re
import sys
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
        lesson = course_map.about(path)
        parts.append(f"## {lesson['number']}. {lesson['title']}")
        for cell in course_map.read(path)["cells"]:
            if "solution" in cell["metadata"].get("tags", []):
                text = "".join(cell["source"])
                if cell["cell_type"] == "code":
                    name = re.search(r'snnlab\.check\(\s*"(n\d\d\.\w+)"', text)[1]
                    parts += [f"`{name}`", f"```python\n{text}\n```"]
                else:
                    parts += [f"### Exercise {cell['id'][-1]}", FOLDED.sub("", text).strip()]
    return "\n\n".join(parts) + "\n"


def main():
    path = Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT
    path.parent.mkdir(exist_ok=True)
    write_atomically(path, lambda file: file.write(key().encode("utf-8")))
    print(path)


if __name__ == "__main__":
    main()
