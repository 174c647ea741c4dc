"""What a training writes beside its log: tables, JSON and event files, read for samples as they grow.

A reader is fed bytes and gives samples, as the log's extractor does; the table says which one reads a file, by its
name. A new format is one class and one line of the table.
"""
