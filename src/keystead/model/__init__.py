"""Floor 1: the pinned AWS service models, compiled to types, decoders, encoders and validation sentences."""
