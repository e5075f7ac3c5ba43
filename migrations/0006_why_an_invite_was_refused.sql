-- What people are told, and what a receipt settles.

-- Why the invite by which the owner of this node asked to join was refused; empty while it was not.
ALTER TABLE conversation ADD COLUMN refused TEXT NOT NULL DEFAULT '';

-- A receipt of one node settles a range of its rows: it must not look at the rows of all others.
CREATE INDEX outbox_by_node ON outbox (conversation, node, kind, sequence);
