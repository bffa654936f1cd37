# SPDX-License-Identifier: Apache-2.0
"""report.py WORDS HTML: a page with the words that occur most."""
import sys


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;")


rows = sorted((line.rsplit(" ", 1) for line in open(sys.argv[1])), key=lambda row: -int(row[1]))
with open(sys.argv[2], "w") as page:
    page.write(f"<title>Words, by Python {sys.version.split()[0]}</title>\n<table>\n")
    page.writelines(f"<tr><td>{escaped(word)}<td>{int(count)}\n" for word, count in rows)
