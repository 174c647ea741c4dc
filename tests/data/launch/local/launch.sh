#!/bin/sh
exec python3 ./runner.py --detach .
