"""Floor 3: lines. The record, the journal it is chained into, and the proof that nothing was changed."""
