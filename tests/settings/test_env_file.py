"""Settings files are parsed like assignments of a shell, and are never executed."""

from __future__ import annotations

import string
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ocisidecar.settings.env_file import read_env_file

NAMES = st.text(string.ascii_uppercase, min_size=1, max_size=8).map(lambda name: f"X_{name}")
TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\0\r", exclude_categories=["Cs"]), max_size=20)


def values(text, **options):
    return {one.name: one.value for one in read_env_file(text, **options).assignments}


def single_quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def double_quoted(text):
    return '"' + "".join(f"\\{sign}" if sign in '"\\$`' else sign for sign in text) + '"'


class TestAssignments:
    """Assignments and their values."""

    @pytest.mark.parametrize(
        ("text", "value"),
        [
            ('export A="web"', "web"),
            ("A=web", "web"),
            ("  export   A='web'  # a comment", "web"),
            ("A=", ""),
            ('A=""', ""),
            ('A="a b"', "a b"),
            ("A='$HOME `date` \\'", "$HOME `date` \\"),
            ('A="\\$HOME \\"x\\" \\\\ \\n"', '$HOME "x" \\ \\n'),
            ("A=a\"b c\"'d'", "ab cd"),
            ("A=a\\ b", "a b"),
            ("A=a#b", "a#b"),
            ("A=a;", "a"),
            ("A='one\ntwo'", "one\ntwo"),
            ('A="one\\\ntwo"', "onetwo"),
            ("B=web; A=${B}-$B", "web-web"),
            ('B=web\nA="${B}.x"', "web.x"),
            ("B=web\nA='${B}'", "${B}"),
            ('\ufeff#!/bin/bash\r\nexport A="web"\r\n', "web"),
        ],
    )
    def test_forms(self, text, value):
        """Every way in which shells write a value, apart from commands, is read."""
        file = read_env_file(text)
        assert values(text)["A"] == value
        assert file.errors == ()

    @given(st.lists(st.tuples(NAMES, TEXTS, st.booleans()), max_size=5))
    def test_every_text_survives_quoting(self, given_values):
        """Any value is read back unchanged from single and from double quotes."""
        lines = [
            f"export {name}={single_quoted(value) if is_single else double_quoted(value)}"
            for name, value, is_single in given_values
        ]
        assert values("\n".join(lines)) == {name: value for name, value, _ in given_values}

    @given(st.text(string.ascii_letters + " '\"\\$#;={}\n", max_size=40))
    @example(";;")
    @example("a\\\nb")
    @example(" ; C=1; # D\n;")
    def test_what_is_read_is_what_a_shell_reads(self, tail):
        """For a text without errors, sh gives the variable the same value."""
        text = f"A=x\nB={tail}"
        file = read_env_file(text)
        if file.errors or {one.name for one in file.assignments} != {"A", "B"}:
            return
        shell = subprocess.run(
            ["sh", "-c", f'{text}\nprintf %s. "$B"'], capture_output=True, text=True, env={}, check=False
        )
        assert values(text)["B"] + "." == shell.stdout

    def test_lines_are_counted(self):
        """An assignment has the right line and span, even after values of several lines."""
        text = "# head\n\nA='1\n2'\nB=\"3\" # x\n"
        first, second = read_env_file(text).assignments
        assert (first.line, second.line) == (3, 5)
        assert text[slice(*second.span)] == '"3"'

    def test_overrides_count_in_references(self):
        """A reference to a variable that the environment overrides yields the environment's value."""
        assert values("A=1\nB=$A", overrides={"A": "2"}) == {"A": "1", "B": "2"}

    def test_references_are_remembered(self):
        """The names that values refer to are returned."""
        assert read_env_file("HOST=x\nA=$HOST").referenced == {"HOST"}


class TestErrors:
    """Refused lines, none of which is executed."""

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ('A="$(cat ~/.ssh/id_rsa.pub)"', "command, which is not executed"),
            ("A=`id`", "command, which is not executed"),
            ('A="`id`"', "command, which is not executed"),
            ("A=${B:-x}", "only $NAME and ${NAME}"),
            ("A=$1", "only $NAME and ${NAME}"),
            ("A=$HOME", "refers to a variable that is not set earlier in this file"),
            ("A='x", "a quote that is not closed"),
            ('A="x', "a quote that is not closed"),
            ("A=x|y", "put the value in single quotes"),
            ("A=x y", "put the value in single quotes"),
            ("A= x", "contains whitespace"),
            ("source other.env", "is not an assignment"),
            ("A = x", "without spaces around ="),
            ("A=x;;", "is not an assignment"),
            ("; A=x", "is not an assignment"),
        ],
    )
    def test_refusals(self, line, said):
        """Each error has its line, and the lines after it are still read."""
        file = read_env_file(f"# one\n{line}\nC=3\n")
        (error,) = file.errors
        assert (error.line, said in error.message) == (2, True)
        assert file.assignments[-1].name == "C"

    @pytest.mark.parametrize(
        "line",
        ['A="pa$hunter2"', "A=pa${hunter2}", 'A="pa${hunter2:-x}"', "A=hunter2(x", "A='hunter2", "hunter2 x"],
    )
    def test_no_piece_of_a_value_is_quoted(self, line):
        """A message never repeats a part of a value, which may be a password."""
        (error,) = read_env_file(f"{line}\n").errors
        assert "hunter2" not in error.message

    def test_nothing_is_executed(self, tmp_path):
        """A command in a value is not executed."""
        trace = tmp_path / "trace"
        read_env_file(f"A=$(touch {trace})\nB=`touch {trace}`\ntouch {trace}\n")
        assert not trace.exists()

    def test_a_value_that_is_refused_can_be_referred_to(self):
        """A reference to a variable whose value is refused is not a second error."""
        assert len(read_env_file("A=$(id)\nB=$A\n").errors) == 1
