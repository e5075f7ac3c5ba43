-- What is kept for a time only is found by when it came (docs/PROTOCOL.md §8.5). A message that expired is of kind 2: its
-- place and its id stay, what it said is gone.
CREATE INDEX message_by_arrival ON message (received_at_ms) WHERE kind = 0;
