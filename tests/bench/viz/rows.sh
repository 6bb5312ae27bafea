#!/bin/sh
# rows.sh PROGRAM: a row for each picture of each trace that PROGRAM has made.
set -eu
PYTHONPATH=viz exec sh chapters/tools/python.sh tests/bench/viz/pictures.py "$1"
