"""What came out best: results as a table that is filtered, sorted, grouped, tested, written and gone on from."""
